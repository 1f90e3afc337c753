//! What the values mean: a rule each, with evidence, cause and fix. Only a wall that is near is a failure.

use std::collections::BTreeMap;

use super::files::{NETSTAT, TW_REUSE};
use super::ports::{Flow, Way};
use super::readings::Readings;
use crate::record::{DoctorFinding, PortsUse, Severity, TcpState, Wall, WallUnit};
use crate::units::{Count, PortRange};

/// What the rules look at.
pub(super) struct Evidence<'a> {
    pub(super) readings: &'a Readings,
    pub(super) ports: &'a PortsUse,
    pub(super) walls: &'a [Wall],
    pub(super) states: &'a BTreeMap<TcpState, u64>,
    /// The destination that uses most ports.
    pub(super) busiest: Option<(&'a Way, &'a Flow)>,
    pub(super) slows_at_half: bool,
    pub(super) bytes_each: u64,
}

/// Every finding, the worst first.
pub(super) fn findings(evidence: &Evidence<'_>) -> Vec<DoctorFinding> {
    let mut findings: Vec<_> =
        evidence.walls.iter().filter(|wall| wall.near).map(|wall| near(wall, evidence.bytes_each)).collect();
    let rules: [fn(&Evidence<'_>) -> Option<DoctorFinding>; 9] = [
        close_wait_held,
        descriptors_first,
        range_narrowed,
        past_half,
        many_time_wait,
        files_first,
        tw_reuse_off,
        listen_overflow,
        no_namespaces,
    ];
    findings.extend(rules.iter().filter_map(|rule| rule(evidence)));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn finding(id: &str, wall: Option<&str>, severity: Severity, text: String) -> DoctorFinding {
    DoctorFinding { id: id.to_owned(), wall: wall.map(str::to_owned), severity, text }
}

/// A wall is near.
fn near(wall: &Wall, bytes_each: u64) -> DoctorFinding {
    let (used, limit) = (wall.used.unwrap_or(0), wall.limit.unwrap_or(0));
    let whole = match wall.unit {
        WallUnit::Bytes => format!("{} of {}", wall.unit.amount(used), wall.unit.amount(limit)),
        unit => format!("{} of {}", Count(used), unit.amount(limit)),
    };
    let share = wall.share().unwrap_or(0.0) * 100.0;
    let left = wall.unit.amount(wall.free().unwrap_or(0));
    let fix = match wall.name.as_str() {
        "ports" | "ports_busiest" => {
            "see who holds them with `ss -tanp`; close connections when a login fails, pool them, or widen \
             net.ipv4.ip_local_port_range"
        }
        "descriptors" | "descriptors_hard" => {
            "see what they are in /proc/PID/fd; raise the limit only when it is no leak"
        }
        "files" => "find the process with most descriptors; fs.file-max is the limit",
        "time_wait" => {
            "the side that closes first keeps TIME_WAIT: let the other one close first, or keep connections open"
        }
        "orphans" => "sockets that were closed with data unsent: their peers do not read",
        "conntrack" => "raise net.netfilter.nf_conntrack_max, or do not track these connections",
        "memory" | "cgroup_memory" => {
            return finding(
                "near-wall",
                Some(&wall.name),
                Severity::Failure,
                format!(
                    "{}: {left} of {} are left ({}): a whole range of leaked connections, {} bytes each, does not fit any more",
                    wall.name,
                    wall.unit.amount(limit),
                    wall.note,
                    Count(bytes_each)
                ),
            );
        }
        _ => "find what uses it up",
    };
    let text = format!("{}: {whole} in use ({share:.0} %), {left} left ({}). Fix: {fix}", wall.name, wall.note);
    finding("near-wall", Some(&wall.name), Severity::Failure, text)
}

/// Peers have closed, and this side has not.
fn close_wait_held(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    let total = *evidence.states.get(&TcpState::CloseWait).filter(|n| **n > 0)?;
    let holders = evidence.readings.holders.iter().take(3).map(|holder| {
        let who = holder.pid.map_or_else(String::new, |pid| format!("pid {pid} "));
        let of_them = match holder.sockets_to_remote {
            all if all == holder.sockets => String::new(),
            some => format!("{} of them ", Count(some)),
        };
        format!("{who}{} holds {} ({of_them}to {})", holder.command, Count(holder.sockets), holder.remote)
    });
    let holders = holders.collect::<Vec<_>>().join("; ");
    let sockets = if total == 1 { "1 socket is".to_owned() } else { format!("{} sockets are", Count(total)) };
    Some(finding(
        "close-wait-held",
        None,
        Severity::Warning,
        format!(
            "{sockets} in CLOSE_WAIT: the peer has closed, this side has not, and no time-out ends that. {holders}. If the \
             number grows it is a leak: close the connection when a login fails too (`closewait check -- COMMAND` proves it)"
        ),
    ))
}

/// Descriptors end before ports do.
fn descriptors_first(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    let soft = evidence.walls.iter().find(|wall| wall.name == "descriptors")?;
    let (limit, usable) = (soft.limit?, u64::from(evidence.ports.usable));
    (limit < usable).then(|| {
        let text = format!(
            "descriptors end before ports do: {} ({}) and {} ports. A leak in one process fails with EMFILE (\"Too many open \
             files\"), and not with EADDRNOTAVAIL; several processes together still reach the last port",
            Count(limit),
            soft.note,
            Count(usable)
        );
        finding("descriptors-first", Some("descriptors"), Severity::Note, text)
    })
}

/// Fewer ports than Linux has by itself; a few listeners in the range are no news.
fn range_narrowed(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    let (ports, whole) = (evidence.ports, PortRange::LINUX_DEFAULT.count());
    (ports.usable < whole / 10 * 9).then(|| {
        let range = ports.range;
        let taken = match (ports.reserved, ports.listening) {
            (0, 0) => String::new(),
            (reserved, listening) => format!(", of which {reserved} are reserved and {listening} are listened on"),
        };
        let text = format!(
            "{} ports for each destination, and not Linux's own {}: net.ipv4.ip_local_port_range is {}-{}{taken}",
            Count(ports.usable.into()),
            Count(whole.into()),
            range.low,
            range.high
        );
        let little = ports.usable < whole / 2;
        finding("range-narrowed", Some("ports"), if little { Severity::Warning } else { Severity::Note }, text)
    })
}

/// The search of a port has become slow; in a narrow range the walk is too short to be felt.
fn past_half(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    const FELT_FROM: u32 = 1000;
    let ((source, remote), flow) = evidence.busiest?;
    let (used, usable) = (flow.used(), evidence.ports.usable);
    (evidence.slows_at_half && used > usable / 2 && usable / 2 >= FELT_FROM).then(|| {
        let text = format!(
            "connects from {source} to {remote} are slow already: {} of {} ports are in use, and this kernel's search first \
             walks the half that is full (on Linux 6.18 a walk over 14,116 ports made 420 to 580 us of 17 us)",
            Count(used.into()),
            Count(usable.into())
        );
        finding("port-search-slow", Some("ports"), Severity::Warning, text)
    })
}

/// Ports wait for old packets.
fn many_time_wait(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    const MANY: u64 = 5;
    let ((source, remote), flow) = evidence.busiest?;
    let (waiting, usable) = (flow.states.of(TcpState::TimeWait), u64::from(evidence.ports.usable));
    (waiting > 0 && waiting * MANY >= usable).then(|| {
        let text = format!(
            "{} of {} ports from {source} to {remote} are in TIME_WAIT: this side closes first, and each port is lost for \
             60 s. Fix: pool connections, or let the server close first",
            Count(waiting),
            Count(usable)
        );
        finding("many-time-wait", Some("ports"), Severity::Warning, text)
    })
}

/// The machine's files end before one process's own limit would stop it.
fn files_first(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    let named = |name: &str| evidence.walls.iter().find(|wall| wall.name == name);
    let (files, soft) = (named("files")?.free()?, named("descriptors")?.limit?);
    (files < soft.min(u64::from(evidence.ports.usable))).then(|| {
        let text = format!(
            "the whole machine has {} files left, fewer than one process may open ({}): one leak takes every program's files \
             (ENFILE)",
            Count(files),
            Count(soft)
        );
        finding("files-first", Some("files"), Severity::Warning, text)
    })
}

/// TIME_WAIT is never cut short.
fn tw_reuse_off(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    (evidence.readings.texts.number(TW_REUSE) == Ok(0)).then(|| {
        let text = "net.ipv4.tcp_tw_reuse is 0: a client that closes first loses each port for 60 s, over loopback too \
                    (Linux's own value is 2). It changes nothing for a leak";
        finding("tw-reuse-off", None, Severity::Note, text.to_owned())
    })
}

/// Servers here were too slow to accept.
fn listen_overflow(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    let overflows = evidence.readings.texts.counter(NETSTAT, "TcpExt:", "ListenOverflows").filter(|n| *n > 0)?;
    let text = format!(
        "{} connections found an accept queue full since this network namespace began: a client sees a connect that hangs for \
         1 s, 3 s, 7 s. Fix: a larger backlog in the server (net.core.somaxconn bounds it), or a faster accept",
        Count(overflows)
    );
    Some(finding("listen-overflow", None, Severity::Note, text))
}

/// Runs and checks are weaker here.
fn no_namespaces(evidence: &Evidence<'_>) -> Option<DoctorFinding> {
    let found = &evidence.readings.namespaces;
    let first = found.refusals.first()?;
    let text = format!(
        "runs and checks get the sandbox `{}` here, and not two hosts of their own: {first}. They use this machine's own ports, \
         a bounded part of them",
        found.level
    );
    Some(finding("no-namespaces", None, Severity::Note, text))
}

#[cfg(test)]
mod tests {
    use super::super::files::Unread;
    use super::super::ports::Flows;
    use super::super::ports::tests::socket;
    use super::super::readings::idle;
    use super::super::walls::walls;
    use super::*;
    use crate::record::{CloseWaitHolder, NamespacesFound};

    fn found(readings: &Readings) -> Vec<DoctorFinding> {
        let flows = Flows::of(&readings.chosen, &readings.sockets);
        let walls = walls(readings, &flows, flows.busiest(), 3584, 0.8);
        let mut states = BTreeMap::new();
        for socket in &readings.sockets {
            *states.entry(socket.state).or_insert(0) += 1;
        }
        findings(&Evidence {
            readings,
            ports: &flows.document(),
            walls: &walls,
            states: &states,
            busiest: flows.busiest(),
            slows_at_half: true,
            bytes_each: 3584,
        })
    }

    fn ids(readings: &Readings) -> Vec<String> {
        found(readings).into_iter().map(|finding| finding.id).collect()
    }

    fn towards(n: u16, state: TcpState) -> Vec<crate::sample::Socket> {
        (0..n).map(|n| socket(&format!("10.0.0.1:{}", 40_000 + n), "10.0.0.2:1433", state)).collect()
    }

    #[test]
    fn an_idle_machine_has_none() {
        assert_eq!(ids(&idle()), Vec::<String>::new());
    }

    #[test]
    fn a_leak_near_its_wall_is_told_by_its_holder() {
        let mut readings = idle();
        (readings.chosen.low, readings.chosen.high) = (40_000, 40_099);
        readings.sockets = towards(90, TcpState::CloseWait);
        readings.holders = vec![CloseWaitHolder {
            pid: Some(312),
            command: "python3 app.py".into(),
            sockets: 90,
            remote: "10.0.0.2:1433".into(),
            sockets_to_remote: 90,
        }];
        let told = found(&readings);
        let order: Vec<_> = told.iter().map(|it| (it.id.as_str(), it.severity)).collect();
        let (failure, warning) = (Severity::Failure, Severity::Warning);
        assert_eq!(order, [("near-wall", failure), ("close-wait-held", warning), ("range-narrowed", warning)]);
        assert!(told[0].text.starts_with("ports: 90 of 100 ports in use (90 %), 10 ports left (from 10.0.0.1 to"));
        assert!(told[1].text.contains("pid 312 python3 app.py holds 90 (to 10.0.0.2:1433)"), "{}", told[1].text);
        readings.holders[0].sockets_to_remote = 60;
        let text = &found(&readings)[1].text;
        assert!(text.contains("holds 90 (60 of them to 10.0.0.2:1433)"), "{text}");
    }

    #[test]
    fn beyond_half_of_a_wide_range_connects_are_slow() {
        let mut readings = idle();
        readings.chosen.low = 58_000;
        readings.sockets = (0..1501u16)
            .map(|n| socket(&format!("10.0.0.1:{}", 58_000 + n), "10.0.0.2:1433", TcpState::Established))
            .collect();
        assert_eq!(ids(&readings), ["range-narrowed", "port-search-slow"]);
        readings.sockets.pop();
        assert_eq!(ids(&readings), ["range-narrowed"]);
    }

    #[test]
    fn each_setting_has_its_rule() {
        let mut readings = idle();
        readings.nofile = (Some(1024), Some(4096));
        readings.namespaces = NamespacesFound {
            level: "port-range".into(),
            refusals: vec!["no `two-hosts` sandbox: because".into()],
            settings: Vec::new(),
        };
        readings.texts = readings
            .texts
            .with(TW_REUSE, Ok("0"))
            .with(NETSTAT, Ok("TcpExt: ListenOverflows\nTcpExt: 7"))
            .with(super::super::files::FILE_NR, Ok("700 0 1000"));
        let expected = ["files-first", "descriptors-first", "tw-reuse-off", "listen-overflow", "no-namespaces"];
        assert_eq!(ids(&readings), expected);
        readings.texts = readings.texts.with(TW_REUSE, Err(Unread::Denied));
        assert!(!ids(&readings).contains(&"tw-reuse-off".to_owned()), "what is not readable is not off");
    }

    #[test]
    fn time_wait_counts_from_a_fifth_of_the_range_on() {
        let mut readings = idle();
        (readings.chosen.low, readings.chosen.high) = (40_000, 40_099);
        readings.sockets = towards(20, TcpState::TimeWait);
        assert!(ids(&readings).contains(&"many-time-wait".to_owned()));
        readings.sockets = towards(19, TcpState::TimeWait);
        assert!(!ids(&readings).contains(&"many-time-wait".to_owned()));
    }

    #[test]
    fn memory_is_near_when_no_range_of_leaks_fits() {
        let mut readings = idle();
        let texts = |kb: u64| format!("MemTotal: 24684092 kB\nMemAvailable: {kb} kB");
        readings.texts = readings.texts.with(super::super::files::MEMINFO, Ok(&texts(98_000)));
        assert!(found(&readings)[0].text.contains("95.7 MiB of 23.5 GiB are left"), "{}", found(&readings)[0].text);
        readings.texts = readings.texts.with(super::super::files::MEMINFO, Ok(&texts(99_000)));
        assert_eq!(ids(&readings), Vec::<String>::new());
    }
}
