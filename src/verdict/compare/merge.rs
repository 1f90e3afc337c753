//! Several results as one, where they are repetitions of the same arms and no result twice.

use super::settings;
use crate::record::Run;

/// Why results are no repetitions of each other; completes "failed to ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// One result stands there twice, or a copy of it does.
    #[error("merge {one} and {other}: they are the same result, and would count twice")]
    Twice {
        /// One of them.
        one: String,
        /// The other.
        other: String,
    },
    /// Two arms of one name were played with different settings.
    #[error("merge {one} and {other}: their {arm} arms are not the same: {differences}")]
    Unlike {
        /// One of the results.
        one: String,
        /// The other.
        other: String,
        /// The arms' name.
        arm: String,
        /// Every setting that differs, with both values.
        differences: String,
    },
}

impl MergeError {
    /// What a person could type.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Twice { .. } => "name each result directory once".to_owned(),
            Self::Unlike { one, other, .. } => {
                format!(
                    "repetitions have the same settings; to hold one against the other: closewait report --compare {one} {other}"
                )
            }
        }
    }
}

/// Makes one of several results, each with its name; none of no result. What differs and is not of the arms themselves
/// (the machine, its sandbox, the seed, this program's version) is told in the notices.
///
/// # Errors
/// When a result stands there twice, or arms of one name were played with different settings.
pub fn merge(results: Vec<(String, Run)>) -> Result<Option<Run>, MergeError> {
    for (at, (one_name, one)) in results.iter().enumerate() {
        for (other_name, other) in &results[at + 1..] {
            let names = || (one_name.clone(), other_name.clone());
            if one == other {
                let (one, other) = names();
                return Err(MergeError::Twice { one, other });
            }
            for (arm, _) in one.arms_by_name() {
                let differ = settings::differences(one, other, arm);
                let of_arm: Vec<_> = differ.iter().filter(|it| it.is_of_the_arm()).collect();
                if !of_arm.is_empty() {
                    let (one, other) = names();
                    return Err(MergeError::Unlike {
                        one,
                        other,
                        arm: arm.to_owned(),
                        differences: settings::told(of_arm),
                    });
                }
            }
        }
    }
    let mut results = results.into_iter();
    let Some((first_name, mut run)) = results.next() else { return Ok(None) };
    let (others, mut notices): (Vec<(String, Run)>, _) = (results.collect(), Vec::new());
    for (name, other) in &others {
        notices.extend(differ(&first_name, &run, name, other));
    }
    others.into_iter().for_each(|(_, other)| run.merge(other));
    run.notices.extend(notices);
    Ok(Some(run))
}

/// What a reader of the merged result must know of two of its parts.
fn differ(one_name: &str, one: &Run, other_name: &str, other: &Run) -> Vec<(Option<String>, String)> {
    let mut notices = Vec::new();
    if let (Some(one), Some(other)) = (&one.header, &other.header) {
        if one.host != other.host {
            let text = format!("{one_name} and {other_name} were measured on different machines");
            notices.push((None, text));
        }
        if one.version != other.version {
            let text = format!("{one_name} is of closewait {}, {other_name} of {}", one.version, other.version);
            notices.push((None, text));
        }
    }
    for (arm, _) in one.arms_by_name() {
        let differ = settings::differences(one, other, arm);
        if !differ.is_empty() {
            let text = format!("{one_name} and {other_name} differ in {}", settings::told(&differ));
            notices.push((Some(arm.to_owned()), text));
        }
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::fixture::{Story, run_of};
    use crate::verdict::summarise;

    fn result(name: &str, attempts: u64) -> (String, Run) {
        (name.to_owned(), run_of(&[Story::new("leaky").load(0, 1000, attempts, attempts), Story::new("orderly")], &[]))
    }

    #[test]
    fn a_result_counts_once() {
        let error = merge(vec![result("a", 1), result("b", 2), result("c", 1)]).unwrap_err();
        assert_eq!(error, MergeError::Twice { one: "a".into(), other: "c".into() });
    }

    #[test]
    fn arms_of_other_settings_are_no_repetitions() {
        let mut other = result("b", 2);
        other.1.arms[0].facts.arrivals = "constant 50/s".into();
        other.1.arms[0].facts.close = "drain".into();
        let told = merge(vec![result("a", 1), other]).unwrap_err();
        assert_eq!(
            told.to_string(),
            "merge a and b: their leaky arms are not the same: arrivals constant 2000/s and constant 50/s; close leaky and drain"
        );
        assert!(told.hint().ends_with("--compare a b"));
    }

    #[test]
    fn another_machine_and_another_seed_are_told() {
        let mut other = result("b", 2);
        let header = other.1.header.as_mut().unwrap();
        (header.seed, header.host.cores) = (7, 64);
        let merged = summarise(&merge(vec![result("a", 1), other, result("c", 3)]).unwrap().unwrap());
        assert_eq!(
            merged.notices,
            [
                "a and b were measured on different machines",
                "leaky: a and b differ in seed 1 and 7",
                "orderly: a and b differ in seed 1 and 7"
            ]
        );
        assert_eq!((merged.merged, merged.arms.len()), (Some(3), 6));
        assert_eq!(merge(Vec::new()), Ok(None));
    }
}
