//! The end of a trial: the command is asked, or made, to end; every part says its last word; and nobody is left.

use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::Error;
use super::super::crew::Who;
use super::super::judge::{Course, Stopped};
use super::super::role::{Order, Word};
use super::{Outcome, Trial};
use crate::sandbox::CommandEnd;
use crate::units::{Monotonic, Span};

/// A part that is asked for its last word has it by then; and whoever was killed is gone.
const LAST_WORD: Duration = Duration::from_secs(10);

impl Trial<'_> {
    /// Ends the command where it has not ended, asks every part for its last word, and leaves nothing; the course, and why
    /// it was stopped where no verdict says that.
    pub(super) async fn end(&mut self, stopped: Stopped) -> Result<(Course, Option<String>), Error> {
        let cause = self.cause(stopped);
        if self.ready.is_none() && cause.is_none() && stopped != Stopped::Interrupted {
            self.notices.extend(self.options.ready.never());
        }
        self.notices.extend(self.driven.and_then(|(_, end)| failed_drive(end)));
        if stopped == Stopped::Bereft {
            // The kernel killed it when its parent was dead.
            let killed = CommandEnd { code: None, signal: Some(Signal::KILL.as_raw()), at: Monotonic::now() };
            self.end.get_or_insert(killed);
        }
        let stopped_at = match stopped {
            Stopped::No => None,
            Stopped::Storm => Some(self.crowd.ended_at().unwrap_or_else(Monotonic::now)),
            // Behind the command's own end.
            _ => Some(Monotonic::now().after(Duration::from_nanos(1))),
        };
        match stopped {
            Stopped::No => {}
            // There may be too many to be asked, and none of them ends by itself.
            Stopped::Storm | Stopped::Bereft => self.kill_all().await?,
            _ => self.ask_to_end().await?,
        }
        let now = Monotonic::now();
        for who in [Who::Lookout, Who::Server, Who::LocalServer] {
            self.last_word(who, stopped).await?;
        }
        for who in [Who::Driver, Who::Keeper] {
            self.crew.tell(who, Order::Kill).await;
            self.last_word(who, stopped).await?;
        }
        let mut course = self.course(stopped, stopped_at);
        course.now = now;
        Ok((course, cause))
    }

    pub(super) fn outcome(self, course: Course, cause: Option<String>, target: String) -> Outcome {
        let mut testimony = self.testimony;
        if let Some(packets) = &mut testimony.packets {
            packets.retain(|it| it.opened >= self.started);
        }
        drop(self.crew);
        Outcome {
            testimony,
            processes: self.processes,
            lost: self.lost,
            course,
            cause,
            notices: self.notices,
            output: self.output.tail(),
            target,
        }
    }

    /// Why the command was stopped before its time, in sentences, where no verdict says it.
    fn cause(&self, stopped: Stopped) -> Option<String> {
        match stopped {
            Stopped::Storm => Some(self.crowd.sentence()),
            Stopped::NeverReady => {
                let never = self.options.ready.never()?;
                let never = never.replacen('t', "T", 1);
                let within = Span(self.options.ready_within.min(self.options.timeout));
                Some(format!("{never} within {within}. See what it printed, or raise --ready-within."))
            }
            Stopped::Bereft => {
                let end = self.bereft.as_deref().unwrap_or("ended");
                Some(format!(
                    "The process that watched over the command, its parent, {end}, and the command with it: by the command \
                     itself, which can do that without a sandbox, or by somebody else on this machine. What the command would \
                     have done cannot be said. Let it kill none but its own, or run it in a sandbox, where it cannot."
                ))
            }
            _ => None,
        }
    }

    /// Asks the command to end by SIGTERM, and waits for as long as it may take.
    async fn ask_to_end(&mut self) -> Result<(), Error> {
        let until = Instant::now() + self.options.kill_after;
        for who in [Who::Driver, Who::Keeper] {
            self.crew.tell(who, Order::Signal { signal: libc::SIGTERM, whole: true }).await;
        }
        let asked = Monotonic::now();
        while self.end.is_none() || self.alive > 0 || self.testimony.looked.is_none_or(|looked| looked < asked) {
            tokio::select! {
                heard = self.crew.hear() => self.heard(heard)?,
                () = sleep_until(until) => {
                    self.notices.push(format!(
                        "the command did not end within {} of a SIGTERM and was killed",
                        Span(self.options.kill_after)
                    ));
                    break;
                }
            }
            if self.bereft.is_some() {
                return self.kill_all().await;
            }
        }
        Ok(())
    }

    /// Kills the command and all that is known of its processes, and waits until a look shows none.
    async fn kill_all(&mut self) -> Result<(), Error> {
        let until = Instant::now() + LAST_WORD;
        self.kill_directly();
        for who in [Who::Driver, Who::Keeper] {
            self.crew.tell(who, Order::Kill).await;
        }
        let asked = Monotonic::now();
        while self.alive > 0 || self.testimony.looked.is_none_or(|looked| looked < asked) {
            tokio::select! {
                heard = self.crew.hear() => self.heard(heard)?,
                () = sleep_until(until) => break,
            }
            if self.weak {
                self.kill_known();
            }
            if self.alive > 0 {
                // After a look at thousands of processes the next one is seconds away.
                self.crew.tell(Who::Lookout, Order::Watch { root: self.root, with_root: false }).await;
            }
        }
        if self.alive > 0 {
            let alive = self.alive;
            self.notices
                .push(format!("{alive} processes of the command could not be killed within {}", Span(LAST_WORD)));
        }
        Ok(())
    }

    /// Ends what nobody may come to end when it is told to: where so many processes want a processor it would take minutes.
    fn kill_directly(&self) {
        if self.crowd.ended_at().is_some() || self.bereft.is_some() {
            // Killed and reaped: its number may be another's.
            return;
        }
        let pid = |number: u32| Pid::from_raw(number.cast_signed());
        if self.weak {
            // Its group is its own as long as it has not been reaped.
            if let Some(command) = pid(self.command).filter(|_| self.end.is_none()) {
                let _ = kill_process_group(command, Signal::KILL);
            }
            self.kill_known();
        } else if let Some(init) = pid(self.root) {
            // The keeper reaps it no sooner than it is told to.
            let _ = kill_process(init, Signal::KILL);
        }
    }

    /// Kills the processes that the lookout found: of no other is it known that they are the command's.
    fn kill_known(&self) {
        for process in self.processes.iter().filter(|it| it.gone.is_none()) {
            let Some(pid) = Pid::from_raw(process.pid.cast_signed()) else { continue };
            // The descriptor first: it means whoever has the number now, of whom the time is asked then.
            if let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty())
                && crate::sample::lives(process.pid, process.started)
            {
                let _ = pidfd_send_signal(&pidfd, Signal::KILL);
            }
        }
    }

    /// Leaves nobody of a command whose trial cannot go on. Namespaces end with their keeper; without them he must be asked.
    pub(super) async fn leave_nothing(&mut self) {
        if !self.weak {
            return;
        }
        for who in [Who::Driver, Who::Keeper] {
            self.crew.tell(who, Order::Kill).await;
        }
        let until = Instant::now() + LAST_WORD / 2;
        while let Ok(heard) = timeout(until.saturating_duration_since(Instant::now()), self.crew.hear()).await {
            match heard {
                Ok((Who::Keeper, Word::Gone)) | Err(_) => break,
                Ok((who, word)) => self.take(who, word),
            }
        }
        self.kill_known();
    }

    async fn last_word(&mut self, who: Who, stopped: Stopped) -> Result<(), Error> {
        let is_dead = |trial: &Self| who == Who::Keeper && trial.bereft.is_some();
        if !self.crew.has(who) || is_dead(self) {
            return Ok(());
        }
        self.crew.tell(who, Order::End).await;
        let until = Instant::now() + LAST_WORD;
        loop {
            let Ok(heard) = timeout(until.saturating_duration_since(Instant::now()), self.crew.hear()).await else {
                if stopped == Stopped::Storm && matches!(who, Who::Driver | Who::Keeper) {
                    // The command may have stopped it, and it has nothing to tell any more: it goes with its crew.
                    return Ok(());
                }
                return Err(Error::Died {
                    name: format!("{who:?}").to_lowercase(),
                    end: "gave no last word".to_owned(),
                });
            };
            if matches!(&heard, Ok((heard, Word::Done)) if *heard == who) {
                return Ok(());
            }
            self.heard(heard)?;
            if is_dead(self) {
                return Ok(());
            }
        }
    }
}

/// What is said of a `--drive` that ended by itself, and not well.
fn failed_drive(end: CommandEnd) -> Option<String> {
    let how = match (end.code, end.signal) {
        (Some(0), _) => return None,
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => signal.map_or_else(|| "no exit code".to_owned(), |signal| format!("signal {signal}")),
    };
    Some(format!("--drive ended with {how}: the command may not have been driven"))
}
