//! The walls for a person: what is near first seen in a table, then what a leak would meet, then what it means.

use std::collections::BTreeMap;

use super::super::figures;
use super::super::terminal::columns::{Column, Row, blocks};
use super::super::terminal::style::{Paint, Style};
use super::super::terminal::{text, wrapped};
use crate::record::{Destination, Doctor, DoctorFinding, Setting, Severity, TcpState, Wall, WallMet, WallUnit};
use crate::units::{Count, Lasting};

/// Destinations that a screen shows.
const MOST_DESTINATIONS: usize = 4;

/// The whole document, with a line's end after it.
#[must_use]
pub fn doctor_terminal(doctor: &Doctor, style: Style) -> String {
    let mut lines = head(doctor, style);
    lines.push(String::new());
    lines.extend(section("walls", walls(doctor, style), style));
    lines.extend(section("ports by destination", destinations(doctor, style), style));
    lines.extend(section("target", target(doctor, style), style));
    lines.extend(section("process", process(doctor, style), style));
    lines.extend(section("settings", settings(doctor, style), style));
    lines.extend(section(
        "kernel",
        doctor.kernel.iter().flat_map(|it| wrapped(it, " - ", style.width())).collect(),
        style,
    ));
    lines.extend(section("namespaces", namespaces(doctor, style), style));
    lines.extend(section(&leak_heading(doctor), leak(doctor, style), style));
    lines.extend(section("findings", doctor.findings.iter().flat_map(|it| finding(it, style)).collect(), style));
    lines.extend(section(
        "notices",
        doctor.notices.iter().flat_map(|it| wrapped(it, " - ", style.width())).collect(),
        style,
    ));
    let paint = if doctor.passed { Paint::Good } else { Paint::Bad };
    lines.extend(wrapped(&verdict(doctor), "", style.width()).iter().map(|line| style.paint(paint, line)));
    lines.push(String::new());
    lines.join("\n")
}

fn head(doctor: &Doctor, style: Style) -> Vec<String> {
    const NAME: &str = "closewait doctor ";
    let (host, place) = (&doctor.host, &doctor.place);
    let user = if place.uid == 0 { "root".to_owned() } else { format!("uid {}", place.uid) };
    let namespace = match (place.namespace_of_pid, place.first_network_namespace) {
        (Some(pid), _) => format!("network namespace of pid {pid}"),
        (None, true) => "first network namespace".to_owned(),
        (None, false) => "a network namespace of its own".to_owned(),
    };
    let facts = format!("· Linux {} · {} cores · {user} · {namespace}", host.kernel, host.cores);
    let mut lines = wrapped(&facts, NAME, style.width());
    lines[0] = format!("{}{}", style.paint(Paint::Strong, NAME), &lines[0][NAME.len()..]);
    lines
}

/// A heading with its lines and a blank one after them; nothing where there are no lines.
fn section(name: &str, lines: Vec<String>, style: Style) -> Vec<String> {
    if lines.is_empty() {
        return Vec::new();
    }
    let mut section: Vec<_> =
        wrapped(name, "", style.width()).iter().map(|line| style.paint(Paint::Strong, line)).collect();
    section.extend(lines);
    section.push(String::new());
    section
}

/// Rows in columns, of which the last cell is prose that wraps below itself.
fn rows(columns: &[Column], rows: Vec<(Row, String)>, style: Style) -> Vec<String> {
    /// Blanks before a row and before its prose.
    const MARGIN: usize = 1;
    const GAP: usize = 2;
    // What is left is the prose's.
    let most = style.width() * 3 / 5;
    let (rows, prose): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let plain = blocks(columns, &rows, most, style.colourless());
    let painted = blocks(columns, &rows, most, style);
    let widest = plain.iter().flatten().map(|line| text::columns(line)).max().unwrap_or(0);
    let start = " ".repeat(MARGIN + widest + GAP);
    let mut lines = Vec::new();
    for ((plain, painted), prose) in plain.iter().zip(&painted).zip(&prose) {
        let wrapped = wrapped(prose, &start, style.width());
        for at in 0..plain.len().max(wrapped.len()) {
            let (plain, painted) = plain.get(at).zip(painted.get(at)).map_or(("", ""), |(one, other)| (one, other));
            let blanks = " ".repeat(widest - text::columns(plain) + GAP);
            let beside = wrapped.get(at).map_or("", |line| &line[start.len()..]);
            lines.push(format!("{}{painted}{blanks}{beside}", " ".repeat(MARGIN)).trim_end().to_owned());
        }
    }
    lines
}

