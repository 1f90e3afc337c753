//! What can go wrong between the conductor and a part.

use std::io;

use super::{MAX_DESCRIPTORS, MAX_FRAME};

/// Why a part could not be started or spoken to; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process did not start, or not inside its host.
    #[error("start the part `{name}`")]
    Start {
        /// The part's name.
        name: String,
        /// The kernel's reason.
        source: io::Error,
    },
    /// This process was started as a part, but not by a conductor.
    #[error("find the conductor on standard input; `{}` is for this program's own use", super::inside::ARGUMENT)]
    NoConductor(#[source] io::Error),
    /// The channel broke.
    #[error("{what}")]
    Channel {
        /// What was tried.
        what: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The other end went away in the middle of a message.
    #[error("read a whole message: the other end closed in the middle of it")]
    Cut,
    /// A message over the limit, to be sent or announced by the other end.
    #[error("exchange a message of {0} bytes: the most is {MAX_FRAME}")]
    TooLarge(usize),
    /// More descriptors than one handover carries.
    #[error("hand over {0} descriptors: the most is {MAX_DESCRIPTORS}")]
    TooManyDescriptors(usize),
    /// Descriptors were lost on the way.
    #[error("take over {expected} descriptors: {received} arrived; this process may have too many open")]
    LostDescriptors {
        /// How many were announced.
        expected: usize,
        /// How many came.
        received: usize,
    },
    /// A value that serde_json cannot write.
    #[error("write a message as JSON")]
    Encode(#[source] serde_json::Error),
    /// A message that is not of the expected type.
    #[error("read a message of the other end")]
    Decode(#[source] serde_json::Error),
}

impl Error {
    pub(super) fn channel(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Channel { what, source }
    }
}
