//! Where a document may go: into a directory that is there, and over nothing but an earlier document of its own kind.
//!
//! `run --html mine.toml` takes the scenario for the file to write. What is there is looked into, so that only a document
//! that this program wrote before is replaced. The choice not taken: an option that forces it, where `rm` does.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// By its first bytes a document is known.
const HEAD: u64 = 4096;

/// What is written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Junit,
    Markdown,
    Html,
    Capture,
    Certificate,
}

impl Kind {
    const fn option(self) -> &'static str {
        match self {
            Self::Json => "--json",
            Self::Junit => "--junit",
            Self::Markdown => "--markdown",
            Self::Html => "--html",
            Self::Capture => "--pcapng",
            Self::Certificate => "--write-certificate",
        }
    }

    /// What it is called.
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON document",
            Self::Junit => "JUnit document",
            Self::Markdown => "Markdown document",
            Self::Html => "HTML report",
            Self::Capture => "capture",
            Self::Certificate => "certificate",
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Json => "result.json",
            Self::Junit => "junit.xml",
            Self::Markdown => "result.md",
            Self::Html => "report.html",
            Self::Capture => "trace.pcapng",
            Self::Certificate => "ca.pem",
        }
    }

    /// Whether a file that begins like this is an earlier one; a certificate says nowhere who made it.
    fn wrote(self, head: &[u8]) -> bool {
        let has = |text: &str| head.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        match self {
            Self::Json => head.trim_ascii_start().starts_with(b"{") && has("\"closewait."),
            Self::Junit => has("<testsuites name=\"closewait\""),
            Self::Markdown => head.starts_with(b"## closewait"),
            Self::Html => has("<meta name=\"generator\" content=\"closewait "),
            // The Section Header Block's type, and the application that it names.
            Self::Capture => head.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) && has("closewait "),
            Self::Certificate => head.starts_with(b"-----BEGIN CERTIFICATE-----") && !has("PRIVATE KEY-----"),
        }
    }

    /// Refuses a place that a document of this kind cannot or must not go to. Nothing is made yet, since a run that is
    /// refused leaves nothing behind; a device and a pipe may be written to.
    fn may_go_to(self, path: &Path) -> Result<(), Failure> {
        if path == Path::new("-") {
            return if matches!(self, Self::Capture | Self::Certificate) {
                Err(Failure::usage(anyhow::anyhow!("write the {} to stdout: only results go there", self.name()))
                    .hint(format!("{} {}", self.option(), self.example())))
            } else {
                Ok(())
            };
        }
        if path.is_dir() {
            let hint = if self == Self::Html {
                "name the result directories first, --html last: closewait report DIR --html".to_owned()
            } else {
                format!("name a file in it: {} {}", self.option(), path.join(self.example()).display())
            };
            return Err(self.refusal(path, "it is a directory").hint(hint));
        }
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !dir.is_dir() {
            return Err(self
                .refusal(path, &format!("there is no directory {}", dir.display()))
                .hint(format!("make it first: mkdir -p {}", dir.display())));
        }
        if !path.is_file() {
            return Ok(());
        }
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            return Err(self.refusal(path, "it is there, and TOML").hint(self.scenario_first(path)));
        }
        let mut head = Vec::new();
        let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
        if read.is_ok() && (head.is_empty() || self.wrote(&head)) {
            return Ok(());
        }
        let why = format!("it is there, and no {} that closewait wrote", self.name());
        Err(self
            .refusal(path, &why)
            .hint(format!("name another file, or remove this one first: rm {}", path.display())))
    }

    fn refusal(self, path: &Path, why: &str) -> Failure {
        Failure::usage(anyhow::anyhow!("write the {} to {}: {why}", self.name(), path.display()))
    }

    /// The word behind such an option is its file.
    fn scenario_first(self, path: &Path) -> String {
        let (option, path) = (self.option(), path.display());
        if self == Self::Html {
            format!("name the scenario first, {option} last: closewait run {path} {option}")
        } else {
            format!("the word behind {option} is the file to write: closewait run {path} {option} {}", self.example())
        }
    }
}

/// Refuses places that the documents of one command cannot or must not go to: each for itself, and two of them in one.
pub(super) fn may_go<'a>(documents: impl IntoIterator<Item = (Kind, &'a Path)>) -> Result<(), Failure> {
    let mut taken: Vec<(Kind, Place)> = Vec::new();
    for (kind, path) in documents {
        kind.may_go_to(path)?;
        let Some(place) = place(path) else { continue };
        if let Some((first, _)) = taken.iter().find(|(_, earlier)| *earlier == place) {
            let where_to = if path == Path::new("-") { "stdout".into() } else { path.display().to_string() };
            let (one, two) = (first.option(), kind.option());
            return Err(Failure::usage(anyhow::anyhow!("write two documents to {where_to}")).hint(format!(
                "a place for each: {one} {} {two} {}",
                path.display(),
                kind.example()
            )));
        }
        taken.push((kind, place));
    }
    Ok(())
}