fn walls(doctor: &Doctor, style: Style) -> Vec<String> {
    let head = ["", "in use", "limit", "", "of the"].map(str::to_owned).into();
    let mut all = vec![(Row::plain(head), String::new())];
    all.extend(doctor.walls.iter().map(wall));
    rows(&[Column::Left, Column::Right, Column::Right, Column::Right, Column::Left], all, style)
}

fn wall(wall: &Wall) -> (Row, String) {
    /// From here on a limit is "none" in all but name: fs.file-max is 2^63 - 1 by itself.
    const NEVER: u64 = 1 << 50;
    let number = |n: u64| match wall.unit {
        WallUnit::Bytes => wall.unit.amount(n),
        _ if n >= NEVER => "no limit".to_owned(),
        _ => Count(n).to_string(),
    };
    let or_dot = |n: Option<u64>| n.map_or_else(|| "·".to_owned(), number);
    let cells = vec![
        wall.name.clone(),
        or_dot(wall.used),
        or_dot(wall.limit),
        wall.share().map(percent).unwrap_or_default(),
        wall.scope.to_string(),
    ];
    let note = if wall.near { format!("NEAR: {}", wall.note) } else { wall.note.clone() };
    (Row { paint: wall.near.then_some(Paint::Bad), cells }, note)
}

/// Only a share of all reads 100 %, and only none reads 0 %.
fn percent(share: f64) -> String {
    match share * 100.0 {
        pct if pct <= 0.0 => "0 %".to_owned(),
        pct if pct < 1.0 => "<1 %".to_owned(),
        pct if pct > 99.0 && pct < 100.0 => ">99 %".to_owned(),
        pct => format!("{pct:.0} %"),
    }
}

fn states(states: &BTreeMap<TcpState, u64>) -> String {
    states.iter().map(|(state, n)| format!("{state} {}", Count(*n))).collect::<Vec<_>>().join(", ")
}

fn destinations(doctor: &Doctor, style: Style) -> Vec<String> {
    let usable = doctor.ports.usable;
    let row = |it: &Destination| {
        let share = percent(f64::from(it.used) / f64::from(usable.max(1)));
        let of = format!("{} of {}", Count(it.used.into()), Count(usable.into()));
        (Row::plain(vec![format!("{} to {}", it.source, it.remote), of, share]), states(&it.states))
    };
    let all = doctor.ports.destinations.iter().take(MOST_DESTINATIONS).map(row).collect();
    let mut lines = rows(&[Column::Whole, Column::Right, Column::Right], all, style);
    // Else the sum of all sockets stands beside a smaller number of ports, and nobody says why.
    let wall = doctor.walls.iter().find(|wall| wall.name == "ports");
    if let Some(wall) = wall.filter(|_| doctor.ports.destinations.len() > 1) {
        let more = doctor.ports.destinations.len().saturating_sub(MOST_DESTINATIONS);
        let more = if more == 0 { String::new() } else { format!("and {more} more; ") };
        let text = format!(
            "{more}each destination has the {} ports to itself: the wall `ports` counts those {} alone",
            Count(usable.into()),
            wall.note
        );
        lines.extend(wrapped(&text, " ", style.width()));
    }
    if !doctor.sockets.is_empty() {
        lines.extend(wrapped(&format!("all sockets here: {}", states(&doctor.sockets)), " ", style.width()));
    }
    lines
}

fn target(doctor: &Doctor, style: Style) -> Vec<String> {
    let Some(target) = &doctor.target else { return Vec::new() };
    let way = match (&target.source, &target.interface, &target.gateway) {
        (None, _, _) => "no route leads there".to_owned(),
        (Some(source), interface, gateway) => {
            let interface = interface.as_ref().map_or_else(String::new, |name| format!(" by {name}"));
            let gateway = gateway.as_ref().map_or_else(String::new, |ip| format!(" through {ip}"));
            let local = if target.local { ", which is this machine" } else { "" };
            format!("from {source}{interface}{gateway}{local}")
        }
    };
    let used = format!("{} of {} ports in use", Count(target.used.into()), Count(doctor.ports.usable.into()));
    let states = if target.states.is_empty() { String::new() } else { format!(": {}", states(&target.states)) };
    let others = match target.addresses.len() {
        0 | 1 => String::new(),
        n => format!("; its name has {n} addresses, each with ports of its own"),
    };
    let named = if target.target == target.address { String::new() } else { format!("{} is ", target.target) };
    wrapped(&format!("{named}{}, {way}; {used}{states}{others}", target.address), " ", style.width())
}

