//! The errors that end a login, in SQL Server's own words.
//!
//! Texts are those of `sys.messages` and of Azure SQL's documentation, where users search for them. Placeholders stand
//! in braces: `{user}`, `{database}`, `{server}`; numbers that SQL Server would fill in have a plausible value.

/// One error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerError {
    /// Its number.
    pub number: u32,
    /// Its class (severity).
    pub class: u8,
    /// Its usual state.
    pub state: u8,
    /// Whether SqlClient's connect-retry list has it.
    pub transient: bool,
    /// The text, with placeholders.
    template: &'static str,
}

impl ServerError {
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

const fn error(number: u32, class: u8, state: u8, template: &'static str) -> ServerError {
    ServerError { number, class, state, transient: false, template }
}

const fn transient(number: u32, class: u8, state: u8, template: &'static str) -> ServerError {
    ServerError { number, class, state, transient: true, template }
}

/// Every error that ends a login, 18456 first.
pub const CATALOGUE: &[ServerError] = &[
    // State 8, the wrong password, is what the error log is told; the wire has 1 always.
    error(18456, 14, 8, "Login failed for user '{user}'."),
    error(
        18452,
        14,
        1,
        "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.",
    ),
    error(
        18401,
        14,
        1,
        "Login failed for user '{user}'. Reason: Server is in script upgrade mode. Only administrator can connect at \
         this time.",
    ),
    error(
        18461,
        14,
        1,
        "Login failed for user '{user}'. Reason: Server is in single user mode. Only one administrator can connect at \
         this time.",
    ),
    error(18470, 14, 1, "Login failed for user '{user}'. Reason: The account is disabled."),
    error(
        18486,
        14,
        1,
        "Login failed for user '{user}' because the account is currently locked out. The system administrator can \
         unlock it.",
    ),
    error(18487, 14, 1, "Login failed for user '{user}'.  Reason: The password of the account has expired."),
    error(18488, 14, 1, "Login failed for user '{user}'.  Reason: The password of the account must be changed."),
    error(
        17806,
        20,
        14,
        "SSPI handshake failed with error code 0x8009030c, state 14 while establishing a connection with integrated \
         security; the connection has been closed. Reason: AcceptSecurityContext failed. The operating system error \
         code indicates the cause of failure. The logon attempt failed",
    ),
    error(
        17809,
        20,
        1,
        "Could not connect because the maximum number of '32767' user connections has already been reached. The \
         system administrator can use sp_configure to increase the maximum value. The connection has been closed.",
    ),
    error(
        17828,
        20,
        1,
        "The prelogin packet used to open the connection is structurally invalid; the connection has been closed. \
         Please contact the vendor of the client library.",
    ),
    error(
        17830,
        20,
        105,
        "Network error code 0x2746 occurred while establishing a connection; the connection has been closed. This may \
         have been caused by client or server login timeout expiration.",
    ),
    error(
        17832,
        20,
        1,
        "The login packet used to open the connection is structurally invalid; the connection has been closed. Please \
         contact the vendor of the client library.",
    ),
    error(
        17836,
        20,
        1,
        "Length specified in network packet payload did not match number of bytes read; the connection has been \
         closed. Please contact the vendor of the client library.",
    ),
    error(17892, 14, 1, "Logon failed for login '{user}' due to trigger execution."),
    transient(4060, 11, 1, "Cannot open database \"{database}\" requested by the login. The login failed."),
    error(4064, 11, 1, "Cannot open user default database. Login failed."),
    transient(
        10928,
        20,
        1,
        "Resource ID: 1. The request limit for the database is 30 and has been reached. See \
         'http://go.microsoft.com/fwlink/?LinkId=267637' for assistance.",
    ),
    transient(
        10929,
        20,
        1,
        "Resource ID: 1. The request minimum guarantee is 0, maximum limit is 30, and the current usage for the \
         database is 30. However, the server is currently too busy to support requests greater than 30 for this \
         database. See http://go.microsoft.com/fwlink/?LinkId=267637 for assistance. Otherwise, please try again \
         later.",
    ),
    transient(
        40197,
        17,
        1,
        "The service has encountered an error processing your request. Please try again. Error code 40540.",
    ),
    transient(
        40501,
        20,
        1,
        "The service is currently busy. Retry the request after 10 seconds. Incident ID: \
         00000000-0000-0000-0000-000000000000. Code: 131075.",
    ),
    transient(
        40613,
        17,
        1,
        "Database '{database}' on server '{server}' is not currently available. Please retry the connection later. If \
         the problem persists, contact customer support, and provide them the session tracing ID of \
         '00000000-0000-0000-0000-000000000000'.",
    ),
    transient(
        42108,
        17,
        1,
        "Can not connect to the SQL pool since it is paused. Please resume the SQL pool and try again.",
    ),
    transient(42109, 17, 1, "The SQL pool is warming up. Please try again."),
    error(
        49918,
        16,
        1,
        "Cannot process request. Not enough resources to process request. The service is currently busy. Please retry \
         the request later.",
    ),
    error(
        49919,
        16,
        1,
        "Cannot process create or update request. Too many create or update operations in progress for subscription \
         \"0\". The service is busy processing multiple create or update requests for your subscription or server. \
         Requests are currently blocked for resource optimization. Query sys.dm_operation_status for pending \
         operations. Wait till pending create or update requests are complete or delete one of your pending requests \
         and retry your request later.",
    ),
    error(
        49920,
        16,
        1,
        "Cannot process request. Too many operations in progress for subscription \"0\". The service is busy \
         processing multiple requests for this subscription. Requests are currently blocked for resource optimization. \
         Query sys.dm_operation_status for operation status. Wait until pending requests are complete or delete one of \
         your pending requests and retry your request later.",
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
            assert!(error.template.len() < 1000, "{}", error.number);
        }
    }

    #[test]
    fn the_retry_list_is_sql_clients() {
        let listed: Vec<u32> = CATALOGUE.iter().filter(|error| error.transient).map(|error| error.number).collect();
        assert_eq!(listed, [4060, 10928, 10929, 40197, 40501, 40613, 42108, 42109]);
    }
}
