//! What becomes of bytes on their way, at one place of all that a client sends.

pub struct Damage {
    kind: u8,
    /// So many bytes are left before the place.
    at: usize,
    value: u8,
    done: bool,
}

impl Damage {
    pub fn new(kind: u8, at: u16, value: u8) -> Self {
        Self { kind: kind % 7, at: usize::from(at), value: value.max(1), done: false }
    }

    /// Whether the place was met.
    pub fn was_done(&self) -> bool {
        self.done
    }

    /// What arrives of these bytes; nothing after a cut.
    pub fn done_to(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        const CUT: u8 = 2;
        if self.done || self.kind == 0 {
            return if self.done && self.kind == CUT { Vec::new() } else { bytes };
        }
        if self.at >= bytes.len() {
            self.at -= bytes.len();
            return bytes;
        }
        self.done = true;
        let run = usize::from(self.value);
        // As much of a run as there is.
        let end = |from: usize| bytes.len().min(from + run);
        let (first, second) = (end(self.at), end(end(self.at)));
        match self.kind {
            1 => bytes[self.at] ^= self.value,
            CUT => bytes.truncate(self.at),
            3 => drop(bytes.drain(self.at..first)),
            4 => bytes.insert(self.at, self.value),
            5 => {
                let again = bytes[self.at..first].to_vec();
                bytes.splice(first..first, again);
            }
            _ => bytes[self.at..second].rotate_left(first - self.at),
        }
        bytes
    }
}
