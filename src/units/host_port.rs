//! Where a server is: `db.example:1433`, `[::1]:1433`.

use std::fmt;
use std::str::FromStr;

use super::{ParseError, text_form};

/// A host, by name or address, and a TCP port; the port is SQL Server's 1433 when none is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: String,
    /// The TCP port, never 0.
    pub port: u16,
}

impl HostPort {
    /// SQL Server's default port.
    pub const DEFAULT_PORT: u16 = 1433;
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong =
            || ParseError::new(format!("`{text}` is not a target; write it as HOST:PORT, such as \"db.test:1433\""));
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(wrong)?) })
        } else {
            match text.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err(wrong()),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = port.map_or(Ok(Self::DEFAULT_PORT), |port| port.parse().map_err(|_| wrong()))?;
        if host.is_empty() || host.contains(char::is_whitespace) || port == 0 {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

text_form!(
    HostPort,
    r"^\S+$",
    "a host and a TCP port, such as \"db.test:1433\"; the port is 1433 when none is written"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_addresses() {
        for (text, host, port) in [
            ("db.test:1433", "db.test", 1433),
            ("db.test", "db.test", 1433),
            ("127.0.0.1:5000", "127.0.0.1", 5000),
            ("[::1]:5000", "::1", 5000),
            ("[::1]", "::1", 1433),
        ] {
            let target: HostPort = text.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{text}");
            assert_eq!(target.to_string().parse::<HostPort>().unwrap(), target);
        }
    }

    #[test]
    fn refuses_what_names_no_place() {
        for text in ["", ":1433", "a b:1", "h:0", "h:70000", "h:x", "::1", "[::1"] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
