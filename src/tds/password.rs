//! A password, and the disguise in which LOGIN7 carries it.

use std::fmt;

use super::reader::utf16;
use super::text::put_utf16;

/// A password; its text is in no Debug output.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(String);

impl Password {
    /// Takes a password in clear.
    #[must_use]
    pub const fn new(clear: String) -> Self {
        Self(clear)
    }

    /// Whether it is `clear`.
    #[must_use]
    pub fn is(&self, clear: &str) -> bool {
        self.0 == clear
    }

    /// UTF-16LE, each byte's nibbles swapped, then XOR 0xA5: a disguise, not a cipher [MS-TDS 2.2.6.4].
    pub(super) fn disguise(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 2);
        put_utf16(&mut bytes, &self.0);
        for byte in &mut bytes {
            *byte = byte.rotate_left(4) ^ 0xA5;
        }
        bytes
    }

    pub(super) fn reveal(disguised: &[u8]) -> Self {
        let bytes: Vec<u8> = disguised.iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
        Self(utf16(&bytes))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_disguised_as_the_specification_says() {
        // `a` is 61 00: the nibbles swapped 16 00, XOR A5 is B3 A5.
        assert_eq!(Password::new("a".to_owned()).disguise(), [0xB3, 0xA5]);
        assert!(Password::reveal(&[0xB3, 0xA5]).is("a"));
    }

    #[test]
    fn no_debug_output_shows_it() {
        assert_eq!(format!("{:?}", Password::new("hunter2".to_owned())), "Password(..)");
    }
}
