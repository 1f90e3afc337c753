//! The filter that is typed: words that must all hold.
//!
//! `:1433` is a port of either end, `pid:7` a process, `close_wait` or the beginning of another state's name that state;
//! any other word is part of an address or of a command. The choice not taken: a language with operators, which nobody
//! remembers while something burns.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::{Holder, Model, Row};
use crate::record::{Named as _, TcpState};

/// A typed filter, made ready for one model.
pub(super) struct Filter {
    words: Vec<Word>,
    /// For addresses as text.
    text: String,
}

enum Word {
    Port(u16),
    Process(u32),
    State(Vec<TcpState>),
    Text {
        word: String,
        /// Whose command holds it.
        processes: BTreeSet<u32>,
    },
}

impl Filter {
    pub(super) fn new(typed: &str, model: &Model) -> Self {
        Self { words: typed.split_whitespace().map(|word| Word::new(word, model)).collect(), text: String::new() }
    }

    pub(super) fn row(&mut self, row: &Row) -> bool {
        let Self { words, text } = self;
        words.iter().all(|word| match word {
            Word::Port(port) => row.entry.local.port() == *port || row.entry.remote.port() == *port,
            Word::Process(pid) => row.holder == Holder::Process(*pid),
            Word::State(states) => states.contains(&row.entry.state),
            Word::Text { word, processes } => {
                text.clear();
                let _ = write!(text, "{} {}", row.entry.local, row.entry.remote);
                text.contains(word) || matches!(row.holder, Holder::Process(pid) if processes.contains(&pid))
            }
        })
    }
}

impl Word {
    fn new(typed: &str, model: &Model) -> Self {
        let word = typed.to_lowercase();
        if let Some(port) = word.strip_prefix(':').and_then(|port| port.parse().ok()) {
            return Self::Port(port);
        }
        if let Some(pid) = word.strip_prefix("pid:").and_then(|pid| pid.parse().ok()) {
            return Self::Process(pid);
        }
        let name = word.replace('-', "_");
        let states: Vec<TcpState> = TcpState::ALL.iter().copied().filter(|it| it.name().starts_with(&name)).collect();
        // Two letters may begin an address or a command as well.
        if name.len() >= 3 && !states.is_empty() {
            // `close` is where `close_wait` begins, and what nobody looks for here: no table has it.
            return Self::State(states);
        }
        let holds = |text: &str| text.to_lowercase().contains(&word);
        let processes = model.processes.values().filter(|owner| holds(&owner.command) || holds(&owner.name));
        let processes = processes.map(|owner| owner.pid).collect();
        Self::Text { word, processes }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::leaking;
    use super::*;

    #[test]
    fn every_word_must_hold() {
        let model = leaking();
        let count = |typed: &str| {
            let mut filter = Filter::new(typed, &model);
            model.rows.iter().filter(|row| filter.row(row)).count()
        };
        let all = model.rows.len();
        let of = |wanted: &dyn Fn(&Row) -> bool| model.rows.iter().filter(|row| wanted(row)).count();
        let waiting = of(&|row| row.entry.state == TcpState::CloseWait);
        assert_eq!((count(""), count("close_wait"), count("CLOSE-WAIT")), (all, waiting, waiting));
        let of_python = of(&|row| row.holder == Holder::Process(4242));
        assert!(of_python > 0 && of_python < all);
        assert_eq!((count("pid:4242"), count("PYTHON"), count("pid:1")), (of_python, of_python, 0));
        assert_eq!(count("listen"), of(&|row| row.entry.state == TcpState::Listen));
        let port = of(&|row| row.entry.local.port() == 1433 || row.entry.remote.port() == 1433);
        assert_eq!((count(":1433"), count(":1433 close_wait python")), (port, of_python));
        assert_eq!(
            (count("10.0.0.9"), count("no such thing")),
            (of(&|row| row.entry.remote.ip().to_string() == "10.0.0.9"), 0)
        );
    }
}
