//! The choice of a sandbox: `auto`, or one of its levels.

use std::fmt;
use std::str::FromStr;

use crate::sandbox::Level;
use crate::units::{ParseError, text_form};

/// Which sandbox an arm runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SandboxChoice {
    /// The best that this machine allows.
    #[default]
    Auto,
    /// This one, or the arm is not played.
    Level(Level),
}

impl SandboxChoice {
    /// The level that is asked for; none leaves the choice to the machine.
    #[must_use]
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::Auto => None,
            Self::Level(level) => Some(level),
        }
    }
}

impl fmt::Display for SandboxChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Level(level) => fmt::Display::fmt(level, f),
        }
    }
}

impl FromStr for SandboxChoice {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Level).map_err(|_| {
            let known = Level::ALL.map(Level::name).join("`, `");
            ParseError::new(format!("unknown sandbox `{text}`, expected one of `auto`, `{known}`"))
        })
    }
}

text_form!(
    SandboxChoice,
    "^(auto|two-hosts|one-host|port-range|none)$",
    "\"auto\" (the best that this machine allows), or a level: \"two-hosts\", \"one-host\", \"port-range\", \"none\""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for name in Level::ALL.map(Level::name).into_iter().chain(["auto"]) {
            assert_eq!(name.parse::<SandboxChoice>().unwrap().to_string(), name);
        }
        let error = "docker".parse::<SandboxChoice>().unwrap_err().to_string();
        assert!(error.contains("`docker`") && error.contains("`two-hosts`"), "{error}");
    }
}
