//! `connect-end` and `connect-no-reply`: a server that accepts and never says a word.

use super::{Action, Stage};

/// `connect-end`: the connection is ended as soon as it is accepted, as by a proxy with no server behind it.
pub(super) const fn end(stage: &Stage<'_>) -> Action {
    match stage {
        Stage::Accepted => Action::End,
        Stage::Login(_) => Action::Proceed,
    }
}

/// `connect-no-reply`: everything is read and nothing answered, as by a server that hangs. It never ends by itself.
pub(super) const fn no_reply(stage: &Stage<'_>) -> Action {
    match stage {
        Stage::Accepted => Action::Ignore,
        Stage::Login(_) => Action::Proceed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_act_before_the_first_byte() {
        assert_eq!((end(&Stage::Accepted), no_reply(&Stage::Accepted)), (Action::End, Action::Ignore));
    }
}
