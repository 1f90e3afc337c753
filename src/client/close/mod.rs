//! What a client does with its connection when the attempt is over: the heart of the matter.
//!
//! A strategy is a value; what it does to a socket stands in one file each. The choice not taken: a flag "leak", which
//! cannot tell a finalizer's late close from a reset, although they look different on both hosts.

mod abortive;
mod drain;
mod half;
mod leaky;
mod orderly;

use std::fmt;
use std::os::fd::OwnedFd;
use std::str::FromStr;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::units::{ParseError, Span, text_form};

/// What the client does with its connection after a failed login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// Closes at once: FIN.
    Orderly,
    /// Closes with `SO_LINGER` 0: RST.
    Abortive,
    /// `shutdown(SHUT_WR)` only: the port comes free after the server's FIN, the descriptor never.
    Half,
    /// Reads to the end of the stream, then closes: the server has surely closed first.
    Drain,
    /// Never closes: the failure of 2008.
    Leaky,
    /// Closes late, as a garbage collector's finalizer does.
    Late(Late),
}

/// When a late closer closes: after a time, when a number of sockets has piled up, or at whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Late {
    /// How long a socket is held; none waits for the count alone.
    pub after: Option<Span>,
    /// How many sockets pile up before all are closed; none waits for the time alone.
    pub count: Option<u32>,
}

impl Close {
    /// The names of the strategies, as documents and command lines write them.
    pub const NAMES: &'static [&'static str] = &["orderly", "abortive", "half", "drain", "leaky", "late"];

    /// The strategy's name without its parameters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orderly => "orderly",
            Self::Abortive => "abortive",
            Self::Half => "half",
            Self::Drain => "drain",
            Self::Leaky => "leaky",
            Self::Late(_) => "late",
        }
    }

    /// Does with the connection what the strategy says; what it keeps open comes back. Waits at most `patience`.
    pub(super) async fn apply(self, stream: TcpStream, patience: Duration) -> Option<OwnedFd> {
        match self {
            Self::Orderly => orderly::close(stream),
            Self::Abortive => abortive::close(stream),
            // The wait is bounded; a stream that is dropped half-way is closed just the same.
            Self::Drain => drop(tokio::time::timeout(patience, drain::close(stream)).await),
            Self::Half => return half::close(stream),
            // When a late closer lets go is told by how many are held and how long: see `Held`.
            Self::Leaky | Self::Late(_) => return leaky::close(stream),
        }
        None
    }

    /// Whether a connection outlives its attempt: such sockets are held, and count against the limits.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Half | Self::Leaky | Self::Late(_))
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let Self::Late(late) = self else { return Ok(()) };
        let after = late.after.map(|span| format!("after={span}"));
        let count = late.count.map(|n| format!("count={n}"));
        let parameters: Vec<_> = [after, count].into_iter().flatten().collect();
        write!(f, ":{}", parameters.join(","))
    }
}

impl FromStr for Close {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, parameters) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let plain = match name.trim() {
            "orderly" => Self::Orderly,
            "abortive" => Self::Abortive,
            "half" => Self::Half,
            "drain" => Self::Drain,
            "leaky" => Self::Leaky,
            "late" => return late(parameters).map(Self::Late),
            other => {
                return Err(ParseError::new(format!(
                    "unknown close strategy `{other}`, expected one of `{}`",
                    Self::NAMES.join("`, `")
                )));
            }
        };
        match parameters {
            None => Ok(plain),
            Some(_) => Err(ParseError::new(format!("the close strategy `{plain}` takes no parameters"))),
        }
    }
}

fn late(parameters: Option<&str>) -> Result<Late, ParseError> {
    let mut late = Late { after: None, count: None };
    for part in parameters.unwrap_or_default().split(',').filter(|part| !part.trim().is_empty()) {
        match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("after", value)) => late.after = Some(value.parse()?),
            Some(("count", value)) => {
                let count = value.parse().ok().filter(|count| *count > 0);
                late.count =
                    Some(count.ok_or_else(|| ParseError::new(format!("`count={value}` is not a number above zero")))?);
            }
            _ => {
                return Err(ParseError::new(format!(
                    "`{part}` is no parameter of `late`; it takes after=DURATION and count=N"
                )));
            }
        }
    }
    if late.after.is_none() && late.count.is_none() {
        return Err(ParseError::new("`late` needs a time or a count, such as \"late:after=2s\" or \"late:count=500\""));
    }
    Ok(late)
}

text_form!(
    Close,
    r"^\s*(orderly|abortive|half|drain|leaky|late:.+)\s*$",
    "a close strategy: \"orderly\" (FIN), \"abortive\" (RST), \"half\" (shutdown only), \"drain\" (read to the end, then \
     close), \"leaky\" (never), \"late:after=2s,count=500\" (a finalizer's delay)"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in [
            "orderly",
            "abortive",
            "half",
            "drain",
            "leaky",
            "late:after=2s",
            "late:count=500",
            "late:after=250ms,count=7",
        ] {
            assert_eq!(text.parse::<Close>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_with_the_known_values() {
        for (text, says) in [
            ("leeky", "`leaky`"),
            ("late", "late:after=2s"),
            ("late:count=0", "above zero"),
            ("late:for=2s", "after=DURATION"),
            ("orderly:after=2s", "takes no parameters"),
        ] {
            let error = text.parse::<Close>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
