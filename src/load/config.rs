//! The load as a scenario writes it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Rate, Span};

/// When attempts arrive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// Evenly spaced.
    Constant {
        /// How many a second.
        rate: Rate,
    },
    /// Independent of each other: exponentially distributed gaps, seeded.
    Poisson {
        /// How many a second in the mean.
        rate: Rate,
    },
    /// Evenly rising (or falling) from one rate to another, then constant at the second.
    Ramp {
        /// The rate at the start.
        from: Rate,
        /// The rate at the end.
        to: Rate,
        /// How long the change takes.
        over: Span,
    },
    /// Many at once, again and again.
    Burst {
        /// How many at once.
        size: u32,
        /// How often.
        every: Span,
    },
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { rate } => write!(f, "constant {rate}"),
            Self::Poisson { rate } => write!(f, "poisson {rate}"),
            Self::Ramp { from, to, over } => write!(f, "ramp {from} to {to} over {over}"),
            Self::Burst { size, every } => write!(f, "burst of {size} every {every}"),
        }
    }
}

/// What follows a failed login.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Retry {
    /// Nothing.
    #[default]
    None,
    /// Another attempt after the same time, again and again.
    Fixed {
        /// How long after the failure.
        delay: Span,
        /// How often at the most.
        times: u32,
    },
    /// Another attempt after a time that doubles, with full jitter: a random part of it, seeded.
    Exponential {
        /// The first back-off.
        first: Span,
        /// The longest.
        most: Span,
        /// How often at the most.
        times: u32,
    },
    /// SqlClient's pool: after a failed login every attempt is answered with the cached error, without a connection,
    /// for a time that doubles with each further failure and ends with the first good login.
    PoolBlocking {
        /// The first blocking period; SqlClient's is 5 s.
        first: Span,
        /// The longest; SqlClient's is 60 s.
        most: Span,
    },
}

/// The load of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// When attempts arrive.
    pub arrivals: Arrivals,
    /// How many arrive; none is bounded by the duration alone.
    pub attempts: Option<u64>,
    /// How long they arrive; none is bounded by the attempts alone.
    pub duration: Option<Span>,
    /// Attempts under way at once; one more is recorded as capped.
    pub in_flight: u32,
    /// Sockets held by the close strategy at once; one more attempt is recorded as capped.
    pub max_held: u32,
    /// What follows a failed login.
    pub retry: Retry,
    /// The seed of every random choice.
    pub seed: u64,
}
