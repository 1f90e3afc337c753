//! The walls of a machine as plain values, in the order in which a person asks for them.

use super::files::{
    CONNTRACK_COUNT, CONNTRACK_MAX, FILE_NR, LOADAVG, MAX_ORPHANS, MAX_TW, MEMINFO, NR_OPEN, PID_MAX, Path, SOCKSTAT,
    TCP_MEM, THREADS_MAX, Unread,
};
use super::ports::{Flow, Flows, Way};
use super::readings::Readings;
use crate::record::{Scope, Wall, WallUnit};

/// What is said of a wall beside its numbers.
struct Told<'a> {
    name: &'a str,
    unit: WallUnit,
    scope: Scope,
    source: String,
    note: String,
}

impl Told<'_> {
    fn wall(self, limit: Result<u64, Unread>, used: Option<u64>) -> Wall {
        let note = match &limit {
            Err(why) => format!("{why}; {}", self.note),
            Ok(_) => self.note,
        };
        Wall {
            name: self.name.to_owned(),
            limit: limit.ok(),
            used,
            unit: self.unit,
            scope: self.scope,
            source: self.source,
            note,
            near: false,
        }
    }
}

fn told(name: &str, unit: WallUnit, scope: Scope, source: impl Into<String>, note: impl Into<String>) -> Told<'_> {
    Told { name, unit, scope, source: source.into(), note: note.into() }
}

fn file(path: Path) -> String {
    format!("/{path}")
}

/// Every wall; `way` is where the ports are counted towards, `bytes_each` what a leaked connection costs, `near` the share
/// of a limit (0 to 1) from which on it is near.
pub(super) fn walls(
    readings: &Readings,
    flows: &Flows,
    way: Option<(&Way, &Flow)>,
    bytes_each: u64,
    near: f64,
) -> Vec<Wall> {
    let mut walls = ports(flows, way);
    walls.extend(descriptors(readings));
    walls.extend(machine(readings));
    walls.extend(memory(readings));
    walls.extend(groups(readings));
    // A machine that works has its memory in use, as caches of a database say: it is near when it would not hold one
    // more range of leaked connections.
    let range_of_leaks = u64::from(flows.usable()) * bytes_each;
    for wall in &mut walls {
        wall.near = match wall.name.as_str() {
            "memory" | "cgroup_memory" => wall.free().is_some_and(|free| free < range_of_leaks),
            _ => wall.share().is_some_and(|share| share >= near),
        };
    }
    walls
}

fn ports(flows: &Flows, way: Option<(&Way, &Flow)>) -> Vec<Wall> {
    let of = |name, way: Option<(&Way, &Flow)>| {
        let note = way.map_or_else(
            || "to any one destination".to_owned(),
            |((source, remote), _)| format!("from {source} to {remote}"),
        );
        let used = way.map_or(0, |(_, flow)| u64::from(flow.used()));
        let source = "/proc/sys/net/ipv4/ip_local_port_range, socket table";
        told(name, WallUnit::Ports, Scope::NetworkNamespace, source, note).wall(Ok(flows.usable().into()), Some(used))
    };
    let mut walls = vec![of("ports", way)];
    // Beside the target that was asked for, the destination that is worse off.
    let busiest = flows.busiest().filter(|(busiest, _)| way.is_none_or(|(way, _)| way != *busiest));
    if way.is_some_and(|(_, flow)| busiest.is_some_and(|(_, other)| other.used() > flow.used())) {
        walls.push(of("ports_busiest", busiest));
    }
    walls
}

fn descriptors(readings: &Readings) -> Vec<Wall> {
    let (who, source, (soft, hard), used) = match &readings.process {
        Some(process) => (
            format!("of pid {}", process.pid),
            format!("/proc/{}/limits, fd", process.pid),
            (process.soft_limit, process.hard_limit),
            process.descriptors,
        ),
        None => (
            "of a program started from here".to_owned(),
            "getrlimit(RLIMIT_NOFILE)".to_owned(),
            readings.nofile,
            readings.descriptors,
        ),
    };
    let wall = |name, limit: Option<u64>, used, note: String| {
        let limit = limit.ok_or(Unread::Unlimited);
        told(name, WallUnit::Descriptors, Scope::Process, source.clone(), note).wall(limit, used)
    };
    let unread = if used.is_none() { ", use not readable without root" } else { "" };
    let mut walls = vec![wall("descriptors", soft, used, format!("soft limit {who}{unread}"))];
    if hard != soft {
        walls.push(wall("descriptors_hard", hard, used, format!("hard limit {who}")));
    }
    let note = "no hard limit can be above";
    let ceiling = told("nr_open", WallUnit::Descriptors, Scope::Machine, file(NR_OPEN), note);
    walls.push(ceiling.wall(readings.texts.number(NR_OPEN), None));
    walls
}

