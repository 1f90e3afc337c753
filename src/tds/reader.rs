//! A cursor over bytes from a peer: every read is checked, and none panics.
//!
//! The choice not taken: the `bytes` crate's `Buf`, whose reads panic when the bytes run out.

use super::Error;

/// A cursor over a message; `what` names the message in errors.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(Error::Short(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Short(self.what))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u16_be(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u32_be(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Error> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    /// UTF-16LE text of `units` code units; what is no text becomes U+FFFD, as a column of SQL Server would show it.
    pub(super) fn utf16(&mut self, units: usize) -> Result<String, Error> {
        self.bytes(units * 2).map(utf16)
    }

    /// B_VARCHAR [MS-TDS 2.2.5.1.2]: a byte of length in code units, then the text.
    pub(super) fn b_varchar(&mut self) -> Result<String, Error> {
        let units = self.u8()?;
        self.utf16(usize::from(units))
    }

    /// US_VARCHAR [MS-TDS 2.2.5.1.2]: two bytes of length in code units, then the text.
    pub(super) fn us_varchar(&mut self) -> Result<String, Error> {
        let units = self.u16()?;
        self.utf16(usize::from(units))
    }

    /// A reader over the next `n` bytes, for a token with its own length.
    pub(super) fn part(&mut self, n: usize, what: &'static str) -> Result<Self, Error> {
        self.bytes(n).map(|bytes| Self::new(bytes, what))
    }

    /// The bytes that `read` passes over.
    pub(super) fn span(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
        let before = self.rest;
        read(self)?;
        Ok(before[..before.len() - self.rest.len()].to_vec())
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// The message must be over.
    pub(super) const fn end(self) -> Result<(), Error> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Error::Trailing { what: self.what, left }),
        }
    }
}

/// UTF-16LE bytes as text; an odd last byte is not text and is left out.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_both_orders() {
        let mut reader = Reader::new(&[1, 2, 1, 2, 1, 0x41, 0], "test");
        assert_eq!((reader.u16(), reader.u16_be()), (Ok(0x0201), Ok(0x0102)));
        assert_eq!(reader.b_varchar(), Ok("A".to_owned()));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_short_read_is_an_error_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3], "test");
        assert_eq!(reader.u32(), Err(Error::Short("test")));
        assert_eq!(reader.bytes(3), Ok([1, 2, 3].as_slice()));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert_eq!(Reader::new(&[0], "test").end(), Err(Error::Trailing { what: "test", left: 1 }));
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        assert_eq!(utf16(&[0x00, 0xD8, 0x41, 0x00]), "\u{FFFD}A");
    }
}
