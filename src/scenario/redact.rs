//! Blots out a password that somebody wrote into a scenario, before any of its lines is shown.
//!
//! A scan of the text and not of the parsed table: the line must also be safe when it is the syntax error itself.

/// The words that a key with a secret begins or ends with.
const SECRETS: [&str; 3] = ["password", "passwd", "pwd"];

/// The text with everything after `password =` replaced by stars up to the line's end, byte for byte, so that spans keep
/// their meaning. `password_file` stays, and so does a `password_env` that names a variable.
pub(super) fn redacted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match secret(line) {
            Some(from) => {
                shown.push_str(&line[..from]);
                shown.extend(
                    line[from..].bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { byte } else { b'*' } as char),
                );
            }
            None => shown.push_str(line),
        }
    }
    shown
}

/// Where on this line a secret begins.
fn secret(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    SECRETS
        .iter()
        .flat_map(|word| lower.match_indices(word).map(|(at, word)| at + word.len()))
        .filter_map(|after| {
            let rest = &line[after..];
            let (suffix, value) = rest.split_once('=')?;
            let from = line.len() - value.len();
            match suffix.trim().trim_end_matches(['"', '\'']) {
                "" => Some(from),
                "_env" if !names_a_variable(value) => Some(from),
                _ => None,
            }
        })
        .min()
}

/// Whether a value, in quotes, could be the name of an environment variable.
fn names_a_variable(value: &str) -> bool {
    let value = value.trim_start();
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return false };
    value[1..].split_once(quote).is_some_and(|(name, _)| is_variable(name))
}

/// Whether a text is a usual name of an environment variable.
pub(super) fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blots_out_what_follows_a_password_key() {
        for text in [
            "password = \"hunter2\"\nname = 1",
            "Password=hunter2\r\nname = 1",
            "\"password\" = 'hunter2'\nname = 1",
            "target = { user = \"x\", password = \"hunter2\" }\nname = 1",
            "pwd = \"hünter2 hunter2\"\nname = 1",
            "password_env = \"hunter2!\"\nname = 1",
        ] {
            let shown = redacted(text);
            assert!(!shown.contains("unter2"), "{shown}");
            assert_eq!(shown.len(), text.len(), "spans keep their meaning");
            assert!(shown.ends_with("\nname = 1"), "{shown}");
        }
    }

    #[test]
    fn leaves_names_and_files_alone() {
        for text in ["password_env = \"DB_PASSWORD\"", "password_file = \"/run/secrets/db\"", "user = \"pwd\"", "a = 1"]
        {
            assert_eq!(redacted(text), text);
        }
    }
}
