//! Opens things in another network namespace.
//!
//! A netlink socket belongs for ever to the namespace that it was made in, and so does an open file below
//! `/proc/thread-self/net`, whoever reads it later: only the opening has to happen inside. The choice not taken: a
//! sampling thread that lives in the namespace, of which there would have to be one a side.

use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Error;

/// Runs `open` inside `namespace`, or right here when there is none.
pub(super) fn within<T: Send + 'static>(
    namespace: Option<OwnedFd>,
    open: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let Some(namespace) = namespace else { return open() };
    // A thread of its own: whoever enters a namespace stays in it.
    let thread = thread::Builder::new().name("closewait-netns".to_owned()).spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| Error::Enter(errno.into()))?;
        open()
    });
    match thread.map_err(Error::Thread)?.join() {
        Ok(opened) => opened,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_is_no_namespace_is_refused() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        let error = within(Some(file.into()), || Ok(())).unwrap_err();
        assert!(matches!(error, Error::Enter(_)), "{error}");
    }
}
