//! What a process of this program does around what it plays: a runtime where it needs one, and an end that says why.

use std::io::{self, Write as _};

/// Completes a future on this thread, in a runtime of its own that is gone afterwards. What it starts by `spawn_local` runs
/// beside it.
///
/// # Errors
/// Why there is no runtime.
pub fn in_runtime<F: Future>(play: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, play))
}

/// Plays a part that needs a runtime.
///
/// # Errors
/// Those of `play`, or why there is no runtime.
pub fn part_in_runtime(play: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    in_runtime(play).map_err(|error| format!("start its runtime: {error}"))?
}

/// The exit code of a part that has played; why it failed is said on stderr, of `who`.
#[must_use]
pub fn ended(who: &str, played: Result<(), String>) -> i32 {
    let Err(error) = played else { return 0 };
    // Whoever started it may have closed its stderr; the exit code says it as well.
    let _ = writeln!(std::io::stderr(), "closewait: {who} failed to {error}");
    1
}
