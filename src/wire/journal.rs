//! The journal of a connection: what its server received, what it sent, when, and who closed first.
//!
//! Kept only where somebody asked for it; without, a [`Scribe`] is one empty pointer and a connection pays nothing. The
//! choice not taken: a packet capture, which sees what TLS hides from it and needs a privilege.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::record::named_enum;
use crate::tds::PacketType;
use crate::units::Monotonic;

/// Entries that one journal keeps; later ones are counted. A login has about six.
const ENTRIES: usize = 256;

/// The longest text that an entry keeps, in characters: enough for a query that a test looks for.
const TEXT: usize = 500;

named_enum! {
    /// One of the two ends of a connection.
    pub enum Party {
        /// Whoever connected.
        Client = "client",
        /// Whoever was connected to.
        Server = "server",
    }
}

named_enum! {
    /// What a message is, by the type of its packets.
    pub enum MessageKind {
        /// PRELOGIN
        Prelogin = "prelogin",
        /// LOGIN7
        Login7 = "login7",
        /// A login of TDS 4.2 or 5.0.
        LegacyLogin = "legacy_login",
        /// SQL text.
        SqlBatch = "sql_batch",
        /// A remote procedure call.
        Rpc = "rpc",
        /// A request to cancel.
        Attention = "attention",
        /// A transaction manager request.
        Transaction = "transaction",
        /// What a server says.
        Reply = "reply",
        /// Any other type.
        Other = "other",
    }
}

impl From<PacketType> for MessageKind {
    fn from(kind: PacketType) -> Self {
        match kind {
            PacketType::PRELOGIN => Self::Prelogin,
            PacketType::LOGIN7 => Self::Login7,
            PacketType(0x02) => Self::LegacyLogin,
            PacketType::SQL_BATCH => Self::SqlBatch,
            PacketType::RPC => Self::Rpc,
            PacketType::ATTENTION => Self::Attention,
            PacketType::TRANSACTION => Self::Transaction,
            PacketType::REPLY => Self::Reply,
            PacketType(_) => Self::Other,
        }
    }
}

/// What one end did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Deed {
    /// It sent a whole message.
    Message {
        /// What it is.
        kind: MessageKind,
        /// Its length in bytes, without packet headers and TLS.
        length: usize,
        /// What it says, as far as it is known: a login's user, SQL text, an error's number. Never a password.
        text: String,
    },
    /// It sent bytes that are no whole message, as a fault does.
    Bytes {
        /// How many.
        length: usize,
    },
    /// It sent a TLS ClientHello.
    ClientHello {
        /// Whether TLS came before TDS, as in TDS 8.0.
        strict: bool,
    },
    /// It finished a TLS handshake.
    Tls,
    /// It let a TLS handshake come to nothing.
    NoTls {
        /// How.
        why: String,
    },
    /// It sent something that ends the connection as SQL Server would, with this error in its log.
    Malformed {
        /// 17828, 17830, 17832, 17835, 17836.
        number: u32,
    },
    /// It closed its direction: a FIN.
    Fin,
    /// It reset the connection: an RST.
    Rst,
}

impl Deed {
    /// A message of this type, not yet explained.
    pub(super) fn message(kind: PacketType, length: usize) -> Self {
        Self::Message { kind: kind.into(), length, text: String::new() }
    }
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When the server knew of it.
    pub at: Monotonic,
    /// Who did it.
    pub by: Party,
    /// What was done.
    pub deed: Deed,
}

/// An entry of the server's error log about a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was written.
    pub at: Monotonic,
    /// Its lines, each with its end.
    pub text: String,
}

/// What a login came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginEnd {
    /// It was accepted.
    Accepted,
    /// It was refused.
    Refused {
        /// The error's number.
        number: u32,
        /// The true state.
        state: u8,
    },
}

/// One connection, as its server saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Its number, counted from 1 in the order of accepting.
    pub connection: u64,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The server's, as the client reached it.
    pub server: SocketAddr,
    /// When it was accepted.
    pub opened: Monotonic,
    /// What was received and sent, in order.
    pub entries: Vec<Entry>,
    /// Entries beyond those that are kept.
    pub entries_lost: u64,
    /// The faults that had something to do on it, by name, in order.
    pub faults: Vec<String>,
    /// Whether what they said of the login has its end, so that the client can know that nothing more will come.
    pub whole: bool,
    /// What the server's error log says of it, whether it is written to a file or not; at most [`Journal::MOST_LOG`].
    pub log: Vec<LogEntry>,
    /// What the login came to; none when it came to nothing.
    pub login: Option<LoginEnd>,
    /// When the login was over: the fault's last byte, FIN or RST was sent. None while it is not.
    pub over: Option<Monotonic>,
    /// Who sent the first FIN or RST; none while nobody has.
    pub closed_first: Option<Party>,
    /// When the server closed its descriptor.
    pub closed: Option<Monotonic>,
}

impl Journal {
    /// Entries of the error log that are kept; a login has one.
    pub const MOST_LOG: usize = 16;

    /// The journal of a connection that was accepted as number `connection`.
    #[must_use]
    pub const fn new(connection: u64, client: SocketAddr, server: SocketAddr, opened: Monotonic) -> Self {
        Self {
            connection,
            client,
            server,
            opened,
            entries: Vec::new(),
            entries_lost: 0,
            faults: Vec::new(),
            whole: true,
            log: Vec::new(),
            login: None,
            over: None,
            closed_first: None,
            closed: None,
        }
    }

