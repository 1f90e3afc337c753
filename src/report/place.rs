//! Where results go: a directory of their own, and file names that no arm's name can turn into something else.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::ReportError;

/// A directory that is there and empty; made where it is not there.
pub(super) fn empty(path: PathBuf) -> Result<PathBuf, ReportError> {
    fs::create_dir_all(&path).map_err(ReportError::create(&path))?;
    let mut entries = fs::read_dir(&path).map_err(ReportError::create(&path))?;
    if entries.next().is_some() {
        return Err(ReportError::NotEmpty { path });
    }
    Ok(path)
}

/// A directory that was not there before: two runs may begin within the same second.
pub(super) fn fresh(path: &Path) -> Result<PathBuf, ReportError> {
    const TRIES: u32 = 100;
    if let Some(home) = path.parent() {
        fs::create_dir_all(home).map_err(ReportError::create(home))?;
    }
    let mut tried = path.to_owned();
    for n in 2..TRIES {
        match fs::create_dir(&tried) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                tried = PathBuf::from(format!("{}-{n}", path.display()));
            }
            made => return made.map(|()| tried.clone()).map_err(ReportError::create(&tried)),
        }
    }
    Err(ReportError::NotEmpty { path: path.to_owned() })
}

/// `name` as the name of a file: letters, digits, `-`, `_` and dots that do not lead; never empty, never long.
pub(super) fn file_name(name: &str) -> String {
    const LONGEST: usize = 100;
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = name.chars().take(LONGEST).map(safe).collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused() {
        let place = tempfile::tempdir().unwrap();
        assert!(empty(place.path().join("new/below")).unwrap().is_dir());
        fs::write(place.path().join("mine"), "").unwrap();
        let error = empty(place.path().to_owned()).unwrap_err();
        assert!(matches!(error, ReportError::NotEmpty { .. }) && error.hint().is_some());
        let error = empty(place.path().join("mine/below")).unwrap_err();
        assert!(error.hint().unwrap().contains("--out"), "{error}");
    }

    #[test]
    fn two_runs_within_a_second_get_a_directory_each() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("home/20260102-login-failure");
        assert_eq!(fresh(&path).unwrap(), path);
        assert_eq!(fresh(&path).unwrap(), place.path().join("home/20260102-login-failure-2"));
    }

    #[test]
    fn names_become_harmless_file_names() {
        for (name, file) in [("leaky", "leaky"), ("../etc/x", "_._etc_x"), ("", "_"), ("a b/ü", "a_b__"), (".", "_")] {
            assert_eq!(file_name(name), file, "{name}");
        }
        assert_eq!(file_name(&"x".repeat(300)).len(), 100);
    }
}
