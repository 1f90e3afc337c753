//! Why bytes are not the message that they were read as.

/// Why bytes are not a message; completes "failed to decode ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end inside of a field.
    #[error("{0}: the bytes end inside of it")]
    Short(&'static str),
    /// Bytes are left where the message ends.
    #[error("{what}: {left} bytes too many")]
    Trailing {
        /// Which message or token.
        what: &'static str,
        /// How many bytes are left.
        left: usize,
    },
    /// A length or an offset points where it may not.
    #[error("{0}: its length or offset lies outside of the message")]
    Outside(&'static str),
    /// A field has a value that the protocol does not know.
    #[error("{what}: unknown value {value:#x}")]
    Unknown {
        /// Which field.
        what: &'static str,
        /// What it holds.
        value: u32,
    },
    /// A message is longer than the limit for it.
    #[error("a message of more than {limit} bytes")]
    TooLong {
        /// The most bytes that are taken.
        limit: usize,
    },
    /// There are more of something than are taken.
    #[error("more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are taken.
        most: usize,
    },
    /// A packet's type differs from that of the message it continues.
    #[error("a packet of type {found:#04x} inside of a message of type {expected:#04x}")]
    Mixed {
        /// The message's type.
        expected: u8,
        /// The packet's type.
        found: u8,
    },
}
