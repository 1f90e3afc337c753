//! The coverage table: what of TDS is spoken, refused properly, or not spoken. Every row that says more than "not
//! spoken" has a proof, a decoder run over bytes, and the page is written from the rows.

mod messages;
mod tokens;

use std::fmt::Write as _;

use super::{Asked, Feature, TdsVersion, Token};

/// One thing of the protocol.
struct Row {
    code: &'static str,
    name: &'static str,
    standing: Standing,
    note: &'static str,
}

enum Standing {
    Spoken(fn() -> bool),
    Refused(fn() -> bool),
    NotSpoken,
}

fn spoken(code: &'static str, name: &'static str, note: &'static str, proof: fn() -> bool) -> Row {
    Row { code, name, standing: Standing::Spoken(proof), note }
}

fn refused(code: &'static str, name: &'static str, note: &'static str, proof: fn() -> bool) -> Row {
    Row { code, name, standing: Standing::Refused(proof), note }
}

fn not_spoken(code: &'static str, name: &'static str, note: &'static str) -> Row {
    Row { code, name, standing: Standing::NotSpoken, note }
}

struct Section {
    title: &'static str,
    rows: Vec<Row>,
}

fn sections() -> Vec<Section> {
    let mut sections = messages::sections();
    sections.extend(tokens::sections());
    sections
}

fn page() -> String {
    let mut page = String::from(
        "# What of TDS is spoken\n\n`spoken`: read and answered as SQL Server 2022 does, as far as a session without \
         tables goes. `refused properly`:\nread, and refused with SQL Server's error. `not spoken`: never sent, and \
         where a client sends it, the note says what it meets.\n",
    );
    for section in sections() {
        let _ = write!(page, "\n## {}\n\n| code | name | standing | note |\n|---|---|---|---|\n", section.title);
        for row in section.rows {
            let standing = match row.standing {
                Standing::Spoken(_) => "spoken",
                Standing::Refused(_) => "refused properly",
                Standing::NotSpoken => "not spoken",
            };
            let _ = writeln!(page, "| {} | {} | {standing} | {} |", row.code, row.name, row.note);
        }
    }
    page
}

fn codes(title: &str, is: impl Fn(&Standing) -> bool) -> Vec<u8> {
    let sections = sections();
    let rows = sections.iter().filter(|section| section.title == title).flat_map(|section| &section.rows);
    rows.filter(|row| is(&row.standing))
        .map(|row| u8::from_str_radix(row.code.trim_start_matches("0x"), 16).unwrap())
        .collect()
}

#[test]
fn is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tds/COVERAGE.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(committed, page(), "{path} is stale; renew it: UPDATE=1 cargo test --lib tds::coverage");
}

#[test]
fn every_row_is_true() {
    for section in sections() {
        for row in section.rows {
            if let Standing::Spoken(proof) | Standing::Refused(proof) = row.standing {
                assert!(proof(), "{}: {} {}", section.title, row.code, row.name);
            }
        }
    }
}

#[test]
fn no_token_is_missing() {
    let listed = codes("Tokens", |standing| matches!(standing, Standing::Spoken(_)));
    for byte in 0..=u8::MAX {
        let known =
            !matches!(Token::decode_all(&[byte], TdsVersion::V7_4), Err(super::Error::Unknown { what: "token", .. }));
        assert_eq!(known, listed.contains(&byte), "{byte:#04x}");
    }
}

#[test]
fn no_feature_is_missing() {
    let listed = codes("Feature extensions", |standing| !matches!(standing, Standing::NotSpoken));
    let answered = codes("Feature extensions", |standing| matches!(standing, Standing::Spoken(_)));
    for id in 0..u8::MAX {
        let data = [Vec::new(), vec![1], vec![5, 1]];
        let mut asked = data.into_iter().filter_map(|data| Feature { id, data }.asked().ok());
        let known = !asked.all(|asked| matches!(asked, Asked::Unknown(_)));
        let is_azures = [5, 8, 0x0B].contains(&id);
        assert_eq!(known, listed.contains(&id) || is_azures, "{id:#04x}");
        let acknowledged = [vec![], vec![1]].into_iter().any(|data| Feature { id, data }.acknowledged().is_some());
        assert_eq!(acknowledged, answered.contains(&id), "{id:#04x}");
    }
}

#[test]
fn no_version_is_missing() {
    let sections = sections();
    let rows = &sections[0].rows;
    for (_, login, _) in TdsVersion::TABLE {
        assert!(rows.iter().any(|row| row.code == format!("{login:#010x}")), "{login:#010x}");
    }
}
