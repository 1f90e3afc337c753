//! SQL Server's error log, line for line: what an administrator sees of a refused login.
//!
//! The client is told state 1 of every 18456; the true state and its reason stand here only.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

/// When a line was written: `2007-12-05 20:12:56.34`, in UTC.
#[derive(Debug, Clone, Copy)]
pub struct Stamp(pub SystemTime);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 with milliseconds, `2007-12-05T20:12:56.345Z`, holds every part.
        let text = humantime::format_rfc3339_millis(self.0).to_string();
        match (text.get(..10), text.get(11..22)) {
            (Some(date), Some(time)) => write!(f, "{date} {time}"),
            _ => f.write_str(&text),
        }
    }
}

/// Which log a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// SQL Server's ERRORLOG: two lines with the true state.
    ErrorLog,
    /// The Windows event log's Failure Audit, which names neither state nor reason.
    FailureAudit,
}

/// A login that was refused, as the logs tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFailure {
    /// The error's number.
    pub number: u32,
    /// Its severity.
    pub class: u8,
    /// The true state.
    pub state: u8,
    /// The error's text, as the client gets it.
    pub text: String,
    /// Where the client is.
    pub client: IpAddr,
}

impl LoginFailure {
    /// The lines of one log, each with its end.
    #[must_use]
    pub fn lines(&self, audience: Audience, at: Stamp) -> String {
        let Self { number, class, state, client, .. } = self;
        // A user's name comes from the peer and must not forge lines.
        let text: String = self.text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        match audience {
            Audience::ErrorLog => {
                let reason = if *number == 18456 { reason(*state) } else { None };
                let reason = reason.map(|reason| format!(" Reason: {reason}")).unwrap_or_default();
                format!(
                    "{at} Logon       Error: {number}, Severity: {class}, State: {state}.\n\
                     {at} Logon       {text}{reason} [CLIENT: {client}]\n"
                )
            }
            Audience::FailureAudit => {
                format!("{at} Failure Audit MSSQLSERVER (4) {number} N/A {text} [CLIENT: {client}]\n")
            }
        }
    }
}

/// The lines of a connection that SQL Server gives up on before it knows a login: 17828, 17832, 17836.
#[must_use]
pub fn network_failure(number: u32, text: &str, client: IpAddr, at: Stamp) -> String {
    format!("{at} Logon       Error: {number}, Severity: 20, State: 1.\n{at} Logon       {text} [CLIENT: {client}]\n")
}

/// Why SQL Server refused a login with 18456 in `state`, in the error log's words.
#[must_use]
pub const fn reason(state: u8) -> Option<&'static str> {
    Some(match state {
        2 | 5 => "Could not find a login matching the name provided.",
        6 => "Attempting to use an NT account name with SQL Server Authentication.",
        7 => "An error occurred while evaluating the password. The login is disabled, and the password is incorrect.",
        8 => "Password did not match that for the login provided.",
        9 => "Password for the login provided is not valid.",
        11 => {
            "Login-based server access validation failed with an infrastructure error. Login lacks Connect SQL \
             permission."
        }
        12 => {
            "Token-based server access validation failed with an infrastructure error. Login lacks Connect SQL \
             permission."
        }
        13 => "SQL Server service is paused. No new connections can be accepted at this time.",
        16 => "Failed to open the database specified in the login properties.",
        18 => "The password of the account must be changed.",
        23 => {
            "Access to server validation failed while revalidating the login on the connection. Server is shutting \
             down."
        }
        27 => "Could not determine the initial database for the session.",
        38 | 46 => "Failed to open the explicitly specified database.",
        40 => "Failed to open the database specified in the login properties.",
        58 => {
            "An attempt to login using SQL authentication failed. Server is configured for Windows authentication only."
        }
        102..=111 | 132..=133 => "Microsoft Entra authentication failed.",
        122 => "Both the user name and the password are empty.",
        123 => "The user name is empty.",
        124 => "The password is empty.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 2007-12-05 20:12:56.34 UTC, the seed article's own moment.
    fn at() -> Stamp {
        Stamp(SystemTime::UNIX_EPOCH + Duration::from_millis(1_196_885_576_340))
    }

    fn failure() -> LoginFailure {
        LoginFailure {
            number: 18456,
            class: 14,
            state: 8,
            text: "Login failed for user 'x'.".to_owned(),
            client: IpAddr::from([127, 0, 0, 1]),
        }
    }

    #[test]
    fn the_articles_two_lines() {
        let expected = "2007-12-05 20:12:56.34 Logon       Error: 18456, Severity: 14, State: 8.\n\
            2007-12-05 20:12:56.34 Logon       Login failed for user 'x'. Reason: Password did not match that for the \
            login provided. [CLIENT: 127.0.0.1]\n";
        assert_eq!(failure().lines(Audience::ErrorLog, at()), expected);
    }

    #[test]
    fn the_failure_audit_tells_no_state() {
        let line = failure().lines(Audience::FailureAudit, at());
        assert!(line.contains("MSSQLSERVER") && line.contains("18456") && !line.contains("Reason"), "{line}");
        assert!(line.ends_with("Login failed for user 'x'. [CLIENT: 127.0.0.1]\n"), "{line}");
    }

    #[test]
    fn a_users_name_forges_no_line() {
        let forged = LoginFailure { text: "Login failed for user 'x\n2007'.".to_owned(), ..failure() };
        assert_eq!(forged.lines(Audience::ErrorLog, at()).lines().count(), 2);
    }

    #[test]
    fn only_18456_has_a_reason() {
        let other = LoginFailure { number: 4060, ..failure() };
        assert!(!other.lines(Audience::ErrorLog, at()).contains("Reason"));
    }
}