fn machine(readings: &Readings) -> Vec<Wall> {
    let texts = &readings.texts;
    let tcp = |word| texts.field(SOCKSTAT, "TCP:", word);
    let first_only = "shown in the machine's first network namespace only";
    let files = told("files", WallUnit::Files, Scope::Machine, file(FILE_NR), "open files, all processes");
    let note = "TIME_WAIT and orphaned FIN_WAIT_2; beyond it they vanish at once";
    let time_wait = told("time_wait", WallUnit::Sockets, Scope::NetworkNamespace, file(MAX_TW), note);
    let orphans_limit = texts.number(MAX_ORPHANS);
    let note =
        if orphans_limit.is_err() { first_only } else { "closed, with data still to send; beyond it they are reset" };
    let orphans = told("orphans", WallUnit::Sockets, Scope::Machine, file(MAX_ORPHANS), note);
    let mut walls = vec![
        files.wall(texts.nth(FILE_NR, 2), texts.number(FILE_NR).ok()),
        time_wait.wall(texts.number(MAX_TW), tcp("tw")),
        orphans.wall(orphans_limit, tcp("orphan")),
    ];
    // Where the module is not loaded nothing is tracked, and there is no wall.
    if let (limit @ Ok(_), count) = (texts.number(CONNTRACK_MAX), texts.number(CONNTRACK_COUNT).ok()) {
        let note = if count == Some(0) { "nothing is tracked here" } else { "beyond it packets are dropped" };
        let tracked = told("conntrack", WallUnit::Connections, Scope::NetworkNamespace, file(CONNTRACK_MAX), note);
        walls.push(tracked.wall(limit, count));
    }
    let most = texts.number(PID_MAX).and_then(|pids| texts.number(THREADS_MAX).map(|threads| pids.min(threads)));
    let running =
        texts.text(LOADAVG).ok().and_then(|text| text.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok());
    let sources = "/proc/sys/kernel/pid_max, threads-max, /proc/loadavg";
    walls.push(told("threads", WallUnit::Threads, Scope::Machine, sources, "all processes").wall(most, running));
    walls
}

fn memory(readings: &Readings) -> Vec<Wall> {
    let texts = &readings.texts;
    let kib = |name| texts.line(MEMINFO, name).map(|kib| kib * 1024);
    let (total, available) = (kib("MemTotal:"), kib("MemAvailable:"));
    let used = total.zip(available).map(|(total, available)| total.saturating_sub(available));
    let pages = texts.nth(TCP_MEM, 2);
    let note = if pages.is_err() {
        "shown in the machine's first network namespace only"
    } else {
        "socket buffers: a page for each leak whose FIN is unread"
    };
    let buffers = told("tcp_memory", WallUnit::Bytes, Scope::Machine, format!("{}, sockstat", file(TCP_MEM)), note);
    let in_use = texts.field(SOCKSTAT, "TCP:", "mem").map(|pages| pages * readings.page);
    vec![
        told("memory", WallUnit::Bytes, Scope::Machine, file(MEMINFO), "what is not available")
            .wall(total.ok_or(Unread::Absent), used),
        buffers.wall(pages.map(|pages| pages.saturating_mul(readings.page)), in_use),
    ]
}

