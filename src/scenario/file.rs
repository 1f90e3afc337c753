//! A scenario from a file, or from the name of one that ships with the program.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::nearest::nearest;
use super::problem::{Errors, Problem, Source};
use super::read::{MOST_BYTES, too_large};
use super::{Scenario, Spec, shipped};

/// Reads and checks the scenario of a file.
///
/// # Errors
/// When it cannot be read, and everything that is wrong with it.
pub fn read(path: impl AsRef<Path>) -> Result<Scenario, Errors> {
    read_spec(path)?.resolve()
}

/// Reads the scenario of a file, still open to changes.
///
/// # Errors
/// When it cannot be read, is larger than 1 MiB, or is no scenario.
pub fn read_spec(path: impl AsRef<Path>) -> Result<Spec, Errors> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let text =
        text(path).map_err(|problem| Errors::new(Source { name: name.clone(), text: String::new() }, vec![problem]))?;
    Spec::parse(&name, &text)
}

fn text(path: &Path) -> Result<String, Problem> {
    let unreadable = |error: std::io::Error| {
        let problem = Problem::new(None, format!("failed to read the scenario: {error}"));
        match hint(path, &error) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    };
    let mut bytes = Vec::new();
    // One byte more than is taken: what is larger is told apart without being read.
    let most = u64::try_from(MOST_BYTES).map_or(u64::MAX, |most| most + 1);
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() > MOST_BYTES {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        Problem::new(None, format!("the scenario is not UTF-8: byte {at}, on line {line}, begins no character"))
            .hint("save it as UTF-8")
    })
}

fn hint(path: &Path, error: &std::io::Error) -> Option<String> {
    match error.kind() {
        std::io::ErrorKind::IsADirectory => Some("name a file in it, such as scenario.toml".to_owned()),
        std::io::ErrorKind::NotFound => {
            let stem = path.file_stem()?.to_str()?;
            let meant = nearest(stem, shipped().iter().map(|shipped| shipped.name))?;
            Some(format!("`{meant}` ships with closewait and needs no file: closewait run {meant}"))
        }
        _ => None,
    }
}
