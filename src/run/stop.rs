//! The wish to end a run early: once said it stays said, whoever looks and whenever.

use tokio::sync::watch;

/// Says that a run is to end.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

/// Hears that a run is to end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// A way to end a run early, and the ear for it.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Asks for the end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the end was asked for.
    #[must_use]
    pub fn asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the end is asked for; for ever, if nobody is left who could.
    pub async fn wait(&self) {
        if self.0.clone().wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn once_said_it_stays_said() {
        let (stopper, stop) = stop();
        assert!(!stop.asked());
        stopper.ask();
        for _ in 0..2 {
            stop.wait().await;
        }
        assert!(stop.asked());
    }
}
