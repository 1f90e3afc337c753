//! The known value that a mistyped one was probably meant to be.

/// The candidate that is nearest to `wrong`, if one is near enough to be meant by it: a third of the letters off.
pub(super) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = wrong.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The hint that names the nearest candidate, or else all of them.
pub(super) fn hint<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(wrong, candidates.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let known: Vec<_> = candidates.into_iter().map(|candidate| format!("`{candidate}`")).collect();
            format!("known: {}", known.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_and_no_more() {
        assert_eq!(nearest("colse", ["close", "close_logged_in"]), Some("close"));
        assert_eq!(nearest("leeky", ["orderly", "leaky"]), Some("leaky"));
        assert_eq!(nearest("sideways", ["orderly", "leaky"]), None);
        assert_eq!(hint("sideways", ["a", "b"]), "known: `a`, `b`");
    }
}
