//! What the command prints: passed on as it comes, its end kept, and a line waited for.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::Notify;

use super::Error;

/// What is kept of the end.
const TAIL: usize = 8 * 1024;

/// The longest line that is looked through for the one that is waited for.
const LONGEST_LINE: usize = 64 * 1024;

/// The output of a command, read by a thread of its own: however much it prints, and however slowly our own stderr takes
/// it, nobody but the command waits.
#[derive(Debug)]
pub(super) struct Output {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    tail: Mutex<Vec<u8>>,
    /// The line that was waited for has come.
    seen: Notify,
}

impl Output {
    /// The output, and the descriptor for the command to write to. `show` passes it on to stderr; `line` is waited for.
    pub(super) fn open(show: bool, line: Option<String>) -> Result<(Self, OwnedFd), Error> {
        let system = |what| move |source: rustix::io::Errno| Error::System { what, source: source.into() };
        let pipe = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
        let (ours, theirs) = pipe.map_err(system("make a pipe for the command's output"))?;
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("closewait-output".to_owned());
        let thread = thread.spawn(move || relay(File::from(ours), show, line, &own));
        let thread =
            thread.map_err(|source| Error::System { what: "start a thread for the command's output", source })?;
        Ok((Self { shared, thread: Some(thread) }, theirs))
    }

    /// Waits for the line.
    pub(super) async fn line(&self) {
        self.shared.seen.notified().await;
    }

    /// The end of what was printed, once nobody can print any more.
    pub(super) fn tail(mut self) -> String {
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed by itself.
            let _ = thread.join();
        }
        let tail = self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail).into_owned()
    }
}

fn relay(mut from: File, show: bool, line: Option<String>, shared: &Shared) {
    let mut buffer = vec![0; 64 * 1024];
    let mut unended = Vec::new();
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let printed = &buffer[..length];
        if show {
            // Nobody may be there to read it, which is no reason to hold the command up.
            let _ = std::io::stderr().write_all(printed);
        }
        if let Some(line) = &line {
            unended.extend_from_slice(printed);
            if String::from_utf8_lossy(&unended).contains(line.as_str()) {
                shared.seen.notify_one();
            }
            let rest = unended.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            unended.drain(..rest.max(unended.len().saturating_sub(LONGEST_LINE)));
        }
        let mut tail = shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(printed);
        let over = tail.len().saturating_sub(TAIL);
        tail.drain(..over);
    }
}
