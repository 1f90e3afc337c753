//! One trial: the command once, under one fault, from its start to the judgement.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Error;
use super::attendance::Attendance;
use super::crew::{Crew, Who};
use super::crowd::Crowd;
use super::evidence::Testimony;
use super::judge::{Course, Stopped, hopeless};
use super::options::{Options, Readiness};
use super::output::Output;
use super::role::{Order, Role, Sight, Word};
use super::stage::Stage;
use super::track::Process;
use crate::fault::FaultSpec;
use crate::run::Stop;
use crate::sandbox::{CommandEnd, Errand, Host};
use crate::units::Monotonic;

mod ending;

/// How often the trial is looked at while nothing is heard.
const TICK: Duration = Duration::from_millis(100);

/// How often it is asked whether a wait has become hopeless.
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// A connection may come so much later than the end of the grace, when both processors are busy.
const MARGIN: Duration = Duration::from_secs(1);

/// What a trial came to.
pub(super) struct Outcome {
    pub(super) testimony: Testimony,
    pub(super) processes: Vec<Process>,
    pub(super) lost: u64,
    pub(super) course: Course,
    /// Why it was stopped before its time, where the verdict does not say it.
    pub(super) cause: Option<String>,
    pub(super) notices: Vec<String>,
    pub(super) output: String,
    /// The server as the command was told it.
    pub(super) target: String,
}

/// A trial under way.
pub(super) struct Trial<'a> {
    options: &'a Options,
    crew: Crew,
    output: Output,
    testimony: Testimony,
    processes: Vec<Process>,
    lost: u64,
    alive: usize,
    notices: Vec<String>,
    started: Monotonic,
    root: u32,
    command: u32,
    /// Whether it runs without a sandbox, where it can kill its keeper.
    weak: bool,
    /// How its keeper died.
    bereft: Option<String>,
    crowd: Crowd,
    attendance: Attendance,
    end: Option<CommandEnd>,
    ready: Option<Instant>,
    driven: Option<(Instant, CommandEnd)>,
    asked: Instant,
    hopeless: bool,
}

/// Plays the command under `faults` on a stage.
pub(super) async fn play(
    options: &Options,
    stage: &Stage,
    faults: &[FaultSpec],
    stop: &Stop,
) -> Result<Outcome, Error> {
    let mut crew = Crew::new(options.diagnostics.clone());
    let told = stage.open(&mut crew, options, faults).await?;
    let line = match &options.ready {
        Readiness::Line(line) => Some(line.clone()),
        _ => None,
    };
    let (output, theirs) = Output::open(options.show_output, line)?;
    let errand = stage.errand(options, &told)?;
    let mut trial = Trial {
        options,
        crew,
        output,
        testimony: Testimony {
            listener_fault: faults.iter().any(|it| it.listener().is_some()),
            ..Testimony::default()
        },
        processes: Vec::new(),
        lost: 0,
        alive: 0,
        notices: told.notices.clone(),
        started: Monotonic::now(),
        root: 0,
        command: 0,
        weak: !stage.enclosure().namespaces,
        bereft: None,
        crowd: Crowd::new(options.max_processes, options.patience),
        attendance: Attendance::default(),
        end: None,
        ready: None,
        driven: None,
        asked: Instant::now(),
        hopeless: false,
    };
    trial.start(Who::Keeper, stage, errand, &theirs, options.trials.len() == 1).await?;
    let ended = match trial.watch(stage, &told, &theirs, stop).await {
        Ok(stopped) => trial.end(stopped).await,
        Err(error) => Err(error),
    };
    drop(theirs);
    match ended {
        Ok((course, cause)) => Ok(trial.outcome(course, cause, told.target.to_string())),
        Err(error) => {
            trial.leave_nothing().await;
            Err(error)
        }
    }
}

