//! The errors that end a login, in SQL Server's own words.
//!
//! Texts are those of `sys.messages` and of Azure SQL's documentation, where users search for them. Placeholders stand
//! in braces: `{user}`, `{database}`, `{server}`; numbers that SQL Server would fill in have a plausible value.
//!
//! Where each came from, checked in November 2026:
//!
//! - 18401, 18456, 18461, 18470, 18486, 18487, 18488: number, class and text (two spaces included) as `SELECT * FROM
//!   sys.messages` printed them on a server, in the source of a monitoring tool.
//! - 17806, 17809, 17828, 17830, 17832, 17836, 17892: Microsoft's "Database Engine events and errors (16000 to 17999)".
//!   17806 has the state and the reason that newer servers add; 17830 ends before its eight times of a login, which
//!   nobody measures here. `sys.messages` has 17892 in class 14, and the error log writes it with severity 20.
//! - 4060: class 11 as a server sends it; Azure's page of transient errors says 16.
//! - 40197, 40501, 40613, 49918, 49919, 49920: class and text of "Troubleshoot connectivity issues and other errors with
//!   Azure SQL Database", list of transient fault error codes.
//! - 10928, 10929: the same page, resource governance; class 20 as a user's report prints it (`Msg 10928, Level 20, State
//!   1`), where newer documentation has 16.
//! - 42108, 42109: "Database Engine events and errors (41400 to 42999)", class 16.
//! - 4064: "MSSQLSERVER_4064". Its class, and the text and class of 18452, are not confirmed from a server.

/// One error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerError {
    /// The fault that refuses a login with it.
    pub name: &'static str,
    /// Its number.
    pub number: u32,
    /// Its class (severity).
    pub class: u8,
    /// Its usual state.
    pub state: u8,
    /// Whether SqlClient's connect-retry list has it.
    pub transient: bool,
    /// The text, with placeholders.
    pub template: &'static str,
    /// Which real incident it stands for.
    pub incident: &'static str,
}

