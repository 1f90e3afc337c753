//! The keeper: runs the command in its enclosure, passes signals on, says how it ended, and leaves nothing of it.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::crowd::full;
use super::super::role::{Order, Word};
use super::awaited::Awaited;
use super::text;
use crate::host::{BlockingChannel, Inside, Polled};
use crate::sandbox::{Enclosed, Enclosure, Errand, add_route, enclose};
use crate::units::Monotonic;

/// How often a port is looked at that somebody is to listen on.
const EVERY: Duration = Duration::from_millis(100);

/// How often the command's processes are counted, and the most of the time that it may take.
const COUNTED_EVERY: Duration = Duration::from_millis(250);
const SHARE: u32 = 20;

/// Runs the command until the conductor says so, or is gone.
pub(super) fn keep(
    mut inside: Inside,
    enclosure: &Enclosure,
    errand: &Errand,
    addresses: &[IpAddr],
) -> Result<(), String> {
    let descriptors = inside.take_fds();
    let stdio: [OwnedFd; 3] =
        descriptors.try_into().map_err(|_| "take over the command's standard streams".to_owned())?;
    let mut channel = inside.blocking_channel().map_err(text)?;
    if !enclosure.namespaces {
        // Without a PID namespace nobody ends the command's processes when this one is killed: the end of the channel is
        // waited for instead.
        rustix::process::set_parent_process_death_signal(None).map_err(text)?;
    }
    for address in addresses {
        if let Err(error) = add_route(*address) {
            return refuse(&mut channel, format!("reach {address} inside the sandbox: {error}"), None, true);
        }
    }
    let mut enclosed = match enclose(enclosure, errand, stdio) {
        Ok(enclosed) => enclosed,
        Err(error) => {
            let (hint, of_this_machine) = (error.hint(), error.is_of_this_machine());
            let mut why = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                why = format!("{why}: {source}");
            }
            return refuse(&mut channel, why, hint, of_this_machine);
        }
    };
    let started = Word::Started {
        root: enclosed.root(),
        with_root: false,
        command: enclosed.command(),
        bounded: enclosed.is_bounded(),
        notices: enclosed.notices().to_vec(),
    };
    channel.send(&started).map_err(text)?;
    let kept = obey(&mut channel, &mut enclosed, errand.max_processes);
    enclosed.kill();
    kept
}

fn refuse(
    channel: &mut BlockingChannel,
    why: String,
    hint: Option<String>,
    of_this_machine: bool,
) -> Result<(), String> {
    channel.send(&Word::NotStarted { why, hint, of_this_machine }).map_err(text)
}

fn obey(channel: &mut BlockingChannel, enclosed: &mut Enclosed, most: u32) -> Result<(), String> {
    let (mut told, mut awaited): (bool, Option<Awaited>) = (false, None);
    let mut next_count = Monotonic::now();
    loop {
        let until = if awaited.is_some() { next_count.min(Monotonic::now().after(EVERY)) } else { next_count };
        wait(channel, enclosed, told, until)?;
        if Monotonic::now() >= next_count {
            next_count = count(channel, enclosed, most)?;
        }
        let end = if told { None } else { enclosed.ended() };
        // Behind the question for the end: at the end it was told how many there had been.
        if let Some(births) = enclosed.births() {
            channel.send(&Word::Born(births)).map_err(text)?;
        }
        if let Some(end) = end {
            told = true;
            channel.send(&Word::Ended(end)).map_err(text)?;
        }
        if let Some(port) = &mut awaited
            && port.listens()?
        {
            awaited = None;
            channel.send(&Word::Listens).map_err(text)?;
        }
        loop {
            match channel.try_recv::<Order>().map_err(text)? {
                Polled::Message(Order::Signal { signal, whole }) => enclosed.signal(signal, whole),
                Polled::Message(Order::AwaitPort(port)) => awaited = Some(Awaited::new(port)?),
                Polled::Message(Order::Kill) => {
                    enclosed.kill();
                    if !told && let Some(end) = enclosed.ended() {
                        channel.send(&Word::Ended(end)).map_err(text)?;
                    }
                    channel.send(&Word::Gone).map_err(text)?;
                    told = true;
                }
                Polled::Message(Order::End) => return channel.send(&Word::Done).map_err(text),
                Polled::Message(Order::Watch { .. }) => {}
                Polled::Nothing => break,
                Polled::Closed => return Ok(()),
            }
        }
    }
}

/// Counts the command's processes, and ends it where there are more than there may be and nobody else bounds them; when to
/// count again.
fn count(channel: &mut BlockingChannel, enclosed: &mut Enclosed, most: u32) -> Result<Monotonic, String> {
    let at = Monotonic::now();
    let crowd = enclosed.crowd(full(most));
    channel.send(&Word::Counted { crowd, at }).map_err(text)?;
    if crowd > most && !enclosed.is_bounded() {
        // At once: by the time that it was asked for there might be too many to be found.
        enclosed.kill();
    }
    let now = Monotonic::now();
    Ok(now.after(COUNTED_EVERY.max(now.since(at) * SHARE)))
}

/// Waits for an order, for the command's end, or until then.
fn wait(channel: &BlockingChannel, enclosed: &Enclosed, told: bool, until: Monotonic) -> Result<(), String> {
    let timeout = Timespec::try_from(until.remaining()).ok();
    let mut of = vec![PollFd::new(channel, PollFlags::IN)];
    if !told {
        of.push(PollFd::from_borrowed_fd(enclosed.ended_fd(), PollFlags::IN));
    }
    match poll(&mut of, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(format!("wait for the command: {errno}")),
    }
}
