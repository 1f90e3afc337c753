//! The keeper: runs the command in its enclosure, passes signals on, says how it ended, and leaves nothing of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::role::{Order, Word};
use super::text;
use crate::host::{BlockingChannel, Inside, Polled};
use crate::sandbox::{Enclosed, Enclosure, Errand, add_route, enclose};
use crate::units::Monotonic;

/// How often a port is tried that somebody is to listen on.
const EVERY: Duration = Duration::from_millis(100);

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
        notices: enclosed.notices().to_vec(),
    };
    channel.send(&started).map_err(text)?;
    let kept = obey(&mut channel, &mut enclosed);
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

fn obey(channel: &mut BlockingChannel, enclosed: &mut Enclosed) -> Result<(), String> {
    let (mut told, mut awaited) = (false, None);
    loop {
        wait(channel, enclosed, told, awaited.is_some())?;
        if !told && let Some(end) = enclosed.ended() {
            told = true;
            channel.send(&Word::Ended(end)).map_err(text)?;
        }
        if awaited.is_some_and(listens) {
            awaited = None;
            channel.send(&Word::Listens).map_err(text)?;
        }
        loop {
            match channel.try_recv::<Order>().map_err(text)? {
                Polled::Message(Order::Signal { signal, whole }) => enclosed.signal(signal, whole),
                Polled::Message(Order::AwaitPort(port)) => awaited = Some(port),
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

/// Waits for an order, or for the command's end.
fn wait(channel: &BlockingChannel, enclosed: &Enclosed, told: bool, awaits: bool) -> Result<(), String> {
    let until = if awaits { Monotonic::now().after(EVERY) } else { Monotonic::from_nanos(u64::MAX) };
    let timeout = Timespec::try_from(until.remaining()).ok().filter(|_| awaits);
    let mut of = vec![PollFd::new(channel, PollFlags::IN)];
    if !told {
        of.push(PollFd::from_borrowed_fd(enclosed.ended_fd(), PollFlags::IN));
    }
    match poll(&mut of, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(format!("wait for the command: {errno}")),
    }
}

/// Whether somebody listens on a port of this host.
fn listens(port: u16) -> bool {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&here, EVERY).is_ok()
}
