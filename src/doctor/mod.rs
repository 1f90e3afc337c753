//! A machine's limits and walls as values: where they stand, and which one a leak meets first.
//!
//! Everything is read once, at one edge (`readings`); walls, findings and the projection of a leak are functions of what was
//! read. Nothing here changes a setting; the one thing that is made is a sandbox, to see whether it can be, and it is gone
//! at once. The choice not taken: a watch over time, which is `closewait watch`.

mod cgroup;
mod error;
mod files;
mod findings;
mod kernel;
mod memory;
mod namespaces;
mod ports;
mod process;
mod projection;
mod readings;
mod settings;
mod target;
mod walls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread;

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use self::error::Error;
use self::findings::Evidence;
use self::kernel::Version;
use self::ports::{Flow, Flows};
use self::projection::Leaking;
use self::readings::Readings;
use crate::record::{Doctor, Leak, Place, TargetFound, TcpState};
use crate::units::{HostPort, Rate};

/// What to examine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections that a leak loses a second.
    pub rate: Rate,
    /// Where it loses them; the busiest destination otherwise.
    pub target: Option<HostPort>,
    /// The process whose descriptors, control group and network namespace count; this program's own otherwise.
    pub pid: Option<u32>,
    /// The share of a limit, 0 to 1, from which on it is near.
    pub near: f64,
}

/// Reads this machine and says where its walls stand. It blocks for as long as a name takes to resolve, and a socket table
/// to be read.
///
/// # Errors
/// When the sockets or the port range cannot be read, the name cannot be resolved, or the process is not there or may not be
/// looked into.
pub fn examine(options: &Options) -> Result<Doctor, Error> {
    let addresses = options.target.as_ref().map(target::resolve).transpose()?.unwrap_or_default();
    // The walls of this namespace say nothing of a process in another one, so they are not shown in their place.
    let readings = match options.pid {
        None => Readings::read(options, addresses, None)?,
        Some(pid) => {
            match namespace_of(pid).map_err(|errno| Error::Closed { pid, what: "network namespace", errno })? {
                None => Readings::read(options, addresses, None)?,
                Some(namespace) => entered(options, addresses, pid, namespace)?,
            }
        }
    };
    match &readings.process {
        Some(process) if process.descriptors.is_none() => {
            Err(Error::Closed { pid: process.pid, what: "descriptors", errno: Errno::ACCESS })
        }
        _ => Ok(document(options, &readings)),
    }
}

