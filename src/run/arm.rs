//! One arm from its sandbox to its last table.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::cast::{Cast, Who};
use super::casting::{Casting, Stage};
use super::role::{Farewell, Order, Word};
use super::{Error, Stop};
use crate::host::Heard;
use crate::load::Share;
use crate::record::{ArmEnd, Cpu, Event, Sample, SamplingFacts, Side, TableReason};
use crate::sandbox::Sandbox;
use crate::units::Monotonic;

/// How long a part may take to answer: far longer than any takes, also on a machine that is overloaded.
const PATIENCE: Duration = Duration::from_secs(10);

/// From the order to begin to the first intended attempt: every part must have heard it by then.
const LEAD: Duration = Duration::from_millis(50);

/// Plays an arm; false when it was stopped before its end.
pub(super) async fn play(stage: Stage<'_>, stop: &Stop, tell: &mut dyn FnMut(Event)) -> Result<bool, Error> {
    let sandbox = Sandbox::build(&stage.plan())?;
    let mut play = Play::new(Casting { stage, sandbox: &sandbox }, tell);
    play.start_parts().await?;
    play.load(stop).await?;
    play.settle(stop).await?;
    let complete = !stop.asked();
    play.end(complete).await?;
    Ok(complete)
}

/// An arm under way.
struct Play<'a> {
    casting: Casting<'a>,
    tell: &'a mut dyn FnMut(Event),
    cast: Cast,
    server: Option<Who>,
    workers: Vec<Who>,
    sampler: Option<Who>,
    ledger: Option<Who>,
    address: Option<SocketAddr>,
    ready: Vec<Who>,
    played: usize,
    exhausted: bool,
    final_table: bool,
    farewells: Vec<(Who, Farewell)>,
}

impl<'a> Play<'a> {
    fn new(casting: Casting<'a>, tell: &'a mut dyn FnMut(Event)) -> Self {
        Self {
            casting,
            tell,
            cast: Cast::new(casting.stage.options.diagnostics.clone()),
            server: None,
            workers: Vec::new(),
            sampler: None,
            ledger: None,
            address: casting.stage.target.map(|target| target.address),
            ready: Vec::new(),
            played: 0,
            exhausted: false,
            final_table: false,
            farewells: Vec::new(),
        }
    }

    fn name(&self) -> String {
        self.casting.stage.arm.name.clone()
    }

    fn notice(&mut self, text: String) {
        let arm = Some(self.name());
        (self.tell)(Event::Notice { arm, text });
    }

    async fn start_parts(&mut self) -> Result<(), Error> {
        for text in self.casting.sandbox.notices() {
            self.notice(text);
        }
        if self.casting.stage.target.is_none() {
            let host = self.casting.sandbox.server();
            let server = self.cast.start(host, "server", self.casting.server(), &[])?;
            self.server = Some(server);
            self.hear_until(server, |play| play.address.is_some()).await?;
        }
        let address = self.address.expect("a server that is ready has said where it listens");
        let (workers, notices) = self.casting.crew()?;
        for text in notices {
            self.notice(text);
        }
        for index in 0..workers {
            let role = self.casting.worker(address, Share { index, of: workers });
            let name = format!("load worker {} of {workers}", index + 1);
            let who = self.cast.start(self.casting.sandbox.client(), &name, role, &[])?;
            self.workers.push(who);
        }
        let ledger = self.casting.ledger(address);
        self.ledger = Some(self.cast.start(self.casting.sandbox.client(), "connection ledger", ledger, &[])?);
        self.start_sampler(address)?;
        for who in self.everybody() {
            self.hear_until(who, |play| play.ready.contains(&who)).await?;
        }
        (self.tell)(Event::ArmStarted(Box::new(self.casting.facts(workers))));
        Ok(())
    }

    /// The last to be started: it is told whose descriptors to count.
    fn start_sampler(&mut self, address: SocketAddr) -> Result<(), Error> {
        let pids = |who: &[Who]| who.iter().map(|who| self.cast.pid(*who)).collect();
        let role = self.casting.sampler(address, pids(&self.workers), pids(self.server.as_slice()));
        let (client, server) = (self.casting.sandbox.client(), self.casting.sandbox.server());
        let namespaces: Vec<BorrowedFd<'_>> = [client.net_ns(), server.net_ns()].into_iter().flatten().collect();
        self.sampler = Some(self.cast.start(client, "sampler", role, &namespaces)?);
        Ok(())
    }

    /// Every part in the order in which they end: who looks on first, the leaked sockets' holders next, the server last.
    fn everybody(&self) -> Vec<Who> {
        self.sampler.iter().chain(&self.ledger).chain(&self.workers).chain(&self.server).copied().collect()
    }

