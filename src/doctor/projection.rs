//! When a leak meets which wall: arithmetic over what is left, and nothing else.
//!
//! The choice not taken: a trend of what is used now. A leak that is not there yet has none, and `closewait watch` shows
//! the present one.

use crate::record::{Wall, WallMet};
use crate::units::{Count, Lasting};

/// A leak, and what each of its connections takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaking {
    /// Connections a second.
    pub(super) rate: f64,
    /// Kernel memory of one, in bytes.
    pub(super) bytes_each: u64,
    /// A page in bytes: what one unread FIN counts in `tcp_mem`.
    pub(super) page: u64,
    /// For how long a tracked connection in CLOSE_WAIT is remembered, in seconds.
    pub(super) conntrack_s: Option<u64>,
    /// For how long the server's end stays in FIN_WAIT_2, in seconds; none where the server is another machine.
    pub(super) server_end_s: Option<u64>,
    /// Whether a connect is slow from half of the range on.
    pub(super) slows_at_half: bool,
}

/// Seconds until so much is used up at so much a second; none when what is used passes away sooner, after `lasts` seconds.
pub(super) fn after(left: u64, per_second: f64, lasts: Option<u64>) -> Option<f64> {
    let left = left as f64;
    match lasts {
        Some(lasts) if per_second * lasts as f64 <= left => None,
        _ => Some(left / per_second),
    }
}

/// What a leak meets, soonest first; what it never meets stands last, in the order of `walls`.
pub(super) fn project(leak: &Leaking, walls: &[Wall]) -> Vec<WallMet> {
    let mut met: Vec<WallMet> = walls.iter().flat_map(|wall| of_wall(leak, wall)).collect();
    met.sort_by(|one, other| {
        let at = |wall: &WallMet| wall.after_s.unwrap_or(f64::INFINITY);
        at(one).total_cmp(&at(other))
    });
    met
}

fn of_wall(leak: &Leaking, wall: &Wall) -> Vec<WallMet> {
    /// A limit from here on is none: fs.file-max is 2^63 - 1 by itself.
    const NO_LIMIT: u64 = 1 << 50;
    // A process whose descriptors may not be counted has at most its whole limit left.
    let unread = wall.used.is_none() && wall.name == "descriptors";
    let left = if unread { wall.limit } else { wall.free() };
    let Some(left) = left.filter(|left| *left < NO_LIMIT) else { return Vec::new() };
    let met = |each: f64, lasts, ends, text: String| WallMet {
        name: wall.name.clone(),
        after_s: after(left, leak.rate * each, lasts),
        text,
        ends,
    };
    let free = format!("{}{}", if unread { "at most " } else { "" }, wall.unit.amount(left));
    match wall.name.as_str() {
        "ports" => {
            let mut all = vec![met(1.0, None, true, format!("{free} left: connect fails with EADDRNOTAVAIL"))];
            all.extend(half(leak, wall));
            all
        }
        "descriptors" => vec![met(1.0, None, true, format!("{free} left: socket and accept fail with EMFILE"))],
        "descriptors_hard" => {
            let text = format!("{free} left for a program that raises its soft limit (Java, Go): EMFILE");
            vec![met(1.0, None, true, text)]
        }
        "files" => vec![met(1.0, None, true, format!("{free} left on this machine: every open fails with ENFILE"))],
        "memory" | "cgroup_memory" => {
            let each = Count(leak.bytes_each);
            vec![met(leak.bytes_each as f64, None, true, format!("{free} left, {each} bytes a connection"))]
        }
        "tcp_memory" => {
            let text =
                format!("{free} left, a page for each unread FIN: then the kernel drops packets of every socket");
            vec![met(leak.page as f64, None, false, text)]
        }
        "conntrack" if wall.used != Some(0) => {
            vec![passing(leak, wall, leak.conntrack_s, "new connections are dropped without an answer")]
        }
        "time_wait" if leak.server_end_s.is_some() => {
            vec![passing(leak, wall, leak.server_end_s, "the server's ends vanish at once; the client's stay")]
        }
        _ => Vec::new(),
    }
}

/// A wall of things that pass away by themselves.
fn passing(leak: &Leaking, wall: &Wall, lasts: Option<u64>, then: &str) -> WallMet {
    let left = wall.free().unwrap_or(0);
    let after_s = after(left, leak.rate, lasts);
    let free = wall.unit.amount(left);
    let text = match (after_s, lasts) {
        (None, Some(lasts)) => {
            let most = Count((leak.rate * lasts as f64).ceil() as u64);
            format!("an entry lasts {}: never more than {most} at once, {free} left", Lasting(lasts as f64))
        }
        _ => format!("{free} left: {then}"),
    };
    WallMet { name: wall.name.clone(), after_s, text, ends: false }
}

