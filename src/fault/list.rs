//! Every fault as a reader should know it: what `closewait serve --list-faults` prints.

use super::definition::Phase;
use super::{Fault, LoginError, Take};

/// One fault for readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Where it strikes.
    pub phase: Phase,
    /// What happens on the wire.
    pub wire: String,
    /// Which real incident it stands for.
    pub incident: &'static str,
    /// How a correct client ends.
    pub client: &'static str,
    /// The parameters that it takes, each as it may be written, or with its default.
    pub parameters: Vec<String>,
    /// Whether the login is never over under it, unless a time is given.
    pub never_over: bool,
}

/// Every fault, phase by phase.
#[must_use]
pub fn list() -> Vec<Entry> {
    Fault::all().map(entry).collect()
}

fn entry(fault: Fault) -> Entry {
    let (name, wire, incident, client) = match fault.definition() {
        Ok(it) => (it.name, it.wire.to_owned(), it.incident, it.client),
        Err(error) => {
            let masked = error.number == LoginError::LOGIN_FAILED;
            let state = match masked {
                true => format!("1, which is all that the client sees ({} in the error log)", error.state),
                false => error.state.to_string(),
            };
            let more = if masked {
                let states: Vec<String> = LoginError::STATES.iter().map(u8::to_string).collect();
                format!(" {}-state-N has another true state: {}.", error.name, states.join(", "))
            } else {
                String::new()
            };
            let wire =
                format!("one answer of ERROR and DONE; class {}, state {state}: {}{more}", error.class, error.template);
            (error.name, wire, error.incident, error.client())
        }
    };
    let shown = |take: &Take| if take.default.is_some() { format!("{take} (the default)") } else { take.to_string() };
    let parameters = fault.takes().iter().map(shown).collect();
    Entry { name, phase: fault.phase(), wire, incident, client, parameters, never_over: fault.never_over() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_says_something_in_one_style() {
        for entry in list() {
            for text in [entry.wire.as_str(), entry.incident, entry.client] {
                assert!(
                    text.len() > 15 && !text.contains("  ") || entry.name.starts_with("login-18"),
                    "{}: {text}",
                    entry.name
                );
                assert!(text == text.trim() && !text.contains('\n'), "{}: {text}", entry.name);
            }
            assert!(!entry.incident.ends_with('.') && !entry.client.ends_with('.'), "{}", entry.name);
        }
    }

    #[test]
    fn every_name_stands_once_and_its_phases_in_order() {
        let list = list();
        for (at, entry) in list.iter().enumerate() {
            assert!(list[..at].iter().all(|other| other.name != entry.name), "{}", entry.name);
        }
        assert!(list.is_sorted_by_key(|entry| entry.phase));
    }

    #[test]
    fn a_refusal_shows_its_text_class_and_states() {
        let list = list();
        let wire = |name| &list.iter().find(|entry| entry.name == name).unwrap().wire;
        assert!(wire("login-4060").contains("class 11, state 1: Cannot open database \"{database}\""));
        assert!(wire("login-18456").contains("login-18456-state-N has another true state: 1, 2, 5"));
    }
}