    /// The kinds of the messages that `party` sent, in order.
    pub fn messages(&self, party: Party) -> impl Iterator<Item = MessageKind> + '_ {
        self.entries.iter().filter(move |entry| entry.by == party).filter_map(|entry| match entry.deed {
            Deed::Message { kind, .. } => Some(kind),
            _ => None,
        })
    }

    fn enter(&mut self, at: Monotonic, by: Party, deed: Deed) {
        if matches!(deed, Deed::Fin | Deed::Rst) {
            self.closed_first.get_or_insert(by);
        }
        // A fault may send byte by byte; that is one entry.
        if let (Deed::Bytes { length: more }, Some(Entry { by: last, deed: Deed::Bytes { length }, .. })) =
            (&deed, self.entries.last_mut())
            && *last == by
        {
            *length += more;
        } else if self.entries.len() < ENTRIES {
            self.entries.push(Entry { at, by, deed });
        } else {
            self.entries_lost += 1;
        }
    }
}

/// Who writes a journal, or nobody.
#[derive(Debug, Clone, Default)]
pub struct Scribe(Option<Arc<Mutex<Journal>>>);

impl Scribe {
    /// A scribe that writes nothing.
    #[must_use]
    pub const fn idle() -> Self {
        Self(None)
    }

    /// A scribe of this journal.
    #[must_use]
    pub const fn of(journal: Arc<Mutex<Journal>>) -> Self {
        Self(Some(journal))
    }

    /// Enters what `by` has just done.
    pub fn note(&self, by: Party, deed: impl FnOnce() -> Deed) {
        self.change(|journal| journal.enter(Monotonic::now(), by, deed()));
    }

    /// Says of the last entry, which is a message, what it tells.
    pub fn explain(&self, said: impl FnOnce() -> String) {
        self.change(|journal| {
            if journal.entries_lost == 0
                && let Some(Entry { deed: Deed::Message { text, .. }, .. }) = journal.entries.last_mut()
            {
                *text = said().chars().take(TEXT).collect();
            }
        });
    }

    /// Whether a journal is kept.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps what the error log says.
    pub fn log(&self, text: &str) {
        self.change(|journal| {
            if journal.log.len() < Journal::MOST_LOG {
                journal.log.push(LogEntry { at: Monotonic::now(), text: text.to_owned() });
            }
        });
    }

    /// Changes the journal, if there is one.
    pub fn change(&self, change: impl FnOnce(&mut Journal)) {
        if let Some(journal) = &self.0 {
            // A journal is whole after every change, so a panic elsewhere leaves nothing half done.
            change(&mut journal.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scribe() -> (Scribe, Arc<Mutex<Journal>>) {
        let end = SocketAddr::from(([127, 0, 0, 1], 1433));
        let journal = Arc::new(Mutex::new(Journal::new(1, end, end, Monotonic::now())));
        (Scribe::of(Arc::clone(&journal)), journal)
    }

    #[test]
    fn the_first_to_close_stays_the_first() {
        let (scribe, journal) = scribe();
        scribe.note(Party::Server, || Deed::Fin);
        scribe.note(Party::Client, || Deed::Rst);
        assert_eq!(journal.lock().unwrap().closed_first, Some(Party::Server));
    }

    #[test]
    fn a_journal_is_bounded_and_says_what_it_lost() {
        let (scribe, journal) = scribe();
        for _ in 0..ENTRIES + 7 {
            scribe.note(Party::Client, || Deed::message(PacketType::ATTENTION, 0));
        }
        let journal = journal.lock().unwrap();
        assert_eq!((journal.entries.len(), journal.entries_lost), (ENTRIES, 7));
    }

    #[test]
    fn a_message_is_explained_and_cut() {
        let (scribe, journal) = scribe();
        let message = || Deed::Message { kind: MessageKind::SqlBatch, length: 2000, text: String::new() };
        scribe.note(Party::Client, message);
        scribe.explain(|| "x".repeat(1000));
        let journal = journal.lock().unwrap();
        assert!(matches!(&journal.entries[0].deed, Deed::Message { text, .. } if text.len() == TEXT));
        assert_eq!(journal.messages(Party::Client).collect::<Vec<_>>(), [MessageKind::SqlBatch]);
        assert_eq!(journal.messages(Party::Server).count(), 0);
    }

    #[test]
    fn bytes_one_by_one_are_one_entry() {
        let (scribe, journal) = scribe();
        for party in [Party::Server, Party::Server, Party::Client] {
            scribe.note(party, || Deed::Bytes { length: 1 });
        }
        let journal = journal.lock().unwrap();
        let lengths: Vec<_> = journal.entries.iter().map(|entry| &entry.deed).collect();
        assert_eq!(lengths, [&Deed::Bytes { length: 2 }, &Deed::Bytes { length: 1 }]);
    }

    #[test]
    fn nobody_writes_nothing() {
        Scribe::idle().note(Party::Client, || unreachable!("an idle scribe asks nobody"));
        assert_eq!(size_of::<Scribe>(), size_of::<usize>());
    }
}