fn process(doctor: &Doctor, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(process) = &doctor.process {
        let limit = |it: Option<u64>| it.map_or_else(|| "no limit".to_owned(), |n| Count(n).to_string());
        let used = process.descriptors.map_or_else(
            || "its descriptors are not readable without root".to_owned(),
            |n| format!("{} descriptors", Count(n)),
        );
        let threads = process.threads.map_or_else(String::new, |n| format!(", {} threads", Count(n)));
        let text = format!(
            "pid {} ({}): {used}, soft limit {}, hard limit {}{threads}",
            process.pid,
            process.command,
            limit(process.soft_limit),
            limit(process.hard_limit)
        );
        lines.extend(wrapped(&text, " ", style.width()));
        let sockets =
            process.sockets.as_ref().map(|held| if held.is_empty() { "none".to_owned() } else { states(held) });
        lines.extend(
            sockets.into_iter().flat_map(|held| wrapped(&format!("its TCP sockets: {held}"), " ", style.width())),
        );
    }
    lines
}

fn settings(doctor: &Doctor, style: Style) -> Vec<String> {
    let told = |it: &Setting| {
        let text = format!("{} {}: {}", it.name, it.value.as_deref().unwrap_or("·"), it.note);
        wrapped(&text, " - ", style.width())
    };
    doctor.settings.iter().flat_map(told).collect()
}

fn namespaces(doctor: &Doctor, style: Style) -> Vec<String> {
    let found = &doctor.namespaces;
    let told = match found.level.as_str() {
        "two-hosts" => "allowed: two hosts were made and taken down again (`two-hosts`)".to_owned(),
        level => format!("the best sandbox here is `{level}`"),
    };
    let mut lines = wrapped(&told, " ", style.width());
    lines.extend(found.refusals.iter().flat_map(|it| wrapped(it, " - ", style.width())));
    let settings = found.settings.iter().map(|it| format!("{} {}", it.name, it.value.as_deref().unwrap_or("·")));
    lines.extend(wrapped(&settings.collect::<Vec<_>>().join(", "), " ", style.width()));
    lines
}

fn leak_heading(doctor: &Doctor) -> String {
    let to = doctor.leak.destination.as_ref().map_or_else(|| "one destination".to_owned(), |to| text::printable(to));
    format!("a leak of {}/s to {to} meets", doctor.leak.rate_per_s)
}

fn leak(doctor: &Doctor, style: Style) -> Vec<String> {
    let row = |it: &WallMet| {
        let when = it.after_s.map_or_else(|| "never".to_owned(), |seconds| Lasting(seconds).to_string());
        (Row::plain(vec![when, it.name.clone()]), it.text.clone())
    };
    let mut lines = rows(&[Column::Right, Column::Left], doctor.leak.walls.iter().map(row).collect(), style);
    let cost = format!("kernel memory of one: {} bytes = {}", Count(doctor.leak.bytes_each), doctor.leak.bytes_source);
    lines.extend(wrapped(&cost, " ", style.width()));
    lines
}

fn finding(finding: &DoctorFinding, style: Style) -> Vec<String> {
    let (word, paint) = match finding.severity {
        Severity::Failure => ("failure", Paint::Bad),
        Severity::Warning => ("warning", Paint::Odd),
        Severity::Note => ("note", Paint::Faint),
    };
    let start = " ".repeat(10);
    let mut lines =
        vec![format!(" {} {}", style.paint(paint, &text::cell(word, 8)), style.paint(Paint::Strong, &finding.id))];
    lines.extend(wrapped(&finding.text, &start, style.width()));
    lines
}