    /// Plays the schedule to its end, or until it is stopped. A worker says that it is alive once a second, sampler and
    /// ledger say what they see: whoever is silent for longer is dead for the run.
    async fn load(&mut self, stop: &Stop) -> Result<(), Error> {
        let begin = Order::Begin(Monotonic::now().after(LEAD));
        for who in self.everybody() {
            self.cast.order(who, begin).await?;
        }
        let mut look = tokio::time::interval(PATIENCE / 10);
        let mut stopping = false;
        while self.played < self.workers.len() {
            tokio::select! {
                heard = self.cast.next() => self.take(heard).await?,
                _ = look.tick() => self.silent()?,
                () = stop.wait(), if !stopping => {
                    stopping = true;
                    for who in self.workers.clone() {
                        self.cast.order(who, Order::Stop).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// An error when a part that should speak has not for too long.
    fn silent(&self) -> Result<(), Error> {
        let now = Monotonic::now();
        let speakers = self.sampler.iter().chain(&self.ledger).chain(&self.workers);
        match speakers.copied().find(|who| now.since(self.cast.last_heard(*who)) > PATIENCE) {
            Some(who) => Err(self.no_answer(who)),
            None => Ok(()),
        }
    }

    fn no_answer(&self, who: Who) -> Error {
        Error::PartSilent { arm: self.name(), part: self.cast.name(who).to_owned(), seconds: PATIENCE.as_secs() }
    }

    /// Goes on listening for the time that the arm asks for between its last outcome and its last table.
    async fn settle(&mut self, stop: &Stop) -> Result<(), Error> {
        let end = tokio::time::sleep(self.casting.stage.arm.settle.0);
        tokio::pin!(end);
        loop {
            tokio::select! {
                heard = self.cast.next() => self.take(heard).await?,
                () = &mut end => return Ok(()),
                () = stop.wait() => return Ok(()),
            }
        }
    }

    /// The last table, before anything is let go; then the end of every part.
    async fn end(mut self, complete: bool) -> Result<(), Error> {
        if let Some(sampler) = self.sampler {
            self.cast.order(sampler, Order::FullTable(TableReason::End)).await?;
            self.hear_until(sampler, |play| play.final_table).await?;
        }
        for who in self.everybody() {
            self.cast.order(who, Order::End).await?;
            self.hear_until(who, |play| play.farewells.iter().any(|(gone, _)| *gone == who)).await?;
        }
        let (arm, end) = (self.name(), self.account(complete));
        (self.tell)(Event::ArmEnded { arm, end: Box::new(end) });
        Ok(())
    }

    fn account(&mut self, complete: bool) -> ArmEnd {
        let mut end =
            ArmEnd { complete, cpu: Cpu::default(), sampling: SamplingFacts::default(), server_accepted: None };
        for (who, farewell) in self.farewells.drain(..) {
            if Some(who) == self.server {
                end.cpu.server_s = farewell.cpu_s;
                end.server_accepted = farewell.accepted;
            } else if Some(who) == self.ledger {
                end.cpu.ledger_s = farewell.cpu_s;
            } else if let Some(sampling) = farewell.sampling {
                end.cpu.sampler_s = farewell.cpu_s;
                end.cpu.sampler_tables_s = farewell.tables_s;
                end.sampling = sampling;
            } else {
                end.cpu.load_s += farewell.cpu_s;
            }
        }
        end
    }

    /// Listens until `done`, which is up to `who`; a part that does not answer is an error, and not a wait for ever.
    async fn hear_until(&mut self, who: Who, done: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + PATIENCE;
        while !done(self) {
            match tokio::time::timeout_at(end, self.cast.next()).await {
                Ok(heard) => self.take(heard).await?,
                Err(_) => return Err(self.no_answer(who)),
            }
        }
        Ok(())
    }

    async fn take(&mut self, (who, heard): (Who, Heard<Word>)) -> Result<(), Error> {
        let word = match heard {
            Heard::Word(word) => word,
            Heard::Gone(_) if self.farewells.iter().any(|(gone, _)| *gone == who) => return Ok(()),
            Heard::Gone(reason) => {
                return Err(Error::PartDied { arm: self.name(), part: self.cast.name(who).to_owned(), reason });
            }
        };
        match word {
            Word::Ready(address) => {
                self.ready.push(who);
                self.address = self.address.or(address);
            }
            Word::Interval(interval) => {
                let arm = self.name();
                (self.tell)(Event::Load { arm, interval });
            }
            Word::Exhausted(nanos) => self.first_exhausted(Duration::from_nanos(nanos)).await?,
            Word::Alive => {}
            Word::Notice(text) => self.notice(text),
            Word::Ledger(interval) => {
                let arm = self.name();
                (self.tell)(Event::Ledger { arm, interval });
            }
            Word::Played => self.played += 1,
            Word::Sample(sample) => self.sampled(sample),
            Word::Ended(farewell) => self.farewells.push((who, *farewell)),
            Word::Failed(reason) => {
                return Err(Error::PartFailed { arm: self.name(), part: self.cast.name(who).to_owned(), reason });
            }
        }
        Ok(())
    }

    /// One full table at the first attempt that found no port: each worker says when its own first one did.
    async fn first_exhausted(&mut self, at_s: Duration) -> Result<(), Error> {
        let arm = self.name();
        (self.tell)(Event::Exhausted { arm, at_s });
        if !std::mem::replace(&mut self.exhausted, true)
            && let Some(sampler) = self.sampler
        {
            self.cast.order(sampler, Order::FullTable(TableReason::Exhausted)).await?;
        }
        Ok(())
    }

    fn sampled(&mut self, sample: Box<Sample>) {
        let is_final =
            |side| sample.side(side).and_then(|seen| seen.table.as_ref()).is_some_and(|t| t.reason == TableReason::End);
        self.final_table |= is_final(Side::Client);
        let arm = self.name();
        (self.tell)(Event::Sample { arm, sample });
    }
}
