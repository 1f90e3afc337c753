//! A part of this program, from its own side.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::process::{Signal, set_parent_process_death_signal};
use serde::de::DeserializeOwned;

use super::frame::decode;
use super::{BlockingChannel, Error, Receiver, Sender, channel, handover, raise_descriptor_limit};

/// The hidden first argument of a part; the second is its name.
pub(super) const ARGUMENT: &str = "__part";

/// What a part was given by its conductor.
#[derive(Debug)]
pub struct Inside {
    name: String,
    role: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    stream: UnixStream,
}

/// Whether this process is a part, by its arguments; call it first, before anything reads standard input.
///
/// A part's soft limit of descriptors is raised to the hard one.
#[must_use]
pub fn inside() -> Option<Result<Inside, Error>> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let name = arguments.next().unwrap_or_default().to_string_lossy().into_owned();
    Some(Inside::from_stdin(name))
}

impl Inside {
    pub(super) fn from_stdin(name: String) -> Result<Self, Error> {
        // The conductor set this before the exec; a program file with capabilities of its own has lost it there. A
        // conductor that died meanwhile shows as the end of the channel.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|errno| Error::NoConductor(errno.into()))?;
        raise_descriptor_limit();
        let stream = take_stdin().map_err(Error::NoConductor)?;
        let (role, descriptors) = handover::take(&stream)?;
        Ok(Self { name, role, descriptors, stream })
    }

    /// The name that the conductor gave this part.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the conductor wants of this part.
    ///
    /// # Errors
    /// When it is not an `R`.
    pub fn role<R: DeserializeOwned>(&self) -> Result<R, Error> {
        decode(&self.role)
    }

    /// The extra descriptors, in the conductor's order; empty when they were taken before.
    pub fn take_fds(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }

    /// The channel, for a part with a tokio runtime, which must be running.
    ///
    /// # Errors
    /// When the runtime cannot watch another descriptor.
    pub fn channel(self) -> Result<(Sender, Receiver), Error> {
        channel::open(self.stream)
    }

    /// The channel, for a part without a runtime.
    ///
    /// # Errors
    /// When the socket cannot be set to blocking.
    pub fn blocking_channel(self) -> Result<BlockingChannel, Error> {
        BlockingChannel::open(self.stream)
    }
}

/// The channel that is our standard input, which then becomes `/dev/null`: a second copy of it would keep the
/// conductor from seeing that the part has closed the first.
fn take_stdin() -> io::Result<UnixStream> {
    let stream = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(stream))
}
