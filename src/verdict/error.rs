//! Why an expectation cannot be judged, and where in its text the reason stands.

use std::ops::Range;

/// Why an expectation cannot be read or judged; completes "failed to read the expectation: ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpectationError {
    /// There is no comparison in it.
    #[error("no comparison; write it as `[ARM:] PATH OP VALUE`, such as `leaky: ports.exhausted == true`")]
    NoOperator {
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
    /// The operator is not one of the six.
    #[error("`{found}` does not compare; use one of == != < <= > >=")]
    WrongOperator {
        /// Where, in bytes of the text.
        at: Range<usize>,
        /// What stands there.
        found: String,
    },
    /// No path stands before the operator.
    #[error("no path before the operator; write a field of the summary, such as `ports.peak`")]
    NoPath {
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
    /// What stands before the operator cannot be a path.
    #[error("`{found}` is not a path; names joined by dots are, such as `sockets.client.close_wait.peak`")]
    NotAPath {
        /// Where, in bytes of the text.
        at: Range<usize>,
        /// What stands there.
        found: String,
    },
    /// No value stands after the operator.
    #[error("no value after the operator; write a number, true, false, null or a string")]
    NoValue {
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
    /// A string without its end, or with an escape that does not exist.
    #[error("the string does not end, or holds an unknown escape")]
    BrokenString {
        /// Where, in bytes of the text.
        at: Range<usize>,
    },
    /// Something stands after the value, or between a quoted arm and its colon.
    #[error("`{found}` is one part too many; an expectation compares once, and a name with blanks needs quotes")]
    Trailing {
        /// Where, in bytes of the text.
        at: Range<usize>,
        /// What stands there.
        found: String,
    },
    /// No arm has that name.
    #[error("no arm is named `{arm}`{}", did_you_mean(nearest.as_deref()))]
    UnknownArm {
        /// Where, in bytes of the text.
        at: Range<usize>,
        /// What stands there.
        arm: String,
        /// The arm with the nearest name.
        nearest: Option<String>,
    },
    /// The summary has no such field.
    #[error("the summary has no field `{path}`{}", did_you_mean(nearest.as_deref()))]
    UnknownPath {
        /// Where, in bytes of the text.
        at: Range<usize>,
        /// What stands there.
        path: String,
        /// The known path that is nearest.
        nearest: Option<String>,
    },
    /// The path leads to several fields.
    #[error("`{path}` holds several fields; did you mean `{example}`?")]
    Group {
        /// Where, in bytes of the text.
        at: Range<usize>,
        /// What stands there.
        path: String,
        /// One of its fields.
        example: String,
    },
    /// The field is of one kind and the value of another.
    #[error("`{path}` is {is}, and `{value}` is {other}")]
    WrongKind {
        /// Where the value stands, in bytes of the text.
        at: Range<usize>,
        /// The path.
        path: String,
        /// What the field is.
        is: &'static str,
        /// The value as written.
        value: String,
        /// What the value is.
        other: &'static str,
    },
    /// Only numbers have an order.
    #[error("`{op}` needs numbers, and `{path}` is compared with {other}; use == or !=")]
    NoOrder {
        /// Where the operator stands, in bytes of the text.
        at: Range<usize>,
        /// The operator.
        op: &'static str,
        /// The path.
        path: String,
        /// What the value is.
        other: &'static str,
    },
}

impl ExpectationError {
    /// Where in the expectation's text the reason stands, in bytes, so that a caret can point at it.
    #[must_use]
    pub fn at(&self) -> Range<usize> {
        match self {
            Self::NoOperator { at }
            | Self::WrongOperator { at, .. }
            | Self::NoPath { at }
            | Self::NotAPath { at, .. }
            | Self::NoValue { at }
            | Self::BrokenString { at }
            | Self::Trailing { at, .. }
            | Self::UnknownArm { at, .. }
            | Self::UnknownPath { at, .. }
            | Self::Group { at, .. }
            | Self::WrongKind { at, .. }
            | Self::NoOrder { at, .. } => at.clone(),
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