/// Reads inside of a process's network namespace.
fn entered(options: &Options, addresses: Vec<SocketAddr>, pid: u32, namespace: OwnedFd) -> Result<Readings, Error> {
    let options = options.clone();
    // A thread of its own: whoever enters a namespace stays in it.
    let thread =
        thread::Builder::new().name("closewait-netns".to_owned()).spawn(move || {
            match move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)) {
                Ok(()) => Readings::read(&options, addresses, Some(pid)),
                Err(errno) => Err(Error::Closed { pid, what: "network namespace", errno }),
            }
        });
    match thread.map_err(Error::Thread)?.join() {
        Ok(read) => read,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The network namespace of a process, where it is another one than this program's; none for one that is gone.
fn namespace_of(pid: u32) -> Result<Option<OwnedFd>, Errno> {
    let path = format!("/proc/{pid}/ns/net");
    let name = |path: &str| readlinkat(CWD, path, Vec::new());
    match name(&path) {
        Err(Errno::NOENT | Errno::SRCH) => Ok(None),
        Err(errno) => Err(errno),
        Ok(of_process) if of_process == name("/proc/self/ns/net")? => Ok(None),
        Ok(_) => openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map(Some),
    }
}

/// The document: a function of what was read.
fn document(options: &Options, readings: &Readings) -> Doctor {
    let flows = Flows::of(&readings.chosen, &readings.sockets);
    let cost = memory::cost(&readings.texts);
    let slows_at_half = Version::of(&readings.host.kernel).is_some_and(Version::slows_at_half);
    let targeted = readings.way.as_ref().and_then(|way| Some((way.source?, way.address)));
    let towards = targeted.map(|way| (way, flows.towards(&way)));
    let way = match &towards {
        Some((way, flow)) => Some((way, flow)),
        None => flows.busiest(),
    };
    let walls = walls::walls(readings, &flows, way, cost.bytes, options.near);
    let local = match (&readings.way, way) {
        (Some(way), _) => way.local(),
        (None, Some(((source, remote), _))) => remote.ip().is_loopback() || remote.ip() == *source,
        (None, None) => false,
    };
    let leaking = Leaking {
        rate: options.rate.as_per_second(),
        bytes_each: cost.bytes,
        page: readings.page,
        conntrack_s: readings.texts.number(files::CONNTRACK_CLOSE_WAIT).ok(),
        server_end_s: if local { readings.texts.number(files::FIN_TIMEOUT).ok() } else { None },
        slows_at_half,
    };
    let states = by_state(readings);
    let ports = flows.document();
    let findings = findings::findings(&Evidence {
        readings,
        ports: &ports,
        walls: &walls,
        states: &states,
        busiest: flows.busiest(),
        slows_at_half,
        bytes_each: cost.bytes,
    });
    Doctor {
        schema: Doctor::SCHEMA.to_owned(),
        host: readings.host.clone(),
        place: place(readings),
        leak: Leak {
            rate_per_s: leaking.rate,
            destination: way.map(|((_, remote), _)| remote.to_string()),
            bytes_each: cost.bytes,
            bytes_source: cost.source,
            walls: projection::project(&leaking, &walls),
        },
        passed: walls.iter().all(|wall| !wall.near),
        ports,
        walls,
        settings: settings::settings(&readings.texts),
        kernel: kernel::meaning(&readings.host.kernel, readings.texts.number(files::STEP_WIDTH).ok()),
        sockets: states,
        namespaces: readings.namespaces.clone(),
        target: readings.way.as_ref().map(|way| target_found(way, towards.as_ref().map(|(_, flow)| flow))),
        process: readings.process.clone(),
        close_wait: readings.holders.clone(),
        findings,
        notices: notices(readings),
    }
}

fn by_state(readings: &Readings) -> BTreeMap<TcpState, u64> {
    let mut states = BTreeMap::new();
    for socket in &readings.sockets {
        *states.entry(socket.state).or_insert(0) += 1;
    }
    states
}

/// Some settings are shown in the machine's first network namespace alone, whatever its user may do.
fn place(readings: &Readings) -> Place {
    Place {
        first_network_namespace: readings.texts.text(files::TCP_MEM).is_ok(),
        uid: readings.uid,
        namespace_of_pid: readings.namespace_of_pid,
    }
}

fn target_found(way: &target::Way, flow: Option<&Flow>) -> TargetFound {
    TargetFound {
        target: way.target.clone(),
        addresses: way.addresses.iter().map(ToString::to_string).collect(),
        address: way.address.to_string(),
        source: way.source.map(|ip| ip.to_string()),
        interface: way.interface.clone(),
        gateway: way.gateway.map(|ip| ip.to_string()),
        local: way.local(),
        used: flow.map_or(0, Flow::used),
        states: flow.map_or_else(BTreeMap::new, |flow| flow.states.iter().collect()),
    }
}

/// What a reader must know to trust the values.
fn notices(readings: &Readings) -> Vec<String> {
    let mut notices = Vec::new();
    if let Some(pid) = readings.namespace_of_pid {
        notices.push(format!("ports, sockets and net.* are those of process {pid}'s network namespace"));
    }
    if readings.texts.text(files::TCP_MEM).is_err() {
        notices.push(
            "this is a network namespace of its own, such as a container's: net.* are its own values; files, threads and \
             memory are the whole machine's"
                .to_owned(),
        );
    }
    if readings.uid != 0 {
        notices.push(
            "what other users' processes hold is not readable without root: their sockets are counted and their holders not \
             named"
                .to_owned(),
        );
    }
    if let Some(way) = readings.way.as_ref().filter(|way| way.source.is_none()) {
        notices.push(format!("no route leads to {}: the ports are those of the busiest destination", way.address));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options { rate: Rate::per_second(10.0).unwrap(), target: None, pid: None, near: 0.8 }
    }

    #[test]
    fn an_idle_machine_passes_and_descriptors_or_ports_are_met_first() {
        let mut readings = readings::idle();
        let document = document(&options(), &readings);
        assert!(document.passed && document.findings.is_empty());
        let first: Vec<_> = document.leak.walls.iter().take(3).map(|wall| (wall.name.as_str(), wall.after_s)).collect();
        let expected = [("port_search_slows", Some(1411.6)), ("ports", Some(2823.2)), ("descriptors", Some(52_428.5))];
        assert_eq!(first, expected);
        readings.nofile = (Some(1024), Some(524_288));
        let document = super::document(&options(), &readings);
        assert_eq!(
            (document.leak.walls[0].name.as_str(), document.leak.walls[0].after_s),
            ("descriptors", Some(102.1))
        );
    }

    #[test]
    fn this_machine_can_be_examined() {
        let document = examine(&Options { pid: Some(std::process::id()), ..options() }).unwrap();
        assert_eq!(document.process.as_ref().map(|process| process.pid), Some(std::process::id()));
        let soft = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let wall = document.walls.iter().find(|wall| wall.name == "descriptors").unwrap();
        assert_eq!(wall.limit, soft);
        assert!(document.leak.walls.iter().is_sorted_by_key(|wall| wall.after_s.unwrap_or(f64::INFINITY)));
        assert!(matches!(examine(&Options { pid: Some(u32::MAX), ..options() }), Err(Error::NoProcess(u32::MAX))));
    }
}
