//! `closewait schema`: the JSON Schema of each document.

use super::Exit;
use super::args::SchemaArgs;
use super::failure::Failure;
use super::outputs::print;

/// The documents that have a schema.
pub(super) const NAMES: [&str; 9] =
    ["summary", "check", "comparison", "doctor", "trace", "scenario", "events", "serve", "watch"];

pub(super) fn schema(args: &SchemaArgs) -> Result<Exit, Failure> {
    let schema = match args.document.as_str() {
        "scenario" => crate::scenario::schema(),
        "serve" => crate::server::schema(),
        "watch" => crate::watch::schema(),
        name => crate::report::schema(name).expect("clap lets no other name through"),
    };
    print(&format!("{schema:#}\n"))?;
    Ok(Exit::Passed)
}
