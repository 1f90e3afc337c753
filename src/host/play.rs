//! What every part does around its role: a runtime where it needs one, and an end that says why.

use std::io::Write as _;

/// Plays on one thread, in a runtime of its own.
///
/// # Errors
/// Those of `play`, or why there is no runtime.
pub fn in_runtime<F: Future<Output = Result<(), String>>>(play: impl FnOnce() -> F) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("start its runtime: {error}"))?;
    tokio::task::LocalSet::new().block_on(&runtime, async { play().await })
}

/// The exit code of a part that has played; why it failed is said on stderr, of `who`.
#[must_use]
pub fn ended(who: &str, played: Result<(), String>) -> i32 {
    let Err(error) = played else { return 0 };
    // Whoever started it may have closed its stderr; the exit code says it as well.
    let _ = writeln!(std::io::stderr(), "closewait: {who} failed to {error}");
    1
}
