//! Test support: two machines, one idle and one whose leak is nearly through.

use std::collections::BTreeMap;

use crate::record::{
    CloseWaitHolder, Destination, Doctor, DoctorFinding, HostFacts, Leak, NamespacesFound, Place, PortRangeSummary,
    PortsUse, ProcessFound, Scope, Setting, Severity, TargetFound, TcpState, Wall, WallMet, WallUnit,
};

/// Every fixture.
pub(in crate::report) fn all() -> [Doctor; 2] {
    [idle(), leaking()]
}

fn wall(name: &str, unit: WallUnit, scope: Scope, numbers: (Option<u64>, Option<u64>), note: &str) -> Wall {
    let (used, limit) = numbers;
    let near = used.zip(limit).is_some_and(|(used, limit)| used as f64 >= 0.8 * limit as f64);
    Wall { name: name.into(), limit, used, unit, scope, source: "/proc".into(), note: note.into(), near }
}

fn met(name: &str, after_s: Option<f64>, ends: bool, text: &str) -> WallMet {
    WallMet { name: name.into(), after_s, text: text.into(), ends }
}

/// Nothing in use.
pub(in crate::report) fn idle() -> Doctor {
    let usable = 28_232;
    Doctor {
        schema: Doctor::SCHEMA.into(),
        host: HostFacts { kernel: "6.18.44".into(), cores: 2, nofile: 20_000 },
        place: Place { first_network_namespace: true, uid: 0, namespace_of_pid: None },
        ports: PortsUse {
            range: PortRangeSummary { low: 32_768, high: 60_999, count: usable },
            usable,
            ..PortsUse::default()
        },
        walls: vec![
            wall("ports", WallUnit::Ports, Scope::NetworkNamespace, (Some(0), Some(28_232)), "to any one destination"),
            wall(
                "nr_open",
                WallUnit::Descriptors,
                Scope::Machine,
                (None, Some(1_048_576)),
                "no hard limit can be above",
            ),
            wall(
                "files",
                WallUnit::Files,
                Scope::Machine,
                (Some(700), Some(u64::MAX >> 1)),
                "open files, all processes",
            ),
            wall("memory", WallUnit::Bytes, Scope::Machine, (Some(2 << 30), Some(24 << 30)), "what is not available"),
        ],
        settings: vec![Setting {
            name: "net.ipv4.tcp_tw_reuse".into(),
            value: Some("2".into()),
            scope: Scope::NetworkNamespace,
            note: "over loopback alone a port in TIME_WAIT may be used again after 1 s".into(),
        }],
        kernel: vec!["a connect searches one parity of the range first, then the other".into()],
        sockets: BTreeMap::new(),
        leak: Leak {
            rate_per_s: 10.0,
            destination: None,
            bytes_each: 4672,
            bytes_source: "socket 2368 + inode 832 + file 384 + port 256 + unread FIN 832 (/proc/slabinfo)".into(),
            walls: vec![
                met(
                    "port_search_slows",
                    Some(1411.6),
                    false,
                    "half of the ports in use: each connect walks those 14,116 in vain first",
                ),
                met("ports", Some(2823.2), true, "28,232 ports left: connect fails with EADDRNOTAVAIL"),
                met("conntrack", None, false, "an entry lasts 1m: never more than 600 at once"),
            ],
        },
        namespaces: NamespacesFound {
            level: "two-hosts".into(),
            refusals: Vec::new(),
            settings: vec![Setting {
                name: "user.max_user_namespaces".into(),
                value: Some("96365".into()),
                scope: Scope::Machine,
                note: "at most so many for a user".into(),
            }],
        },
        target: None,
        process: None,
        close_wait: Vec::new(),
        findings: Vec::new(),
        notices: Vec::new(),
        passed: true,
    }
}

/// Ninety of a hundred ports in CLOSE_WAIT, in a container, by a process near its own limit.
pub(in crate::report) fn leaking() -> Doctor {
    let mut doctor = idle();
    let states = BTreeMap::from([(TcpState::Established, 2), (TcpState::CloseWait, 88)]);
    doctor.place = Place { first_network_namespace: false, uid: 1000, namespace_of_pid: Some(312) };
    doctor.ports.range = PortRangeSummary { low: 40_000, high: 40_099, count: 100 };
    doctor.ports.usable = 100;
    let destination =
        Destination { source: "10.0.0.1".into(), remote: "10.0.0.2:1433".into(), used: 90, states: states.clone() };
    doctor.ports.destinations = vec![destination];
    let way = "from 10.0.0.1 to 10.0.0.2:1433";
    doctor.walls[0] = wall("ports", WallUnit::Ports, Scope::NetworkNamespace, (Some(90), Some(100)), way);
    let soft =
        wall("descriptors", WallUnit::Descriptors, Scope::Process, (Some(95), Some(110)), "soft limit of pid 312");
    doctor.walls.insert(1, soft);
    doctor.sockets.clone_from(&states);
    doctor.leak.destination = Some("10.0.0.2:1433".into());
    doctor.leak.walls = vec![
        met(
            "port_search_slows",
            Some(0.0),
            false,
            "half of the ports in use: each connect walks those 50 in vain first",
        ),
        met("ports", Some(1.0), true, "10 ports left: connect fails with EADDRNOTAVAIL"),
        met("descriptors", Some(1.5), true, "15 descriptors left: socket and accept fail with EMFILE"),
    ];
    doctor.namespaces.level = "port-range".into();
    doctor.namespaces.refusals = vec!["no `two-hosts` sandbox: failed to create a user namespace".into()];
    doctor.target = Some(TargetFound {
        target: "sql.test:1433".into(),
        addresses: vec!["10.0.0.2:1433".into(), "10.0.0.3:1433".into()],
        address: "10.0.0.2:1433".into(),
        source: Some("10.0.0.1".into()),
        interface: Some("eth0".into()),
        gateway: Some("10.0.0.254".into()),
        local: false,
        used: 90,
        states: states.clone(),
    });
    doctor.process = Some(ProcessFound {
        pid: 312,
        command: "python3 app.py".into(),
        descriptors: Some(95),
        soft_limit: Some(110),
        hard_limit: None,
        threads: Some(4),
        sockets: Some(states),
    });
    doctor.close_wait = vec![CloseWaitHolder {
        pid: Some(312),
        command: "python3 app.py".into(),
        sockets: 88,
        remote: "10.0.0.2:1433".into(),
        sockets_to_remote: 60,
    }];
    doctor.findings = vec![DoctorFinding {
        id: "near-wall".into(),
        wall: Some("ports".into()),
        severity: Severity::Failure,
        text: "ports: 90 of 100 ports in use (90 %), 10 ports left. Fix: see who holds them".into(),
    }];
    doctor.notices = vec!["this is a network namespace of its own".into()];
    doctor.passed = false;
    doctor
}