impl Trial<'_> {
    /// Starts the command, or what drives it.
    async fn start(
        &mut self,
        who: Who,
        stage: &Stage,
        errand: Errand,
        output: &OwnedFd,
        own_stdin: bool,
    ) -> Result<(), Error> {
        let system = |what| move |source| Error::System { what, source };
        let input = if own_stdin && who == Who::Keeper {
            std::io::stdin().as_fd().try_clone_to_owned().map_err(system("pass standard input on to the command"))?
        } else {
            std::fs::File::open("/dev/null").map_err(system("open /dev/null"))?.into()
        };
        let role = Role::Keeper {
            enclosure: Box::new(stage.enclosure()),
            errand: Box::new(errand),
            addresses: stage.addresses(),
        };
        let host: &Host = stage.client();
        self.crew.start(who, host, role, &[input.as_fd(), output.as_fd(), output.as_fd()])?;
        loop {
            match self.crew.hear().await? {
                (heard, Word::Started { root, with_root, command, bounded, notices }) if heard == who => {
                    if who == Who::Keeper {
                        (self.root, self.command) = (root, command);
                        self.crowd.starts(bounded);
                        self.notices.extend(notices);
                        self.crew.tell(Who::Lookout, Order::Watch { root, with_root }).await;
                    }
                    return Ok(());
                }
                (heard, Word::NotStarted { why, hint, of_this_machine }) if heard == who => {
                    return Err(Error::Failed { why, hint, usage: !of_this_machine });
                }
                (who, word) => self.take(who, word),
            }
        }
    }

    /// Watches until the trial is over; why it is.
    async fn watch(
        &mut self,
        stage: &Stage,
        told: &super::stage::Told,
        output: &OwnedFd,
        stop: &Stop,
    ) -> Result<Stopped, Error> {
        let begun = Instant::now();
        match &self.options.ready {
            Readiness::Started => self.ready = Some(begun),
            Readiness::Port(port) => self.crew.tell(Who::Keeper, Order::AwaitPort(*port)).await,
            Readiness::Line(_) => {}
        }
        loop {
            if self.ready.is_some()
                && !self.crew.has(Who::Driver)
                && let Some(drive) = &self.options.drive
            {
                let errand = stage.driving(self.options, told, drive)?;
                self.start(Who::Driver, stage, errand, output, false).await?;
            }
            if let Some(stopped) = self.is_over(begun) {
                return Ok(stopped);
            }
            tokio::select! {
                heard = self.crew.hear() => self.heard(heard)?,
                () = self.output.line(), if self.ready.is_none() => self.ready = Some(Instant::now()),
                () = stop.wait() => return Ok(Stopped::Interrupted),
                () = sleep(TICK) => {}
            }
        }
    }

    /// Whether there is nothing left to wait for.
    fn is_over(&mut self, begun: Instant) -> Option<Stopped> {
        let now = Instant::now();
        if self.bereft.is_some() {
            return Some(Stopped::Bereft);
        }
        let started = self.started;
        let newest = || self.testimony.connections().iter().map(|it| it.opened).filter(|at| *at >= started).max();
        if self.crowd.storms(Monotonic::now(), newest) {
            return Some(Stopped::Storm);
        }
        if self.ready.is_none() && now >= begun + self.options.ready_within.min(self.options.timeout) {
            return Some(Stopped::NeverReady);
        }
        if now >= begun + self.options.timeout {
            return Some(Stopped::Timeout);
        }
        if now >= self.asked + ASKED_EVERY {
            self.asked = now;
            self.hopeless = self.is_hopeless();
        }
        if self.hopeless {
            return Some(Stopped::Hang);
        }
        let settled = self.options.grace + MARGIN;
        let in_time = match (self.options.run_for, self.ready, self.driven) {
            (Some(run_for), Some(ready), _) => Some(ready + run_for),
            (None, _, Some((driven, _))) => Some(driven + settled),
            _ => None,
        };
        if in_time.is_some_and(|end| now >= end) {
            return Some(Stopped::InTime);
        }
        let end = self.end?;
        let looked = self.testimony.looked.is_some_and(|looked| looked > end.at);
        if looked && self.alive == 0 {
            return Some(Stopped::No);
        }
        // What the command left behind is watched for as long as a leak takes to be one; a service that was given a time
        // has it even where its starter has ended.
        let waits = self.options.run_for.is_some() || self.options.drive.is_some();
        (!waits && Monotonic::now().since(self.last_event(end)) >= settled).then_some(Stopped::No)
    }

    /// The last thing after which what is left must be watched.
    fn last_event(&self, end: CommandEnd) -> Monotonic {
        let over = self.testimony.told.iter().filter_map(|told| told.over).max();
        over.map_or(end.at, |over| over.max(end.at))
    }

    fn is_hopeless(&self) -> bool {
        let waits =
            self.testimony.listener_fault || self.testimony.told.iter().any(|told| told.faulted && told.over.is_none());
        waits && hopeless(&self.connections(), &self.processes, &self.course(Stopped::No, None), &self.options.limits())
    }

    fn connections(&self) -> Vec<super::evidence::Connection> {
        let mut connections = self.testimony.connections();
        // A server that fills its own queue before the command starts is no client.
        connections.retain(|it| it.opened >= self.started);
        connections
    }

    fn course(&self, stopped: Stopped, stopped_at: Option<Monotonic>) -> Course {
        Course {
            started: self.started,
            ended: self.end.map(|end| (end.at, end.code, end.signal)),
            command: self.command,
            all_seen_until: self.attendance.all_seen_until(),
            stopped_at,
            stopped,
            now: Monotonic::now(),
        }
    }

    /// Takes a word in, or the death of the keeper that the command itself could kill.
    fn heard(&mut self, heard: Result<(Who, Word), Error>) -> Result<(), Error> {
        match heard {
            Ok((who, word)) => self.take(who, word),
            Err(Error::Died { name, end }) if self.weak && name == Who::Keeper.name() => self.bereft = Some(end),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take(&mut self, who: Who, word: Word) {
        match word {
            Word::Counted { crowd, at } if who == Who::Keeper => self.crowd.counted(crowd, at),
            Word::Born(births) if who == Who::Keeper => self.attendance.born(births),
            Word::Told(told) => {
                let offset = if who == Who::LocalServer { super::MOST_CONNECTIONS } else { 0 };
                for (at, told) in told {
                    put(&mut self.testimony, offset + at, told);
                }
            }
            Word::Saw(sight) => self.saw(*sight),
            Word::Ended(end) if who == Who::Keeper => self.end = self.end.or(Some(end)),
            Word::Ended(end) => self.driven = self.driven.or(Some((Instant::now(), end))),
            Word::Listens => self.ready = self.ready.or(Some(Instant::now())),
            Word::Counted { .. }
            | Word::Born(_)
            | Word::Ready { .. }
            | Word::Started { .. }
            | Word::NotStarted { .. }
            | Word::Gone
            | Word::Done
            | Word::Failed(_) => {}
        }
    }

    fn saw(&mut self, sight: Sight) {
        self.alive = sight.alive;
        self.testimony.nobody_left = sight.alive == 0 && self.end.is_some();
        self.lost = sight.lost;
        self.testimony.elsewhere = sight.elsewhere;
        if let Some(seen) = sight.tasks {
            self.attendance.seen(seen);
        }
        self.testimony.looked = sight.looked.or(self.testimony.looked);
        if sight.captures {
            let packets = self.testimony.packets.get_or_insert_default();
            sight.packets.into_iter().for_each(|(at, it)| set(packets, at, it));
        }
        sight.tracks.into_iter().for_each(|(at, it)| set(&mut self.testimony.tracks, at, it));
        sight.strays.into_iter().for_each(|(at, it)| set(&mut self.testimony.strays, at, it));
        for (at, mut it) in sight.processes {
            it.waits = self.processes.get_mut(at).map(|known| std::mem::take(&mut known.waits)).unwrap_or_default();
            set(&mut self.processes, at, it);
        }
        for (at, wait) in sight.waits {
            self.processes.get_mut(at).into_iter().for_each(|it| it.waits.push(wait));
        }
        // What is alive was alive at the last look; only changes are told.
        if let Some(looked) = sight.looked {
            self.processes.iter_mut().filter(|it| it.gone.is_none()).for_each(|it| it.last_alive = looked);
        }
    }
}

/// Sets the value at a place, or adds it behind the last: places are told in order.
fn set<T>(list: &mut Vec<T>, at: usize, it: T) {
    match list.get_mut(at) {
        Some(old) => *old = it,
        None => list.push(it),
    }
}

/// Journals of several servers have places far from each other: they are kept by the order in which they were first told.
fn put(testimony: &mut Testimony, at: usize, told: super::evidence::Told) {
    if let Some(place) = testimony.places.get(&at) {
        testimony.told[*place] = told;
    } else {
        testimony.places.insert(at, testimony.told.len());
        testimony.told.push(told);
    }
}
