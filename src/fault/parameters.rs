//! A fault's parameters: `end=hold,p=0.2,for=30s`.

use std::fmt;

use super::End;
use super::schedule::Schedule;
use crate::record::{Named as _, named_enum};
use crate::units::{HostPort, Span};

named_enum! {
    /// A parameter's name.
    pub enum Key {
        /// How the connection ends when the fault is over.
        End = "end",
        /// The share of connections that it strikes.
        Probability = "p",
        /// So many connections come before the first that it may strike.
        After = "after",
        /// Of those that come then, only so many may be struck.
        First = "first",
        /// Only connections that come in this time since the server's start.
        During = "during",
        /// How long the fault lasts.
        For = "for",
        /// The pause between two bytes, or two messages.
        Every = "every",
        /// Where a login is sent to.
        To = "to",
        /// How many requests are answered well before.
        Requests = "requests",
    }
}

impl Key {
    /// How it is written.
    const fn example(self) -> &'static str {
        match self {
            Self::End => "end=close|hold|reset",
            Self::Probability => "p=0.2",
            Self::After => "after=100",
            Self::First => "first=3",
            Self::During => "during=5s..10s",
            Self::For => "for=30s",
            Self::Every => "every=1s",
            Self::To => "to=HOST:PORT",
            Self::Requests => "requests=1",
        }
    }
}

/// A parameter that a fault takes, and what holds where it is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// Which.
    pub key: Key,
    /// The default, where there is one to name.
    pub default: Option<&'static str>,
}

impl fmt::Display for Take {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.default {
            Some(default) => write!(f, "{}={default}", self.key.name()),
            None => f.write_str(self.key.example()),
        }
    }
}

/// A fault's parameters, as they were written.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Parameters {
    /// How the connection ends after the fault; none leaves it to the server's close mode.
    pub(super) end: Option<End>,
    /// Which connections it strikes.
    pub(super) schedule: Schedule,
    /// How long it lasts.
    pub(super) time: Option<Span>,
    /// The pause between two bytes, or two messages.
    pub(super) every: Option<Span>,
    /// Where a login is sent to; none is the server itself.
    pub(super) to: Option<HostPort>,
    /// How many requests are answered well before.
    pub(super) requests: Option<u64>,
}

/// No fault waits longer.
const LONGEST: Span = Span::from_secs(24 * 3600);

impl Parameters {
    /// Sets one; the error says what is wrong with the value.
    pub(super) fn set(&mut self, key: Key, value: &str) -> Result<(), String> {
        match key {
            Key::End => self.end = Some(end(value)?),
            Key::Probability => self.schedule.probability = Some(share(value)?),
            Key::After => self.schedule.after = count(value)?,
            Key::First => self.schedule.first = Some(count(value)?),
            Key::During => self.schedule.during = Some(value.parse().map_err(|error| format!("{error}"))?),
            Key::For => self.time = Some(time(value)?),
            Key::Every => self.every = Some(time(value)?),
            Key::To => self.to = Some(value.parse().map_err(|error| format!("{error}"))?),
            Key::Requests => self.requests = Some(count(value)?),
        }
        Ok(())
    }

    /// Whether one was written.
    pub(super) fn has(&self, key: Key) -> bool {
        self.value(key).is_some()
    }

    /// One as it is written.
    fn value(&self, key: Key) -> Option<String> {
        let Schedule { probability, after, first, during } = self.schedule;
        match key {
            Key::End => self.end.map(|end| end.name().to_owned()),
            Key::Probability => probability.map(|p| p.to_string()),
            Key::After => (after > 0).then(|| after.to_string()),
            Key::First => first.map(|first| first.to_string()),
            Key::During => during.map(|window| window.to_string()),
            Key::For => self.time.map(|time| time.to_string()),
            Key::Every => self.every.map(|every| every.to_string()),
            Key::To => self.to.as_ref().map(HostPort::to_string),
            Key::Requests => self.requests.map(|requests| requests.to_string()),
        }
    }
}

impl fmt::Display for Parameters {
    /// `:end=hold,p=0.2`, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = Key::ALL.iter().filter_map(|key| self.value(*key).map(|value| (key.name(), value)));
        for (at, (name, value)) in written.enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}

fn end(value: &str) -> Result<End, String> {
    let found = End::ALL.iter().copied().find(|end| end.name() == value);
    found.ok_or_else(|| format!("`{value}` is no end: close, hold or reset"))
}

fn share(value: &str) -> Result<f64, String> {
    let share = value.parse().ok().filter(|p: &f64| *p > 0.0 && *p <= 1.0);
    share.ok_or_else(|| format!("`{value}` is no share of connections: above 0 and at most 1"))
}

fn count(value: &str) -> Result<u64, String> {
    value.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("`{value}` is no number from 1 on"))
}

fn time(value: &str) -> Result<Span, String> {
    let time: Span = value.parse().map_err(|error| format!("{error}"))?;
    if time.0.is_zero() || time > LONGEST {
        return Err(format!("{time} is not above 0s and at most {LONGEST}"));
    }
    Ok(time)
}
