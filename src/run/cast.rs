//! The parts of one arm: started, listened to all at once, and gone when this is dropped.

use std::os::fd::BorrowedFd;

use super::role::{Diagnostics, Order, Role, Script, Word};
use crate::host::{Crew, Error, Heard, Part};
use crate::sandbox::Host;
use crate::units::Monotonic;

/// Which part, in the order in which they were started.
pub(super) type Who = usize;

/// The parts of one arm.
#[derive(Debug)]
pub(super) struct Cast {
    diagnostics: Diagnostics,
    crew: Crew<Who, Word>,
    started: Who,
}

impl Cast {
    pub(super) fn new(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, crew: Crew::new(), started: 0 }
    }

    /// Starts a part inside a host.
    pub(super) fn start(
        &mut self,
        host: &Host,
        name: &str,
        role: Role,
        extra: &[BorrowedFd<'_>],
    ) -> Result<Who, Error> {
        let script = Script { role, diagnostics: self.diagnostics.clone() };
        let who = self.started;
        self.crew.add(who, Part::start(host, name, &script, extra)?);
        self.started += 1;
        Ok(who)
    }

    fn about(&self, who: Who) -> (&str, u32, Monotonic) {
        self.crew.about(who).expect("whoever is asked about was started")
    }

    pub(super) fn name(&self, who: Who) -> &str {
        self.about(who).0
    }

    pub(super) fn pid(&self, who: Who) -> u32 {
        self.about(who).1
    }

    /// When a part last spoke, or was started.
    pub(super) fn last_heard(&self, who: Who) -> Monotonic {
        self.about(who).2
    }

    /// Gives a part an order.
    pub(super) async fn order(&mut self, who: Who, order: Order) -> Result<(), Error> {
        self.crew.tell(who, &order).await
    }

    /// The next thing that any part says. Cancel-safe.
    pub(super) async fn next(&mut self) -> (Who, Heard<Word>) {
        self.crew.hear().await
    }
}
