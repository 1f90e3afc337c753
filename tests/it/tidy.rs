//! Holds the house to its own rules, read from the source: the rooms' imports, file lengths, and where `unsafe` stands.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, top to bottom, and what each may import. `lib.rs` shows the same map to readers.
const ROOMS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("record", &["units"]),
    ("tds", &[]),
    ("wire", &["tds", "record", "units"]),
    ("fault", &["wire", "tds", "record", "units"]),
    ("server", &["fault", "wire", "tds", "record", "units"]),
    ("client", &["wire", "tds", "record", "units"]),
    ("load", &["client", "record", "units"]),
    ("sample", &["record", "units"]),
    ("capture", &["record", "units"]),
    ("sandbox", &["units"]),
    ("host", &["sandbox", "record", "units"]),
    ("verdict", &["record", "units"]),
    (
        "scenario",
        &["verdict", "sandbox", "sample", "load", "client", "server", "fault", "wire", "tds", "record", "units"],
    ),
    (
        "run",
        &[
            "scenario", "verdict", "host", "sandbox", "sample", "capture", "load", "client", "server", "fault", "wire",
            "tds", "record", "units",
        ],
    ),
    ("check", &["run", "host", "sandbox", "sample", "capture", "server", "fault", "wire", "record", "units"]),
    ("doctor", &["sample", "sandbox", "verdict", "record", "units"]),
    (
        "trace",
        &["run", "host", "sandbox", "sample", "capture", "client", "server", "fault", "wire", "tds", "record", "units"],
    ),
    ("report", &["record", "verdict", "units"]),
    ("watch", &["record", "sample", "verdict", "units"]),
    (
        "cli",
        &[
            "watch", "report", "doctor", "check", "trace", "run", "scenario", "verdict", "host", "sandbox", "server",
            "fault", "client", "load", "record", "units",
        ],
    ),
];

/// Rooms that speak with the kernel where no crate has a safe call, and the namespaces that their tests stand in.
const MAY_BE_UNSAFE: &[&str] = &["sample", "capture", "sandbox", "client", "load", "host", "testbed"];

/// No file of `src/` is longer.
const MOST_LINES: usize = 400;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    found
}

fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let mut parts = inside.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().map(|_| first)
}

/// Every `crate::name` of a text that is a room, `use` or not.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let braces = part.strip_prefix('{').map(|rest| rest.split('}').next().unwrap_or(rest));
            let names: Vec<&str> = braces.map_or_else(|| vec![part], |list| list.split(',').collect());
            for name in names {
                let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if ROOMS.iter().any(|(room, _)| *room == name) {
                    found.push(name);
                }
            }
        }
    }
    found
}

#[test]
fn rooms_import_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(room) = room(&path) else { continue };
        let Some(may) = allowed.get(room.as_str()) else {
            wrong.push(format!("{}: `{room}` is no room of the map", path.display()));
            continue;
        };
        for import in imports(&text) {
            if import != room && !may.contains(&import.as_str()) {
                wrong.push(format!("{}: `{room}` may not import `{import}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_in_lib_names_every_room() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for (room, _) in ROOMS {
        assert!(map.contains(&format!("| [`{room}`]")), "lib.rs does not show `{room}`");
        assert!(map.contains(&format!("pub mod {room};")), "lib.rs does not declare `{room}`");
    }
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn unsafe_stands_in_its_rooms_and_says_why() {
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !code.contains("unsafe {") {
                continue;
            }
            let room = room(&path).unwrap_or_else(|| path.file_stem().unwrap().to_str().unwrap().to_owned());
            assert!(MAY_BE_UNSAFE.contains(&room.as_str()), "{}:{}: unsafe in `{room}`", path.display(), at + 1);
            let near = lines[at.saturating_sub(6)..=at].iter().any(|line| line.contains("SAFETY"));
            assert!(near, "{}:{}: unsafe without a SAFETY note", path.display(), at + 1);
        }
    }
}

#[test]
fn main_stays_small_and_nothing_is_left_open() {
    let main = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(main.lines().count() < 20);
    for (path, text) in sources() {
        for mark in ["todo!(", "unimplemented!(", "TODO", "FIXME", "dbg!("] {
            assert!(!text.contains(mark), "{}: {mark}", path.display());
        }
        if path.ends_with("mod.rs") {
            let glob = text.lines().any(|line| line.trim_start().starts_with("pub use") && line.contains("::*"));
            assert!(!glob, "{}: a room re-exports by name", path.display());
        }
    }
}
