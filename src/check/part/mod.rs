//! The inside of a check's part: plays its role until the conductor says `End`, or is gone.

mod awaited;
mod elsewhere;
mod keeper;
mod lookout;
mod server;

use super::role::{PREFIX, Role, Script};
use crate::host::{self, Inside};
use crate::run::Diagnostics;

/// Whether a part is one of a check.
#[must_use]
pub fn is_mine(inside: &Inside) -> bool {
    inside.name().starts_with(PREFIX)
}

/// Plays this process's part of a check; its exit code. `diagnose` starts what the part says on stderr.
///
/// Must be called before any thread is started: a part that runs a command makes namespaces.
#[must_use]
pub fn part(inside: Inside, diagnose: impl FnOnce(&Diagnostics)) -> i32 {
    let who = format!("the part {}", inside.name());
    host::ended(&who, play(inside, diagnose))
}

fn play(inside: Inside, diagnose: impl FnOnce(&Diagnostics)) -> Result<(), String> {
    let script: Script = inside.role().map_err(|error| error.to_string())?;
    diagnose(&script.diagnostics);
    match script.role {
        Role::Server { addresses, listen, config } => server::serve(inside, &addresses, &listen, &config),
        Role::Lookout { servers, alone } => lookout::watch(inside, servers, alone),
        Role::Keeper { enclosure, errand, addresses } => keeper::keep(inside, &enclosure, &errand, &addresses),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