/// What two names of one place have in common.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// What is there, by its device and inode.
    There(u64, u64),
    /// What will be made.
    New(PathBuf),
}

/// None of a device: it holds nothing, so that it may be the place of several.
fn place(path: &Path) -> Option<Place> {
    let stdout = path == Path::new("-");
    match std::fs::metadata(if stdout { Path::new("/proc/self/fd/1") } else { path }) {
        Ok(it) if it.file_type().is_char_device() && !stdout => None,
        Ok(it) => Some(Place::There(it.dev(), it.ino())),
        Err(_) => {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let new = || Some(dir.canonicalize().ok()?.join(path.file_name()?));
            Some(Place::New(new().unwrap_or_else(|| path.to_owned())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::Exit;

    const ALL: [Kind; 6] = [Kind::Json, Kind::Junit, Kind::Markdown, Kind::Html, Kind::Capture, Kind::Certificate];

    #[test]
    fn what_this_program_did_not_write_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let there = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let own = [
            there("scenario.toml", "[[arm]]\nname = \"a\"\n"),
            // An earlier output under this name is still the name of a scenario.
            there("page.TOML", "<meta name=\"generator\" content=\"closewait 0.1.0\">"),
            there("package.json", "{\"name\": \"closewait\"}"),
            there("junit.xml", "<testsuites name=\"mine\">"),
            there("README.md", "# Mine\n\n## closewait\n"),
            there("index.html", "<!DOCTYPE html><title>mine</title>"),
            there("dump.pcapng", "\n\r\r\nDumpcap"),
            there("key.pem", "-----BEGIN PRIVATE KEY-----\n"),
            there("both.pem", "-----BEGIN CERTIFICATE-----\nx\n-----BEGIN PRIVATE KEY-----\n"),
        ];
        for (path, kind) in own.iter().flat_map(|path| ALL.map(|kind| (path, kind))) {
            let failure = kind.may_go_to(path).unwrap_err();
            let told = failure.to_string();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(told.contains("hint: ") && told.contains(&path.display().to_string()), "{kind:?}: {told}");
        }
    }

    #[test]
    fn an_earlier_output_of_its_own_kind_is_replaced_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let heads = [
            "{\n  \"schema\": \"closewait.summary/1\",\n",
            "<?xml version=\"1.0\"?>\n<testsuites name=\"closewait\" tests=\"1\">",
            "## closewait check: app\n",
            "<!DOCTYPE html><html><head><meta name=\"generator\" content=\"closewait 0.1.0\">",
            "\n\r\r\n\u{0}closewait 0.1.0 trace",
            "-----BEGIN CERTIFICATE-----\n",
        ];
        let path = dir.path().join("out");
        for (written, head) in ALL.iter().zip(heads) {
            fs::write(&path, head).unwrap();
            for kind in ALL {
                assert_eq!(kind.may_go_to(&path).is_ok(), kind == *written, "{kind:?} over {written:?}");
            }
        }
        fs::write(&path, "").unwrap();
        for kind in ALL {
            for free in [&path, &dir.path().join("new"), Path::new("/dev/null")] {
                assert!(kind.may_go_to(free).is_ok(), "{kind:?} to {}", free.display());
            }
            let is_result = !matches!(kind, Kind::Capture | Kind::Certificate);
            assert_eq!(kind.may_go_to(Path::new("-")).is_ok(), is_result, "{kind:?} to stdout");
            for (never, hint) in [(dir.path().to_owned(), "name"), (dir.path().join("no/file"), "mkdir -p")] {
                assert!(kind.may_go_to(&never).unwrap_err().to_string().contains(hint), "{kind:?}");
            }
        }
    }

    #[test]
    fn no_two_documents_go_to_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let (new, old) = (dir.path().join("new"), dir.path().join("old"));
        fs::write(&old, "").unwrap();
        std::os::unix::fs::symlink(&old, dir.path().join("link")).unwrap();
        let go = |one: &Path, two: &Path| may_go([(Kind::Json, one), (Kind::Junit, two)]);
        let other_name = dir.path().join("../").join(dir.path().file_name().unwrap()).join("new");
        for (one, two) in [
            (new.as_path(), new.as_path()),
            (&new, &other_name),
            (&old, &dir.path().join("link")),
            (Path::new("-"), Path::new("-")),
            (Path::new("new.xml"), Path::new("./new.xml")),
        ] {
            let failure = go(one, two).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.to_string().contains("--junit junit.xml"), "{failure}");
        }
        assert!(go(&new, &old).is_ok() && go(Path::new("-"), &new).is_ok());
        let stdout = Path::new("/proc/self/fd/1");
        let is_device = fs::metadata(stdout).unwrap().file_type().is_char_device();
        assert_eq!(go(Path::new("-"), stdout).is_ok(), is_device, "another name of stdout, where it keeps anything");
        assert!(go(Path::new("/dev/null"), Path::new("/dev/null")).is_ok());
    }
}