/// What it comes to, in one line.
fn verdict(doctor: &Doctor) -> String {
    let near: Vec<_> = doctor.walls.iter().filter(|wall| wall.near).map(|wall| wall.name.as_str()).collect();
    let first = doctor.leak.walls.iter().find(|wall| wall.ends && wall.after_s.is_some());
    let first = first.map_or_else(String::new, |wall| {
        let after = match Lasting(wall.after_s.unwrap_or(0.0)).to_string() {
            soon if soon == "now" => "at once".to_owned(),
            after => format!("in {after}"),
        };
        format!("; a leak of {}/s meets {} first, {after}", doctor.leak.rate_per_s, wall.name)
    });
    match near.as_slice() {
        [] => format!("PASSED: nothing is near its wall{first}"),
        [one] => format!("FAILED: {one} is near its wall{first}"),
        several => format!("FAILED: {} are near their walls{first}", figures::listed(several)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_leak_near_its_wall() {
        insta::assert_snapshot!(doctor_terminal(&fixture::leaking(), Style::PLAIN));
    }

    #[test]
    fn an_idle_machine() {
        insta::assert_snapshot!(doctor_terminal(&fixture::idle(), Style::new(false, 110)));
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_or_drives_it() {
        let mut doctor = fixture::leaking();
        let evil = format!("\u{1b}[2J {}", "word ".repeat(40));
        doctor.process.as_mut().unwrap().command.clone_from(&evil);
        doctor.walls[0].note.clone_from(&evil);
        doctor.ports.destinations[0].source = "2001:db8:1111:2222:3333:4444:5555:6666".to_owned();
        doctor.ports.destinations[0].states =
            <TcpState as crate::record::Named>::ALL.iter().map(|state| (*state, 12_345)).collect();
        for width in [80, 100, 120] {
            let text = doctor_terminal(&doctor, Style::new(false, width));
            let widest = text.lines().map(text::columns).max().unwrap();
            assert!(widest <= width, "{widest} columns in {width}:\n{text}");
            assert!(!text.contains('\u{1b}'));
        }
    }

    /// Three rows once stood there that differed in what was cut off.
    #[test]
    fn the_port_of_a_destination_is_never_lost() {
        let mut doctor = fixture::leaking();
        doctor.ports.usable = 28_232;
        doctor.ports.destinations = (33_017..33_020)
            .map(|port| Destination {
                source: "127.0.0.1".to_owned(),
                remote: format!("127.0.0.1:{port}"),
                used: 12_345,
                states: BTreeMap::from([(TcpState::CloseWait, 12_345)]),
            })
            .collect();
        for style in [Style::PLAIN, Style::new(false, 80)] {
            let text = doctor_terminal(&doctor, style);
            for port in 33_017..33_020 {
                assert!(text.contains(&port.to_string()), "{text}");
            }
        }
        let whole = doctor_terminal(&doctor, Style::PLAIN);
        assert!(whole.contains("127.0.0.1 to 127.0.0.1:33017  12,345 of 28,232"), "{whole}");
        let words = whole.split_whitespace().collect::<Vec<_>>().join(" ");
        let why = "each destination has the 28,232 ports to itself: the wall `ports` counts those from 10.0.0.1 to 10.0.0.2:1433 alone";
        assert!(words.contains(why), "{whole}");
    }

    #[test]
    fn what_is_not_readable_reads_as_a_sentence() {
        let mut doctor = fixture::leaking();
        doctor.process.as_mut().unwrap().descriptors = None;
        let text = doctor_terminal(&doctor, Style::new(false, 120));
        assert!(text.contains("its descriptors are not readable without root, soft limit 110"), "{text}");
    }

    #[test]
    fn the_last_line_says_what_is_near_and_what_comes_first() {
        assert_eq!(
            verdict(&fixture::leaking()),
            "FAILED: ports and descriptors are near their walls; a leak of 10/s meets ports first, in 1s"
        );
        let mut soon = fixture::leaking();
        soon.leak.rate_per_s = 1_000_000.0;
        soon.leak.walls.iter_mut().for_each(|wall| wall.after_s = Some(0.02));
        assert!(verdict(&soon).ends_with("; a leak of 1000000/s meets ports first, at once"), "{}", verdict(&soon));
        assert!(
            verdict(&fixture::idle()).starts_with("PASSED: nothing is near its wall; a leak of 10/s meets ports first")
        );
    }
}
