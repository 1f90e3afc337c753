//! What a session remembers.

use super::prepared::Prepared;
use crate::tds::{Asked, EnvChange, Login7};

/// The descriptor of every transaction; nothing is ever done in one.
const TRANSACTION: [u8; 8] = [1, 0, 0, 0, 0, 0, 0, 0];

/// What a session remembers. Its texts come from LOGIN7, which bounds them, or are cut where they are set.
#[derive(Debug, Clone)]
pub(in crate::server) struct Session {
    /// Its id.
    pub(in crate::server) spid: u16,
    /// Its database, now and at login.
    pub(in crate::server) database: String,
    first_database: String,
    pub(in crate::server) language: String,
    pub(in crate::server) user: String,
    pub(in crate::server) host: String,
    pub(in crate::server) app: String,
    /// How many transactions are open, one in another.
    pub(in crate::server) transactions: u32,
    pub(in crate::server) prepared: Prepared,
    /// Whether column encryption was asked for, and so acknowledged.
    pub(in crate::server) keyed: bool,
}

impl Session {
    /// The session of this login; or the one that broke, where a client wants to take it up again.
    pub(in crate::server) fn new(login: &Login7, spid: u16) -> Self {
        let first = |texts: [&str; 3]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned();
        let broken = login.recovery().unwrap_or_default();
        let database = first([&broken.database, &login.database, "master"]);
        Self {
            spid,
            first_database: database.clone(),
            database,
            language: first([&broken.language, &login.language, "us_english"]),
            user: login.user.clone(),
            host: login.host_name.clone(),
            app: login.app_name.clone(),
            transactions: 0,
            prepared: Prepared::default(),
            keyed: login.asked().any(|asked| matches!(asked, Asked::ColumnEncryption(_))),
        }
    }

    /// The session as it was at login.
    pub(in crate::server) fn reset(&mut self) {
        self.database.clone_from(&self.first_database);
        self.transactions = 0;
        self.prepared = Prepared::default();
    }

    /// A transaction begins; what is told of it. One in another has no descriptor of its own.
    pub(in crate::server) fn begin(&mut self) -> Option<EnvChange> {
        self.transactions = self.transactions.saturating_add(1);
        (self.transactions == 1).then_some(EnvChange::TransactionBegun(TRANSACTION))
    }

    /// The innermost transaction is committed.
    pub(in crate::server) fn commit(&mut self) -> Option<EnvChange> {
        let was = self.transactions;
        self.transactions = was.saturating_sub(1);
        (was == 1).then_some(EnvChange::TransactionCommitted(TRANSACTION))
    }

    /// All transactions are rolled back.
    pub(in crate::server) fn roll_back(&mut self) -> Option<EnvChange> {
        let was = std::mem::take(&mut self.transactions);
        (was > 0).then_some(EnvChange::TransactionRolledBack(TRANSACTION))
    }
}