/// From half of the range on, a connect searches the first half in vain.
fn half(leak: &Leaking, ports: &Wall) -> Option<WallMet> {
    let (limit, used) = (ports.limit?, ports.used?);
    let left = (limit / 2).saturating_sub(used);
    leak.slows_at_half.then(|| WallMet {
        name: "port_search_slows".to_owned(),
        after_s: after(left, leak.rate, None),
        text: format!("half of the ports in use: each connect walks those {} in vain first", Count(limit / 2)),
        ends: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Scope, WallUnit};

    fn wall(name: &str, limit: Option<u64>, used: Option<u64>) -> Wall {
        Wall {
            name: name.into(),
            limit,
            used,
            unit: WallUnit::Ports,
            scope: Scope::Machine,
            source: String::new(),
            note: String::new(),
            near: false,
        }
    }

    const LEAK: Leaking = Leaking {
        rate: 10.0,
        bytes_each: 4000,
        page: 4096,
        conntrack_s: Some(60),
        server_end_s: None,
        slows_at_half: true,
    };

    #[test]
    fn time_is_what_is_left_by_the_rate() {
        for (left, rate, lasts, expected) in [
            (28_232, 10.0, None, Some(2823.2)),
            (1024, 0.5, None, Some(2048.0)),
            (0, 10.0, None, Some(0.0)),
            // 10 a second, each for 60 s: 600 at once.
            (600, 10.0, Some(60), None),
            (599, 10.0, Some(60), Some(59.9)),
            (262_144, 10_000.0, Some(60), Some(26.2144)),
        ] {
            assert_eq!(after(left, rate, lasts), expected, "{left} at {rate}/s lasting {lasts:?}");
        }
    }

    #[test]
    fn walls_stand_in_the_order_in_which_they_are_met() {
        let walls = [
            wall("memory", Some(4000 * 100_000), Some(0)),
            wall("tcp_memory", Some(4096 * 90_000), Some(0)),
            wall("ports", Some(28_232), Some(232)),
            wall("descriptors", Some(1024), Some(24)),
            wall("descriptors_hard", Some(524_288), Some(24)),
            wall("conntrack", Some(262_144), Some(3)),
            wall("orphans", Some(10), Some(9)),
            wall("files", Some(u64::MAX >> 1), Some(7)),
            wall("cgroup_memory", None, Some(7)),
            wall("time_wait", Some(100), Some(0)),
        ];
        let met = project(&LEAK, &walls);
        let order: Vec<_> = met.iter().map(|wall| (wall.name.as_str(), wall.after_s)).collect();
        assert_eq!(
            order,
            [
                ("descriptors", Some(100.0)),
                ("port_search_slows", Some(1388.4)),
                ("ports", Some(2800.0)),
                ("tcp_memory", Some(9000.0)),
                ("memory", Some(10_000.0)),
                ("descriptors_hard", Some(52_426.4)),
                ("conntrack", None),
            ]
        );
        assert!(met[6].text.contains("never more than 600"), "{}", met[6].text);
    }

    #[test]
    fn a_server_on_the_same_machine_takes_time_wait_entries_too() {
        let leak = Leaking { server_end_s: Some(60), slows_at_half: false, ..LEAK };
        let met = project(&leak, &[wall("time_wait", Some(500), Some(0)), wall("ports", Some(100), Some(90))]);
        assert_eq!((met[0].name.as_str(), met[0].after_s), ("ports", Some(1.0)));
        assert_eq!((met[1].name.as_str(), met[1].after_s, met.len()), ("time_wait", Some(50.0), 2));
    }

    #[test]
    fn what_cannot_be_counted_leaves_at_most_the_limit_and_what_is_not_tracked_nothing() {
        let met = project(&LEAK, &[wall("descriptors", Some(110), None), wall("conntrack", Some(5), Some(0))]);
        assert_eq!((met.len(), met[0].after_s), (1, Some(11.0)));
        assert!(met[0].text.starts_with("at most 110 "), "{}", met[0].text);
    }

    #[test]
    fn beyond_half_it_is_slow_already() {
        let met = project(&LEAK, &[wall("ports", Some(100), Some(90))]);
        assert_eq!((met[0].name.as_str(), met[0].after_s), ("port_search_slows", Some(0.0)));
    }
}
