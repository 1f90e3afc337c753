//! What a fault wants done, done.

use socket2::SockRef;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::CloseMode;
use super::conversation::{Stop, Talk, Wire};
use crate::fault::{Action, FaultSpec, Script, Stage, Step, Then, ask};
use crate::units::Span;
use crate::wire::{Deed, Party};

impl Talk {
    /// What the faults that struck this connection want at this stage, after the delay that they want, and how the
    /// connection is to end if it is ended by that.
    pub(super) async fn consult(&self, wire: &Wire, stage: &Stage<'_>) -> Result<(Action, CloseMode), Stop> {
        let asked = ask(&self.config().faults, self.struck, stage);
        if asked.delay > Span::default() {
            be_late(wire, asked.delay).await?;
        }
        for fault in [asked.late, asked.by].into_iter().flatten() {
            let name = fault.fault.to_string();
            wire.scribe().change(|journal| {
                journal.faults.push(name.clone());
                journal.whole &= fault.fault.is_whole();
            });
            self.observe(|counts| *counts.faults.entry(name).or_default() += 1);
        }
        Ok((asked.action, self.config().close.ending(asked.by.and_then(FaultSpec::end))))
    }

    /// Does what a fault wants instead of a good reply, and says whether there was one: the good reply is then not to be
    /// sent. `good` makes the bytes that a good server would send.
    pub(super) async fn faulted(
        &self,
        wire: &mut Wire,
        stage: &Stage<'_>,
        good: impl FnOnce() -> Vec<u8>,
    ) -> Result<bool, Stop> {
        match self.consult(wire, stage).await? {
            (Action::Instead(script), mode) => self.perform(wire, script, mode, good).await.map(|()| true),
            _ => Ok(false),
        }
    }

    /// Does what a script says.
    pub(super) async fn perform(
        &self,
        wire: &mut Wire,
        script: Script,
        mode: CloseMode,
        good: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), Stop> {
        let Script { refusals, steps, then } = script;
        self.refused(wire.scribe(), &refusals);
        let mut good = Some(good);
        let mut good = || good.take().map(|good| good()).unwrap_or_default();
        let count = steps.len();
        for (at, step) in steps.into_iter().enumerate() {
            // What goes on for ever ends nothing: corked, its bytes would leave late and joined.
            let says = matches!(step, Step::Send(_) | Step::Whole | Step::Half);
            if says && at + 1 == count && then == Then::End {
                cork(wire, mode);
            }
            match step {
                Step::Send(bytes) => wire.write_bytes(&bytes).await?,
                Step::Whole => wire.write_bytes(&good()).await?,
                Step::Half => {
                    let good = good();
                    wire.write_bytes(&good[..good.len() / 2]).await?;
                }
                Step::Drip(every) => {
                    for (at, byte) in good().into_iter().enumerate() {
                        // Between two bytes and not behind the last: whoever has it all answers, and is to be heard.
                        if at > 0 {
                            wait(wire, every).await?;
                        }
                        wire.write_bytes(&[byte]).await?;
                    }
                }
                Step::Repeat { bytes, every } => loop {
                    wire.write_bytes(&bytes).await?;
                    wait(wire, every).await?;
                },
                Step::Wait(span) => wait(wire, span).await?,
            }
        }
        match then {
            Then::End => Err(Stop::Over(mode)),
            Then::Silence => Err(Stop::Silence),
            Then::Proceed => Ok(()),
        }
    }
}

/// Where the server is to close first, it must: a client that is woken by the answer and closes before the server has
/// the processor again would close first, and have TIME_WAIT on its own side. So the last answer is corked, and leaves
/// together with the FIN.
pub(super) fn cork(wire: &Wire, mode: CloseMode) {
    if matches!(mode, CloseMode::Orderly | CloseMode::Shutdown) {
        // It fails on no socket that is open; without it the answer just leaves a little earlier.
        let _ = SockRef::from(wire.stream().socket()).set_tcp_cork(true);
    }
}

/// Waits, unless the client ends the connection before. What it sends meanwhile stays unread, for whoever comes next; its
/// end is not seen behind that.
async fn be_late(wire: &Wire, span: Span) -> Result<(), Stop> {
    let until = Instant::now() + span.0;
    match timeout_at(until, wire.stream().socket().peek(&mut [0])).await {
        Ok(Ok(0)) => wire.scribe().note(Party::Client, || Deed::Fin),
        Ok(Err(_)) => wire.scribe().note(Party::Client, || Deed::Rst),
        Ok(Ok(_)) | Err(_) => {
            sleep_until(until).await;
            return Ok(());
        }
    }
    Err(Stop::Gone)
}

/// Waits, unless the client ends the connection before. What it sends meanwhile is forgotten.
async fn wait(wire: &mut Wire, span: Span) -> Result<(), Stop> {
    match timeout(span.0, wire.discard()).await {
        Ok(()) => Err(Stop::Gone),
        Err(_) => Ok(()),
    }
}
