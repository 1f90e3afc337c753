//! TDS versions, as LOGIN7 asks for them and LOGINACK answers.

/// A version of TDS from 7.0 on, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TdsVersion {
    /// SQL Server 7.0
    V7_0,
    /// SQL Server 2000
    V7_1,
    /// SQL Server 2000 SP1
    V7_1Rev1,
    /// SQL Server 2005
    V7_2,
    /// SQL Server 2008
    V7_3A,
    /// SQL Server 2008 R2
    V7_3B,
    /// SQL Server 2012 and later
    V7_4,
    /// SQL Server 2022 and later: the messages of 7.4, with TLS before the first of them
    V8_0,
}

impl TdsVersion {
    /// Every version with LOGIN7's value for it and LOGINACK's [MS-TDS 2.2.7.14]; the two differ below 7.1 revision 1.
    /// The value of 8.0 is the lowest of all, so values are no order.
    pub(super) const TABLE: [(Self, u32, u32); 8] = [
        (Self::V7_0, 0x7000_0000, 0x0700_0000),
        (Self::V7_1, 0x7100_0000, 0x0701_0000),
        (Self::V7_1Rev1, 0x7100_0001, 0x7100_0001),
        (Self::V7_2, 0x7209_0002, 0x7209_0002),
        (Self::V7_3A, 0x730A_0003, 0x730A_0003),
        (Self::V7_3B, 0x730B_0003, 0x730B_0003),
        (Self::V7_4, 0x7400_0004, 0x7400_0004),
        (Self::V8_0, 0x0800_0000, 0x0800_0000),
    ];

    /// The version that a server speaks with a client that asked for `asked`: the highest not above it, none below 7.0.
    ///
    /// `strict` is whether TLS came before the first packet. 8.0 is nothing but that, so who asks for it without has
    /// 7.4; and a strict client that asks for 7.4 (drivers that reconnect do) has what it asked for, since the two
    /// differ in no message.
    #[must_use]
    pub fn negotiate(asked: u32, strict: bool) -> Option<Self> {
        if asked == Self::V8_0.login() {
            return Some(if strict { Self::V8_0 } else { Self::V7_4 });
        }
        let sevens = Self::TABLE.iter().filter(|(version, _, _)| *version < Self::V8_0);
        sevens.rev().find(|(_, login, _)| *login <= asked).map(|(version, _, _)| *version)
    }

    /// The value in LOGIN7.
    #[must_use]
    pub const fn login(self) -> u32 {
        Self::TABLE[self as usize].1
    }

    /// The value in LOGINACK, where it is big-endian.
    #[must_use]
    pub const fn login_ack(self) -> u32 {
        Self::TABLE[self as usize].2
    }

    /// The version of LOGINACK's value.
    #[must_use]
    pub fn from_login_ack(value: u32) -> Option<Self> {
        Self::TABLE.iter().find(|(_, _, ack)| *ack == value).map(|(version, _, _)| *version)
    }

    /// Whether the tokens have the sizes that TDS 7.2 brought: line numbers and user types of four bytes, row counts
    /// of eight, requests with ALL_HEADERS.
    #[must_use]
    pub const fn has_wide_tokens(self) -> bool {
        self as u8 >= Self::V7_2 as u8
    }

    /// Whether character columns carry a collation (7.1 and later).
    #[must_use]
    pub const fn has_collations(self) -> bool {
        self as u8 >= Self::V7_1 as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_enums_order() {
        for (at, (version, login, ack)) in TdsVersion::TABLE.into_iter().enumerate() {
            assert_eq!(version as usize, at);
            assert_eq!((version.login(), version.login_ack()), (login, ack));
            assert_eq!(TdsVersion::negotiate(login, true), Some(version));
            assert_eq!(TdsVersion::from_login_ack(ack), Some(version));
        }
    }

    #[test]
    fn a_newer_client_gets_the_newest_and_an_older_none() {
        assert_eq!(TdsVersion::negotiate(0x7500_0000, false), Some(TdsVersion::V7_4));
        assert_eq!(TdsVersion::negotiate(0x7300_0003, false), Some(TdsVersion::V7_2));
        assert_eq!(TdsVersion::negotiate(0x0402_0000, false), None);
        assert_eq!(TdsVersion::negotiate(0x0402_0000, true), None);
    }

    #[test]
    fn eight_is_spoken_in_strict_connections_only() {
        assert_eq!(TdsVersion::negotiate(0x0800_0000, true), Some(TdsVersion::V8_0));
        assert_eq!(TdsVersion::negotiate(0x0800_0000, false), Some(TdsVersion::V7_4));
        assert_eq!(TdsVersion::negotiate(0x7400_0004, true), Some(TdsVersion::V7_4));
        assert!(TdsVersion::V8_0.has_wide_tokens() && TdsVersion::V8_0.has_collations());
    }
}
