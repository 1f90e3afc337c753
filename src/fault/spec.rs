//! A fault as a person writes it: `login-18456`, `login-18456:end=hold`, `login-stall:for=30s,p=0.2`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::parameters::{Key, Parameters};
use super::{Action, Dice, End, Error, Fault, ListenerFault, Stage};
use crate::record::Named as _;
use crate::units::text_form;

/// A fault, how its connection ends, and which connections it strikes; reads and prints `login-18456:end=hold,p=0.2`.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultSpec {
    /// The fault.
    pub fault: Fault,
    /// Its parameters; only those that the fault takes.
    pub(super) parameters: Parameters,
}

impl FaultSpec {
    /// A fault that strikes every connection.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self { fault, parameters: Parameters::default() }
    }

    /// How the connection ends after it; none leaves it to the server's close mode.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.parameters.end
    }

    /// What it does to the whole listener, if it does, and when.
    #[must_use]
    pub fn listener(&self) -> Option<ListenerFault> {
        self.fault.listener()
    }

    /// The time since the server's start in which it strikes; none is always.
    #[must_use]
    pub const fn during(&self) -> Option<super::Window> {
        self.parameters.schedule.during
    }

    /// Whether the login is never over under it, so that only the client can end the wait.
    #[must_use]
    pub fn never_over(&self) -> bool {
        // A stall with a time ends by itself.
        self.fault.never_over() && self.parameters.time.is_none()
    }

    /// Whether it strikes the connection that was accepted as number `connection` (from 1), so long after the server's
    /// start; `place` is its place in the server's list. It is asked once, at accept.
    #[must_use]
    pub fn strikes(&self, connection: u64, since_start: Duration, dice: Dice, place: usize) -> bool {
        self.parameters.schedule.strikes(connection, since_start, dice, place)
    }

    /// What the server is to do at this stage of a connection that it strikes.
    #[must_use]
    pub fn act(&self, stage: &Stage<'_>) -> Action {
        self.fault.act(&self.parameters, stage)
    }

    /// Sets `key=value`; the error says what is wrong.
    fn set(&mut self, parameter: &str) -> Result<(), String> {
        let (name, value) = parameter.split_once('=').ok_or("it has no `=`")?;
        let known = Key::ALL.iter().copied().find(|key| key.name() == name);
        let key = known.ok_or_else(|| format!("no fault has a parameter `{name}`"))?;
        if !self.fault.takes().iter().any(|take| take.key == key) {
            return Err(format!("`{name}` means nothing to {}", self.fault));
        }
        if self.parameters.has(key) {
            return Err(format!("`{name}` stands there twice"));
        }
        self.parameters.set(key, value)
    }

    /// What no parameter can see alone.
    fn check(&self) -> Result<(), String> {
        match self.end() {
            Some(_) if self.never_over() => {
                Err(format!("{} never ends by itself: with `end` it needs `for`, such as for=30s", self.fault))
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for FaultSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, parameters) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let mut spec = Self::always(Fault::by_name(name)?);
        let wrong = |parameter: &str, problem: String, fault: Fault| {
            let known: Vec<String> = fault.takes().iter().map(ToString::to_string).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Error::Parameter { text: text.to_owned(), parameter: parameter.to_owned(), problem, known }
        };
        for parameter in parameters.iter().flat_map(|parameters| parameters.split(',')) {
            spec.set(parameter).map_err(|problem| wrong(parameter, problem, spec.fault))?;
        }
        spec.check().map_err(|problem| wrong("end", problem, spec.fault))?;
        Ok(spec)
    }
}

impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.fault, self.parameters)
    }
}

text_form!(
    FaultSpec,
    r"^[a-z]+(-[a-z0-9]+)*(:[a-z]+=[^,]+(,[a-z]+=[^,]+)*)?$",
    "a fault by its name, with parameters: \"login-18456\", \"login-18456:end=hold,p=0.2\", \"login-stall:for=30s,after=100\", \"none\""
);

#[cfg(test)]
mod tests;