fn groups(readings: &Readings) -> Vec<Wall> {
    let all = [
        ("cgroup_memory", WallUnit::Bytes, &readings.cgroup.memory),
        ("cgroup_pids", WallUnit::Threads, &readings.cgroup.pids),
    ];
    let wall = |(name, unit, limit): (&'static str, _, &Option<super::cgroup::GroupLimit>)| {
        let group = limit.as_ref()?;
        let note = "its control group, or one above it";
        Some(told(name, unit, Scope::Cgroup, group.source.clone(), note).wall(Ok(group.limit), Some(group.used)))
    };
    all.into_iter().filter_map(wall).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cgroup::GroupLimit;
    use super::super::ports::tests::socket;
    use super::super::readings::idle;
    use super::*;
    use crate::record::TcpState;

    fn of(readings: &Readings) -> Vec<Wall> {
        let flows = Flows::of(&readings.chosen, &readings.sockets);
        walls(readings, &flows, flows.busiest(), 3584, 0.8)
    }

    fn named<'a>(walls: &'a [Wall], name: &str) -> &'a Wall {
        walls.iter().find(|wall| wall.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn an_idle_machine_has_every_wall_and_none_is_near() {
        let walls = of(&idle());
        let names: Vec<_> = walls.iter().map(|wall| wall.name.as_str()).collect();
        let expected =
            ["ports", "descriptors", "nr_open", "files", "time_wait", "orphans", "threads", "memory", "tcp_memory"];
        assert_eq!(names, expected);
        assert!(walls.iter().all(|wall| !wall.near), "{walls:#?}");
        assert_eq!((named(&walls, "ports").limit, named(&walls, "ports").used), (Some(28_232), Some(0)));
        assert_eq!(named(&walls, "tcp_memory").limit, Some(575_802 * 4096));
        assert_eq!((named(&walls, "threads").limit, named(&walls, "threads").used), (Some(32_768), Some(108)));
    }

    #[test]
    fn each_wall_can_be_near() {
        let mut readings = idle();
        readings.chosen.high = 32_777;
        readings.sockets =
            (0..8).map(|n| socket(&format!("10.0.0.1:{}", 32_768 + n), "10.0.0.2:1433", TcpState::CloseWait)).collect();
        readings.nofile = (Some(10), Some(4096));
        readings.descriptors = Some(8);
        readings.texts = readings
            .texts
            .with(FILE_NR, Ok("80 0 100"))
            .with(SOCKSTAT, Ok("TCP: inuse 1 orphan 90 tw 81 alloc 1 mem 99"))
            .with(MAX_TW, Ok("100"))
            .with(MAX_ORPHANS, Ok("100"))
            .with(TCP_MEM, Ok("1 2 100"))
            .with(CONNTRACK_MAX, Ok("10"))
            .with(CONNTRACK_COUNT, Ok("8"))
            .with(PID_MAX, Ok("120"))
            .with(MEMINFO, Ok("MemTotal: 1000 kB\nMemAvailable: 34 kB"));
        readings.cgroup.memory = Some(GroupLimit { limit: 100_000, used: 70_000, source: "m".into() });
        readings.cgroup.pids = Some(GroupLimit { limit: 10, used: 9, source: "p".into() });
        let walls = of(&readings);
        let far: Vec<_> = walls.iter().filter(|wall| !wall.near).map(|wall| wall.name.as_str()).collect();
        assert_eq!(far, ["descriptors_hard", "nr_open"], "34 kB hold no ten leaks of 3,584 bytes");
        let full: Vec<_> = of(&idle()).into_iter().filter(|wall| wall.near).collect();
        assert_eq!(full, []);
    }

    #[test]
    fn what_a_container_does_not_show_is_said() {
        let mut readings = idle();
        readings.texts = readings
            .texts
            .with(MAX_ORPHANS, Err(Unread::Absent))
            .with(TCP_MEM, Err(Unread::Absent))
            .with(NR_OPEN, Err(Unread::Denied));
        let walls = of(&readings);
        assert_eq!(named(&walls, "orphans").limit, None);
        assert_eq!(named(&walls, "orphans").note, "not there; shown in the machine's first network namespace only");
        assert!(named(&walls, "nr_open").note.starts_with("not readable without root"));
    }

    #[test]
    fn beside_a_quiet_target_the_busiest_destination_stands_too() {
        let mut readings = idle();
        readings.sockets = vec![socket("10.0.0.1:40000", "10.0.0.2:1433", TcpState::Established)];
        let flows = Flows::of(&readings.chosen, &readings.sockets);
        let (quiet, nothing) = (("10.0.0.1".parse().unwrap(), "10.0.0.9:1433".parse().unwrap()), Flow::default());
        let both = walls(&readings, &flows, Some((&quiet, &nothing)), 3584, 0.8);
        assert_eq!((both[0].used, both[1].name.as_str(), both[1].used), (Some(0), "ports_busiest", Some(1)));
        assert_eq!(walls(&readings, &flows, flows.busiest(), 3584, 0.8)[1].name, "descriptors");
    }
}
