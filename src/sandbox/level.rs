//! How far apart the two hosts are, and why they are not further.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::ParseError;

/// How far the client's and the server's host are from each other and from this machine, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Two network namespaces joined by a veth pair, each with its own ports and TCP settings.
    TwoHosts,
    /// One network namespace for both ends, over its loopback; nothing of this machine is used.
    OneHost,
    /// No namespace: a bounded part of this machine's ports, from a loopback address of the run's own.
    PortRange,
    /// No namespace: this machine's own ports and addresses, at most so many ports where the kernel can bound them.
    None,
}

impl Level {
    /// Every level, best first.
    pub const ALL: [Self; 4] = [Self::TwoHosts, Self::OneHost, Self::PortRange, Self::None];

    /// Its name, as in scenarios and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TwoHosts => "two-hosts",
            Self::OneHost => "one-host",
            Self::PortRange => "port-range",
            Self::None => "none",
        }
    }

    /// Whether the hosts are namespaces: whether nothing of this machine changes or is used up.
    #[must_use]
    pub const fn is_isolated(self) -> bool {
        matches!(self, Self::TwoHosts | Self::OneHost)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Level {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            ParseError::new(format!("`{text}` is not a sandbox level; the levels are {known}"))
        })
    }
}

/// Why a better level was not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The level that this machine refused.
    pub level: Level,
    /// What failed, such as `failed to create a user namespace: Operation not permitted (os error 1)`.
    pub reason: String,
    /// What a person could change, when that is known.
    pub hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no `{}` sandbox: {}", self.level, self.reason)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse::<Level>().unwrap(), level);
            assert_eq!(serde_json::to_value(level).unwrap(), level.name());
        }
    }

    #[test]
    fn an_unknown_level_is_told_the_known_ones() {
        let error = "docker".parse::<Level>().unwrap_err().to_string();
        assert!(error.contains("`docker`") && error.contains("two-hosts, one-host, port-range, none"), "{error}");
    }
}
