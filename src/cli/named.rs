//! Options whose value is one of a closed enum's names.

use crate::record::Named;

/// Reads a closed enum by its name.
pub(super) fn named<T: Named>(text: &str) -> Result<T, String> {
    let found = T::ALL.iter().copied().find(|value| value.name() == text);
    found.ok_or_else(|| {
        let known: Vec<_> = T::ALL.iter().map(|value| value.name()).collect();
        format!("expected one of `{}`", known.join("`, `"))
    })
}
