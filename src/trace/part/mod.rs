//! The inside of a trace's part: plays its role until the conductor is gone, or kills it.

mod client;
mod lookout;
mod server;

use super::role::{PREFIX, Role, Script, Word};
use crate::host::{self, Inside, Sender, part_in_runtime};
use crate::run::Diagnostics;

/// Whether a part is one of a trace.
#[must_use]
pub fn is_mine(inside: &Inside) -> bool {
    inside.name().starts_with(PREFIX)
}

/// Plays this process's part of a trace; its exit code. `diagnose` starts what the part says on stderr.
///
/// Must be called before any thread is started.
#[must_use]
pub fn part(inside: Inside, diagnose: impl FnOnce(&Diagnostics)) -> i32 {
    let who = format!("the part {}", inside.name());
    host::ended(&who, play(inside, diagnose))
}

fn play(inside: Inside, diagnose: impl FnOnce(&Diagnostics)) -> Result<(), String> {
    let script: Script = inside.role().map_err(text)?;
    diagnose(&script.diagnostics);
    match script.role {
        Role::Server { listen, avoid, config } => part_in_runtime(server::serve(inside, listen, avoid, *config)),
        Role::Lookout { server, server_namespace } => lookout::watch(inside, server, server_namespace),
        Role::Client { config, nofile } => {
            if let Some(limit) = nofile {
                host::limit_descriptors(limit).map_err(|error| format!("limit its descriptors to {limit}: {error}"))?;
            }
            part_in_runtime(client::attempt(inside, *config))
        }
    }
}

async fn fail(sender: &mut Sender, why: String) -> Result<(), String> {
    sender.send(&Word::Failed(why)).await.map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
