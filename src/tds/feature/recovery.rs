//! SESSIONRECOVERY: the state of a session that broke, as a client brings it back [MS-TDS 2.2.6.4].

use super::super::Error;
use super::super::reader::Reader;

/// What a client wants to find again. Of the states that the server gave it, only the three that have a name are read;
/// the others are opaque, to the client as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// The database that the session was in; empty when it is the login's.
    pub database: String,
    /// The language; empty when it is the login's.
    pub language: String,
}

impl Recovery {
    /// Reads the feature's data; none when there is none, as in every login but a reconnection.
    pub(super) fn decode(data: &mut Reader<'_>) -> Result<Option<Self>, Error> {
        if data.is_empty() {
            return Ok(None);
        }
        let initial = Self::part(data)?;
        if data.is_empty() {
            return Ok(Some(initial));
        }
        // What is to be differs from what was at first only where it says so.
        let to_be = Self::part(data)?;
        let either = |new: String, old: String| if new.is_empty() { old } else { new };
        Ok(Some(Self {
            database: either(to_be.database, initial.database),
            language: either(to_be.language, initial.language),
        }))
    }

    /// SessionRecoveryData: its length, database, collation, language, and the states.
    fn part(data: &mut Reader<'_>) -> Result<Self, Error> {
        let length = usize::try_from(data.u32()?).unwrap_or(usize::MAX);
        let mut part = data.part(length, "session recovery")?;
        let database = part.b_varchar()?;
        match part.u8()? {
            0 => {}
            5 => drop(part.array::<5>()?),
            _ => return Err(Error::Outside("session recovery collation")),
        }
        let language = part.b_varchar()?;
        while !part.is_empty() {
            let _state = part.u8()?;
            let length = match part.u8()? {
                0xFF => usize::try_from(part.u32()?).unwrap_or(usize::MAX),
                short => usize::from(short),
            };
            part.bytes(length)?;
        }
        Ok(Self { database, language })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8]) -> Result<Option<Recovery>, Error> {
        Recovery::decode(&mut Reader::new(data, "test"))
    }

    /// A part of `m` with a collation and two states, and one that changes nothing but the database.
    const BACK: &[u8] = &[
        19, 0, 0, 0, 1, b'm', 0, 5, 9, 4, 0xD0, 0, 0x34, 0, 0, 1, 7, 4, 0xFF, 0, 0, 0, 0, // 23 bytes
        5, 0, 0, 0, 1, b's', 0, 0, 0,
    ];

    #[test]
    fn the_later_part_wins_where_it_speaks() {
        assert_eq!(read(BACK).unwrap().unwrap().database, "s");
        assert_eq!(read(&BACK[..23]).unwrap().unwrap().database, "m");
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        for data in [[1].as_slice(), &[9, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 4], &[5, 0, 0, 0, 0, 0, 0, 1, 9]] {
            assert!(read(data).is_err(), "{data:?}");
        }
    }
}
