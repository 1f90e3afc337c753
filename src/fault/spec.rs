//! A fault as a person writes it: `login-18456`, `login-18456:end=hold`, `login-18456:end=reset,p=0.2`.

use std::fmt;
use std::str::FromStr;

use super::{Action, Dice, End, Error, Fault, Stage};
use crate::record::Named as _;
use crate::units::text_form;

/// A fault, how its connection ends, and how often it comes; reads and prints `login-18456:end=hold,p=0.2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultSpec {
    /// The fault.
    pub fault: Fault,
    /// How the connection ends after it; none leaves it to the server's close mode.
    pub end: Option<End>,
    /// The share of connections that it strikes, above 0 and at most 1.
    probability: f64,
}

impl FaultSpec {
    /// A fault that strikes every connection.
    #[must_use]
    pub const fn always(fault: Fault) -> Self {
        Self { fault, end: None, probability: 1.0 }
    }

    /// What the server is to do at this stage of a connection; `place` is the fault's place in the server's list.
    #[must_use]
    pub fn act(&self, stage: &Stage<'_>, dice: Dice, place: usize) -> Action {
        if self.probability < 1.0 && dice.throw(place) >= self.probability {
            return Action::Proceed;
        }
        self.fault.act(stage)
    }

    fn set(&mut self, parameter: &str) -> Option<()> {
        let (key, value) = parameter.split_once('=')?;
        match key {
            "end" if self.end.is_none() => {
                self.end = Some(*End::ALL.iter().find(|end| end.name() == value)?);
            }
            "p" => {
                let p: f64 = value.parse().ok()?;
                self.probability = (p > 0.0 && p <= 1.0).then_some(p)?;
            }
            _ => return None,
        }
        Some(())
    }
}

impl FromStr for FaultSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, parameters) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let mut spec = Self::always(Fault::by_name(name)?);
        for parameter in parameters.iter().flat_map(|parameters| parameters.split(',')) {
            spec.set(parameter)
                .ok_or_else(|| Error::Parameter { text: text.to_owned(), parameter: parameter.to_owned() })?;
        }
        Ok(spec)
    }
}

impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault)?;
        let mut separator = ':';
        if let Some(end) = self.end {
            write!(f, "{separator}end={}", end.name())?;
            separator = ',';
        }
        if self.probability < 1.0 {
            write!(f, "{separator}p={}", self.probability)?;
        }
        Ok(())
    }
}

text_form!(
    FaultSpec,
    r"^[a-z]+(-[a-z0-9]+)*(:[a-z]+=[^,]+(,[a-z]+=[^,]+)*)?$",
    "a fault by its name, with parameters: \"login-18456\", \"login-18456:end=hold,p=0.2\", \"connect-end\", \"none\""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in [
            "none",
            "connect-end",
            "connect-no-reply",
            "login-18456",
            "login-18456-state-5",
            "login-4060:end=hold",
            "login-18456:end=reset,p=0.2",
            "connect-end:p=0.5",
        ] {
            assert_eq!(text.parse::<FaultSpec>().unwrap().to_string(), text);
            let json = serde_json::to_string(&text.parse::<FaultSpec>().unwrap()).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<FaultSpec>(&json).unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_parameters_are_named() {
        for text in [
            "login-18456:end=never",
            "login-18456:",
            "login-18456:p=0",
            "login-18456:p=1.5",
            "login-18456:p=nan",
            "login-18456:for=30s",
            "login-18456:end=hold,end=hold",
        ] {
            assert!(matches!(text.parse::<FaultSpec>(), Err(Error::Parameter { .. })), "{text}");
        }
    }

    #[test]
    fn a_share_of_connections_is_struck() {
        let spec: FaultSpec = "connect-end:p=0.2".parse().unwrap();
        let struck = (0..1000).filter(|n| spec.act(&Stage::Accepted, Dice::new(1, *n), 0) == Action::End).count();
        assert!((150..250).contains(&struck), "{struck}");
    }
}
