//! Ctrl-C and SIGTERM: the first ends the work in good order, the second ends the program at once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::signal::unix::{SignalKind, signal};

use crate::run::{self, Stop, Stopper};

/// What was asked for by signal.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    /// Hears the first signal.
    pub(super) stop: Stop,
    /// Asks for the same end without a signal.
    pub(super) stopper: Stopper,
    received: Rc<Cell<Option<i32>>>,
}

impl Signals {
    /// Listens from now on; must be called inside a `LocalSet`.
    pub(super) fn listen() -> std::io::Result<Self> {
        let (stopper, stop) = run::stop();
        let signals = Self { stop, stopper, received: Rc::default() };
        for (kind, number) in [(SignalKind::interrupt(), SIGINT), (SignalKind::terminate(), SIGTERM)] {
            let mut stream = signal(kind)?;
            let heard = signals.clone();
            tokio::task::spawn_local(async move {
                while stream.recv().await.is_some() {
                    if heard.received.replace(Some(number)).is_some() {
                        raise(number);
                    }
                    heard.stopper.ask();
                }
            });
        }
        Ok(signals)
    }

    /// The signal that was received, if any; also one that came while nobody had time to listen.
    pub(super) async fn received(&self) -> Option<i32> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.received.get()
    }
}

/// Ends this process by the signal itself, as its parent expects to see it.
pub(super) fn raise(number: i32) {
    let _ = crate::watch::restore();
    // The first process of a container is not killed by its own signals, and would die of the attempt (139).
    if std::process::id() == 1 {
        std::process::exit(128 + number);
    }
    // It fails for an unknown signal alone, and these two are known.
    let _ = signal_hook::low_level::emulate_default_handler(number);
}
