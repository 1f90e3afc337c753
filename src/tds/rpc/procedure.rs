//! Which procedure is called: by its name, or by the number of a well-known one.

use super::super::Error;
use super::super::reader::Reader;
use super::super::text::put_us_varchar;

/// A procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Procedure {
    /// By its name, as the client wrote it.
    Name(String),
    /// By its number (ProcID), since TDS 7.1.
    Id(u16),
}

/// What stands for a name's length when a number follows.
const PROC_ID_SWITCH: u16 = 0xFFFF;

/// The longest name: four parts of 128 characters, each in brackets and all doubled, with dots between.
const MAX_NAME: u16 = 1046;

impl Procedure {
    /// The procedures that have a number [MS-TDS 2.2.6.6]; the first has 1.
    pub const WELL_KNOWN: [&'static str; 15] = [
        "sp_cursor",
        "sp_cursoropen",
        "sp_cursorprepare",
        "sp_cursorexecute",
        "sp_cursorprepexec",
        "sp_cursorunprepare",
        "sp_cursorfetch",
        "sp_cursoroption",
        "sp_cursorclose",
        "sp_executesql",
        "sp_prepare",
        "sp_execute",
        "sp_prepexec",
        "sp_prepexecrpc",
        "sp_unprepare",
    ];

    /// Its name, that of its number if it has one; empty for a number that means nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Id(id) => {
                usize::from(*id).checked_sub(1).and_then(|at| Self::WELL_KNOWN.get(at)).copied().unwrap_or_default()
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        match reader.u16()? {
            PROC_ID_SWITCH => reader.u16().map(Self::Id),
            long if long > MAX_NAME => Err(Error::TooLong { limit: usize::from(MAX_NAME) }),
            length => reader.utf16(usize::from(length)).map(Self::Name),
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Name(name) => put_us_varchar(out, name, MAX_NAME),
            Self::Id(id) => {
                out.extend_from_slice(&PROC_ID_SWITCH.to_le_bytes());
                out.extend_from_slice(&id.to_le_bytes());
            }
        }
    }
}
