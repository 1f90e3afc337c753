//! One attempt, from its connect to its outcome; its close comes after that, and is told apart.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tracing::Instrument as _;

use super::dial::dial;
use super::open::Open;
use super::tap;
use super::verdict::Verdict;
use super::{Config, Driver, tcp, tiberius};
use crate::record::{Outcome, Phase};
use crate::units::Monotonic;

/// Makes attempts, one after another or many at once, all with the same settings.
#[derive(Debug)]
pub struct Client {
    config: Config,
    driver: ::tiberius::Config,
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// The ERROR token's number, when the server refused the login with one.
    pub server_error: Option<u32>,
    /// When the connect began.
    pub began: Monotonic,
    /// When the outcome was known.
    pub at: Monotonic,
    /// How long each phase took that came to pass.
    pub timings: Timings,
    /// The connection, still to be closed, when there was one.
    pub open: Option<Open>,
}

/// How long each phase took up to the outcome. `Total` is not among them, since it counts from an intended start, nor is
/// `Close`, which comes later.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    spans: [Option<(Phase, Duration)>; 4],
}

impl Timings {
    fn put(&mut self, phase: Phase, span: Duration) {
        if let Some(free) = self.spans.iter_mut().find(|slot| slot.is_none()) {
            *free = Some((phase, span));
        }
    }

    fn between(&mut self, phase: Phase, from: Option<Monotonic>, to: Option<Monotonic>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.put(phase, to.since(from));
        }
    }

    /// The phases that came to pass.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> + '_ {
        self.spans.iter().flatten().copied()
    }
}

impl Client {
    /// A client of these settings.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let driver = tiberius::settings(&config);
        Self { config, driver }
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Makes one attempt: connects and logs in. It always ends, and in one outcome; what becomes of the connection then
    /// is the next step, [`Open::close`], so that an outcome is never lost to a close that waits.
    pub async fn attempt(&self) -> Ended {
        self.play().instrument(tracing::debug_span!("attempt", target = %self.config.target)).await
    }

    async fn play(&self) -> Ended {
        let began = Monotonic::now();
        let mut timings = Timings::default();
        let dialled = tokio::time::timeout(self.config.timeout.0, dial(&self.config)).await;
        let connect = Monotonic::now().since(began);
        let stream = match dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => stream,
            Err(error) => {
                timings.put(Phase::ConnectFailed, connect);
                tracing::debug!(%error, "connect failed");
                let Verdict { outcome, server_error } = Verdict::of_error(&error);
                return Ended { outcome, server_error, began, at: Monotonic::now(), timings, open: None };
            }
        };
        timings.put(Phase::Connect, connect);
        let left = self.config.timeout.0.saturating_sub(connect);
        let (verdict, stream) = match self.config.driver {
            Driver::Tiberius => self.login(stream, left, &mut timings).await,
            Driver::Tcp => Self::wait_for_close(stream, left).await,
        };
        let at = Monotonic::now();
        tracing::debug!(outcome = ?verdict.outcome, error = verdict.server_error, "ended");
        let left = self.config.timeout.0.saturating_sub(at.since(began));
        let open = Some(Open { stream, close: self.config.close_after(verdict.outcome), at, left });
        Ended { outcome: verdict.outcome, server_error: verdict.server_error, began, at, timings, open }
    }

    async fn login(&self, stream: TcpStream, left: Duration, timings: &mut Timings) -> (Verdict, TcpStream) {
        let (tap, grip) = tap::share(stream);
        let result = tokio::time::timeout(left, tiberius::login(self.driver.clone(), tap)).await;
        let ended = Monotonic::now();
        let (stream, marks) = grip.release();
        let verdict = match result {
            Ok(Ok(())) => Verdict::of(Outcome::LoggedIn),
            Ok(Err(error)) => tiberius::verdict(&error, marks.end),
            Err(_) => Verdict::of(Outcome::TimedOut),
        };
        timings.between(Phase::Prelogin, marks.prelogin_sent, marks.prelogin_answered);
        timings.between(Phase::Tls, marks.tls_started, marks.login_sent);
        // A login that never had an answer has no latency of its own.
        let answered = matches!(verdict.outcome, Outcome::LoggedIn | Outcome::LoginRejected).then_some(ended);
        timings.between(Phase::Login, marks.login_sent, answered);
        (verdict, stream)
    }

    async fn wait_for_close(mut stream: TcpStream, left: Duration) -> (Verdict, TcpStream) {
        let waited = tokio::time::timeout(left, tcp::wait_for_close(&mut stream)).await;
        (waited.unwrap_or(Verdict::of(Outcome::TimedOut)), stream)
    }
}
