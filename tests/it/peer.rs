//! A client made of bytes: what it sends is written here by hand, from MS-TDS, and not by the code under test.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Long enough for a machine under load, short enough to be a test's end.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const PRELOGIN: u8 = 0x12;
pub(crate) const LOGIN7: u8 = 0x10;

/// A connection to a server.
pub(crate) struct Peer(TcpStream);

/// One packet, whose header tells the truth; `status` 1 ends the message [MS-TDS 2.2.3.1].
pub(crate) fn packet(kind: u8, status: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, status];
    bytes.extend(u16::try_from(payload.len() + 8).unwrap().to_be_bytes());
    bytes.extend([0, 0, 1, 0]);
    bytes.extend(payload);
    bytes
}

/// VERSION and ENCRYPTION, which is not supported [MS-TDS 2.2.6.5].
pub(crate) fn prelogin() -> Vec<u8> {
    vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 2]
}

/// A login of `app` by a password, in TDS 7.4 [MS-TDS 2.2.6.4].
pub(crate) fn login7() -> Vec<u8> {
    let texts = ["host", "app", "pw", "test", "server", "", "lib", "", ""];
    let (mut pairs, mut data) = (Vec::new(), Vec::new());
    for (place, text) in texts.iter().enumerate() {
        pairs.extend(u16::try_from(94 + data.len()).unwrap().to_le_bytes());
        pairs.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        // The third is the password: nibbles swapped, then XOR 0xA5.
        let disguise = |byte: u8| if place == 2 { byte.rotate_left(4) ^ 0xA5 } else { byte };
        data.extend(text.encode_utf16().flat_map(u16::to_le_bytes).map(disguise));
    }
    let mut bytes = vec![0; 4];
    bytes.extend(0x7400_0004_u32.to_le_bytes());
    bytes.extend(4096_u32.to_le_bytes());
    bytes.extend([0; 24]);
    bytes.extend(pairs);
    bytes.extend([0; 22]);
    assert_eq!(bytes.len(), 94);
    bytes.extend(data);
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    bytes[..4].copy_from_slice(&length);
    bytes
}

impl Peer {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// One that has exchanged PRELOGIN.
    pub(crate) fn greeted(address: &str) -> Self {
        let mut peer = Self::connect(address);
        assert!(peer.send(&packet(PRELOGIN, 1, &prelogin())));
        assert_eq!(peer.reply()[..2], [0, 0], "an answer to PRELOGIN begins with VERSION");
        peer
    }

    /// One that has sent a login too, and the answer's tokens.
    pub(crate) fn logged_in(address: &str) -> (Self, Vec<u8>) {
        let mut peer = Self::greeted(address);
        assert!(peer.send(&packet(LOGIN7, 1, &login7())));
        let tokens = peer.reply();
        (peer, tokens)
    }

    /// Sends; whether the server's side of the connection still took it.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        match self.0.write_all(bytes) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server neither reads nor ends the connection")
            }
            Err(_) => false,
        }
    }

    /// Closes this side's direction.
    pub(crate) fn finish(&self) {
        // It fails where the server has reset the connection already.
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// The payload of one message, which must come.
    pub(crate) fn reply(&mut self) -> Vec<u8> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; 8];
            self.0.read_exact(&mut header).unwrap();
            let mut part = vec![0; usize::from(u16::from_be_bytes([header[2], header[3]])) - 8];
            self.0.read_exact(&mut part).unwrap();
            payload.extend(part);
            if header[1] & 1 == 1 {
                return payload;
            }
        }
    }

    /// Reads until the server has ended the connection, by a FIN or by an RST; whether it did.
    pub(crate) fn ends(mut self) -> bool {
        let mut room = vec![0; 65536];
        loop {
            match self.0.read(&mut room) {
                Ok(0) => return true,
                Ok(_) => {}
                // Another test's child ended: a handler of SIGCHLD interrupts a read that has a time limit.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        }
    }

    /// The same, where it must.
    #[track_caller]
    pub(crate) fn ended(self) {
        assert!(self.ends(), "the server does not end the connection");
    }
}

/// The number of the first ERROR token of an answer [MS-TDS 2.2.7.10].
pub(crate) fn refusal(tokens: &[u8]) -> Option<u32> {
    match tokens {
        [0xAA, _, _, a, b, c, d, ..] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}