impl ServerError {
    /// How a correct client ends.
    #[must_use]
    pub const fn client(&self) -> &'static str {
        if self.transient {
            "reports the error and closes; it may try again after a pause, as SqlClient's connect-retry does"
        } else {
            "reports the error and closes; trying again at once helps nobody"
        }
    }

    /// The text for this login.
    #[must_use]
    pub fn text(&self, user: &str, database: &str, server: &str) -> String {
        // One pass, so that a user named `{server}` stays what he is.
        let mut text = String::with_capacity(self.template.len() + 32);
        let mut rest = self.template;
        while let Some((before, name, after)) = placeholder(rest) {
            text.push_str(before);
            text.push_str(match name {
                "user" => user,
                "database" => database,
                _ => server,
            });
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The error of this number, if the catalogue has it.
#[must_use]
pub fn server_error(number: u32) -> Option<&'static ServerError> {
    CATALOGUE.iter().find(|error| error.number == number)
}

/// An error by its name, number, class, usual state, text and incident.
const fn error(
    (name, number): (&'static str, u32),
    class: u8,
    state: u8,
    template: &'static str,
    incident: &'static str,
) -> ServerError {
    ServerError { name, number, class, state, transient: false, template, incident }
}

/// The same for one that SqlClient tries again after.
const fn transient(
    name: (&'static str, u32),
    class: u8,
    state: u8,
    template: &'static str,
    incident: &'static str,
) -> ServerError {
    ServerError { transient: true, ..error(name, class, state, template, incident) }
}

/// Every error that ends a login, 18456 first.
pub const CATALOGUE: &[ServerError] = &[
    // State 8, the wrong password, is what the error log is told; the wire has 1 always.
    error(
        ("login-18456", 18456),
        14,
        8,
        "Login failed for user '{user}'.",
        "a wrong password: rotated, mistyped, or of another environment; by its state also an unknown or disabled login",
    ),
    error(
        ("login-18452", 18452),
        14,
        1,
        "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.",
        "Windows authentication from a machine outside of the domain, or with a clock or SPN that Kerberos refuses",
    ),
    error(
        ("login-18401", 18401),
        14,
        1,
        "Login failed for user '{user}'. Reason: Server is in script upgrade mode. Only administrator can connect at \
         this time.",
        "the server has restarted after an update and upgrades its system databases; minutes, then all is well",
    ),
    error(
        ("login-18461", 18461),
        14,
        1,
        "Login failed for user '{user}'. Reason: Server is in single user mode. Only one administrator can connect at \
         this time.",
        "an administrator has started the server in single-user mode for a repair, and another program was faster",
    ),
    error(
        ("login-18470", 18470),
        14,
        1,
        "Login failed for user '{user}'. Reason: The account is disabled.",
        "the login was disabled: somebody left, or an audit found it",
    ),
    error(
        ("login-18486", 18486),
        14,
        1,
        "Login failed for user '{user}' because the account is currently locked out. The system administrator can \
         unlock it.",
        "brute force, or one service with an old password, has locked the account",
    ),
    error(
        ("login-18487", 18487),
        14,
        1,
        "Login failed for user '{user}'.  Reason: The password of the account has expired.",
        "the password's time is over (CHECK_EXPIRATION)",
    ),
    error(
        ("login-18488", 18488),
        14,
        1,
        "Login failed for user '{user}'.  Reason: The password of the account must be changed.",
        "a new login, or a reset password, that must be changed at first use",
    ),
    error(
        ("login-17806", 17806),
        20,
        14,
        "SSPI handshake failed with error code 0x8009030c, state 14 while establishing a connection with integrated \
         security; the connection has been closed. Reason: AcceptSecurityContext failed. The operating system error \
         code indicates the cause of failure. The logon attempt failed",
        "Kerberos or NTLM failed: a missing SPN, an expired ticket, an account that may not log in from the network",
    ),
    error(
        ("login-17809", 17809),
        20,
        1,
        "Could not connect because the maximum number of '32767' user connections has already been reached. The \
         system administrator can use sp_configure to increase the maximum value. The connection has been closed.",
        "a leak of connections has used up every one that the server allows",
    ),
    error(
        ("login-17828", 17828),
        20,
        1,
        "The prelogin packet used to open the connection is structurally invalid; the connection has been closed. \
         Please contact the vendor of the client library.",
        "a port scanner, a health check, or a driver whose PRELOGIN the server cannot read",
    ),
    error(
        ("login-17830", 17830),
        20,
        105,
        "Network error code 0x2746 occurred while establishing a connection; the connection has been closed. This may \
         have been caused by client or server login timeout expiration.",
        "the client has gone, or was too slow, before its login was done",
    ),
    error(
        ("login-17832", 17832),
        20,
        1,
        "The login packet used to open the connection is structurally invalid; the connection has been closed. Please \
         contact the vendor of the client library.",
        "a driver with a fault of its own, or a proxy that has changed the login packet",
    ),
    error(
        ("login-17836", 17836),
        20,
        1,
        "Length specified in network packet payload did not match number of bytes read; the connection has been \
         closed. Please contact the vendor of the client library.",
        "a driver or proxy that announces a length and sends another",
    ),
    error(
        ("login-17892", 17892),
        14,
        1,
        "Logon failed for login '{user}' due to trigger execution.",
        "a logon trigger that refuses, or fails: its audit table is full or gone",
    ),
    transient(
        ("login-4060", 4060),
        11,
        1,
        "Cannot open database \"{database}\" requested by the login. The login failed.",
        "the database is offline, renamed, not yet restored, or not yet failed over; or this login has no user in it",
    ),
    error(
        ("login-4064", 4064),
        11,
        1,
        "Cannot open user default database. Login failed.",
        "the login's default database was dropped or is offline",
    ),
    transient(
        ("login-10928", 10928),
        20,
        1,
        "Resource ID : 1. The request limit for the database is 30 and has been reached. See \
         'http://go.microsoft.com/fwlink/?LinkId=267637' for assistance.",
        "Azure SQL: every worker, or every session, of the database's service tier is taken",
    ),
    transient(
        ("login-10929", 10929),
        20,
        1,
        "Resource ID : 1. The request minimum guarantee is 0, maximum limit is 30, and the current usage for the \
         database is 30. However, the server is currently too busy to support requests greater than 30 for this \
         database. See http://go.microsoft.com/fwlink/?LinkId=267637 for assistance. Otherwise, please try again \
         later.",
        "Azure SQL: an elastic pool or server too busy to give more than the guaranteed minimum",
    ),
    transient(
        ("login-40197", 40197),
        17,
        1,
        "The service has encountered an error processing your request. Please try again. Error code 40540.",
        "Azure SQL: an upgrade, a hardware fault or a failover, under way",
    ),
    transient(
        ("login-40501", 40501),
        20,
        1,
        "The service is currently busy. Retry the request after 10 seconds. Incident ID: \
         00000000-0000-0000-0000-000000000000. Code: 131075.",
        "Azure SQL: the engine throttles this database",
    ),
    transient(
        ("login-40613", 40613),
        17,
        1,
        "Database '{database}' on server '{server}' is not currently available. Please retry the connection later. If \
         the problem persists, contact customer support, and provide them the session tracing ID of \
         '00000000-0000-0000-0000-000000000000'.",
        "Azure SQL: a failover or a scaling, a serverless database that wakes up",
    ),
    transient(
        ("login-42108", 42108),
        16,
        1,
        "Can not connect to the SQL pool since it is paused. Please resume the SQL pool and try again.",
        "Azure Synapse: the dedicated SQL pool is paused, at night or to save money",
    ),
    transient(
        ("login-42109", 42109),
        16,
        1,
        "The SQL pool is warming up. Please try again.",
        "Azure Synapse: the pool was resumed a moment ago",
    ),
    error(
        ("login-49918", 49918),
        16,
        1,
        "Cannot process request. Not enough resources to process request. The service is currently busy. Please retry \
         the request later.",
        "Azure SQL: no resources left for this request in the region or cluster",
    ),
    error(
        ("login-49919", 49919),
        16,
        1,
        "Cannot process create or update request. Too many create or update operations in progress for subscription \
         \"0\". The service is busy processing multiple create or update requests for your subscription or server. \
         Requests are currently blocked for resource optimization. Query sys.dm_operation_status for pending \
         operations. Wait till pending create or update requests are complete or delete one of your pending requests \
         and retry your request later.",
        "Azure SQL: too many databases of the subscription are made or changed at once",
    ),
    error(
        ("login-49920", 49920),
        16,
        1,
        "Cannot process request. Too many operations in progress for subscription \"0\". The service is busy \
         processing multiple requests for this subscription. Requests are currently blocked for resource optimization. \
         Query sys.dm_operation_status for operation status. Wait until pending requests are complete or delete one of \
         your pending requests and retry your request later.",
        "Azure SQL: too many operations of the subscription are under way",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_once() {
        let text = |number, user| server_error(number).unwrap().text(user, "shop", "sql01");
        assert_eq!(text(18456, "{server}"), "Login failed for user '{server}'.");
        assert!(text(40613, "x").starts_with("Database 'shop' on server 'sql01' is not currently available."));
        assert!(text(4060, "x").starts_with("Cannot open database \"shop\" requested"));
    }

    #[test]
    fn numbers_are_unique_and_texts_fit_a_token() {
        for (at, error) in CATALOGUE.iter().enumerate() {
            assert!(CATALOGUE[..at].iter().all(|other| other.number != error.number), "{}", error.number);
            assert!(error.template.len() < 1000 && !error.incident.is_empty(), "{}", error.number);
            assert_eq!(error.name, format!("login-{}", error.number));
        }
    }

    #[test]
    fn the_retry_list_is_sql_clients() {
        let listed: Vec<u32> = CATALOGUE.iter().filter(|error| error.transient).map(|error| error.number).collect();
        assert_eq!(listed, crate::record::TRANSIENT_ERRORS);
    }

    /// Class 17 stood here for Synapse's two, and a space was missing, before they were looked up.
    #[test]
    fn classes_are_those_of_the_sources() {
        let of = |class| CATALOGUE.iter().filter(move |error| error.class == class).map(|error| error.number);
        assert_eq!(of(11).collect::<Vec<_>>(), [4060, 4064]);
        assert_eq!(of(14).collect::<Vec<_>>(), [18456, 18452, 18401, 18461, 18470, 18486, 18487, 18488, 17892]);
        assert_eq!(of(16).collect::<Vec<_>>(), [42108, 42109, 49918, 49919, 49920]);
        assert_eq!(of(17).collect::<Vec<_>>(), [40197, 40613]);
        assert_eq!(of(20).collect::<Vec<_>>(), [17806, 17809, 17828, 17830, 17832, 17836, 10928, 10929, 40501]);
    }
}
