//! The ledger's part: a plain loop that empties the tap, with orders in between.
//!
//! The choice not taken: to wake for every packet. The tap keeps a second of the fastest load, each with the kernel's own
//! time, so that nothing is gained by reading sooner, and a wake a packet would cost more than all the rest.

use std::net::SocketAddr;
use std::time::Duration;

use super::role::{Farewell, Order, Word};
use crate::capture::{FinWait, FoldedLedger, Tap};
use crate::host::{self, BlockingChannel, Inside, Polled};
use crate::record::LedgerInterval;
use crate::units::Monotonic;

/// How far two readings of the tap are apart, at the most while this process gets a processor.
const BETWEEN: Duration = Duration::from_millis(20);

/// How often it tells.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps the ledger of the connections to `server` until the conductor says `End`, or is gone. Where packets cannot be
/// captured it says so, and keeps none.
pub(super) fn keep(inside: Inside, server: SocketAddr, fin_wait: Option<FinWait>) -> Result<(), String> {
    let mut channel = inside.blocking_channel().map_err(text)?;
    // Before it is ready: nobody connects earlier.
    let tap = Tap::towards(server);
    if let Err(error) = &tap {
        let notice = format!("packets cannot be captured here (failed to {error}): there is no ledger of connections");
        channel.send(&Word::Notice(notice)).map_err(text)?;
    }
    channel.send(&Word::Ready(None)).map_err(text)?;
    let begin = channel.recv_before::<Order>(Monotonic::from_nanos(u64::MAX)).map_err(text)?;
    let Polled::Message(Order::Begin(start)) = begin else { return Ok(()) };
    let kept = match tap {
        Ok(tap) => {
            let ledger = FoldedLedger::new(server, fin_wait);
            Keeper { tap, ledger, start, told: start, lost: 0 }.run(&mut channel)
        }
        Err(_) => stay(&mut channel),
    };
    match kept {
        Ok(false) => Ok(()),
        Ok(true) => {
            let farewell = Farewell { cpu_s: host::cpu_time().as_secs_f64(), ..Farewell::default() };
            channel.send(&Word::Ended(Box::new(farewell))).map_err(text)
        }
        Err(error) => {
            channel.send(&Word::Failed(error.clone())).map_err(text)?;
            Err(error)
        }
    }
}

struct Keeper {
    tap: Tap,
    ledger: FoldedLedger,
    start: Monotonic,
    told: Monotonic,
    lost: u64,
}

impl Keeper {
    /// True when it was told to end, false when the conductor is gone.
    fn run(mut self, channel: &mut BlockingChannel) -> Result<bool, String> {
        loop {
            let order = channel.recv_before::<Order>(Monotonic::now().after(BETWEEN)).map_err(text)?;
            let ends = match order {
                Polled::Closed => return Ok(false),
                Polled::Message(order) => order == Order::End,
                Polled::Nothing => false,
            };
            let now = Monotonic::now();
            self.tap.read(&mut |segment| self.ledger.note(&segment));
            if ends || now.since(self.told) >= EVERY {
                let interval = self.interval(now, ends)?;
                channel.send(&Word::Ledger(Box::new(interval))).map_err(text)?;
            }
            if ends {
                return Ok(true);
            }
        }
    }

    fn interval(&mut self, now: Monotonic, last: bool) -> Result<LedgerInterval, String> {
        self.ledger.expire(now);
        let mut interval = self.ledger.take();
        (interval.from, interval.to) = (self.told.since(self.start), now.since(self.start));
        let lost = self.tap.lost().map_err(text)?;
        interval.lost = lost - self.lost;
        interval.close_wait_age = last.then(|| self.ledger.close_wait_age(now));
        (self.told, self.lost) = (now, lost);
        Ok(interval)
    }
}

/// Without packets: says that it is alive, until it is told to end (true) or the conductor is gone (false).
fn stay(channel: &mut BlockingChannel) -> Result<bool, String> {
    loop {
        channel.send(&Word::Alive).map_err(text)?;
        match channel.recv_before::<Order>(Monotonic::now().after(EVERY)).map_err(text)? {
            Polled::Closed => return Ok(false),
            Polled::Message(Order::End) => return Ok(true),
            Polled::Message(_) | Polled::Nothing => {}
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
