//! `closewait scenarios`: what ships with it.

use std::fmt::Write as _;

use super::Exit;
use super::args::ScenariosArgs;
use super::failure::Failure;
use super::outputs::print;
use crate::scenario;

pub(super) fn scenarios(args: &ScenariosArgs) -> Result<Exit, Failure> {
    let text = match &args.name {
        Some(name) => find(name)?.text.to_owned(),
        None => list(),
    };
    print(&text)?;
    Ok(Exit::Passed)
}

/// How much alike two names must be (Jaro-Winkler) for one to be a slip of the other.
const ALIKE: f64 = 0.8;

/// The shipped scenario of that name; the nearest ones, if there is none.
pub(super) fn find(name: &str) -> Result<&'static scenario::Shipped, Failure> {
    scenario::find(name).ok_or_else(|| {
        let likeness = |shipped: &scenario::Shipped| strsim::jaro_winkler(shipped.name, name);
        let nearest = scenario::shipped().iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = match nearest.filter(|shipped| likeness(shipped) > ALIKE) {
            Some(shipped) => format!("did you mean `{}`? closewait scenarios lists them", shipped.name),
            None => format!(
                "closewait scenarios lists those that ship with it; a file needs its whole name, such as {name}.toml"
            ),
        };
        Failure::usage(anyhow::anyhow!("find the scenario `{name}`: no file and no shipped scenario has that name"))
            .hint(hint)
    })
}

fn list() -> String {
    let mut text = String::new();
    for shipped in scenario::shipped() {
        let _ = writeln!(text, "{}", shipped.name);
        for line in shipped.about {
            let _ = writeln!(text, "    {line}");
        }
    }
    text.push_str("\nPlay one: closewait run NAME. Start your own from one: closewait scenarios NAME > mine.toml\n");
    text
}
