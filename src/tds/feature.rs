//! Feature extensions of a login, and how they are acknowledged [MS-TDS 2.2.6.4, 2.2.7.11].

use super::Error;
use super::reader::Reader;

/// A feature that a client asks for, or a server's answer to it; the data is the feature's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Which feature; 0xFF is the terminator and none.
    pub id: u8,
    /// Its data.
    pub data: Vec<u8>,
}

impl Feature {
    /// UTF8_SUPPORT: one byte, 1 if it is spoken.
    pub const UTF8_SUPPORT: u8 = 0x0A;

    const TERMINATOR: u8 = 0xFF;

    /// What this server answers to a feature that was asked for. What it does not speak is left out, which a client
    /// takes for "not supported": session recovery (0x01), column encryption (0x04), data classification (0x09).
    #[must_use]
    pub fn acknowledged(&self) -> Option<Self> {
        (self.id == Self::UTF8_SUPPORT).then(|| Self { id: self.id, data: vec![1] })
    }

    /// Every feature up to the terminator, which must come.
    pub(super) fn decode_all(reader: &mut Reader<'_>) -> Result<Vec<Self>, Error> {
        let mut features = Vec::new();
        loop {
            let id = reader.u8()?;
            if id == Self::TERMINATOR {
                return Ok(features);
            }
            let length = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
            features.push(Self { id, data: reader.bytes(length)?.to_vec() });
        }
    }

    /// Appends every feature and the terminator.
    pub(super) fn encode_all(features: &[Self], out: &mut Vec<u8>) {
        for feature in features {
            out.push(feature.id);
            out.extend_from_slice(&u32::try_from(feature.data.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(&feature.data);
        }
        out.push(Self::TERMINATOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_spoken_is_acknowledged() {
        let asked = |id| Feature { id, data: vec![0] }.acknowledged();
        assert_eq!(asked(Feature::UTF8_SUPPORT), Some(Feature { id: 0x0A, data: vec![1] }));
        assert_eq!((asked(0x01), asked(0x02), asked(0x04)), (None, None, None));
    }

    #[test]
    fn a_length_that_lies_is_an_error() {
        let bytes = [1, 0xFF, 0xFF, 0xFF, 0xFF, 0];
        assert!(Feature::decode_all(&mut Reader::new(&bytes, "test")).is_err());
    }
}
