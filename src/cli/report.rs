//! `closewait report`: kept results again, one by one, as one, or against each other.

use std::path::Path;

use super::Exit;
use super::args::ReportArgs;
use super::destination;
use super::failure::Failure;
use crate::record::Run;
use crate::report::ResultDir;
use crate::verdict;

/// How much worse a figure may be, unless it is said.
const TOLERANCE: f64 = 0.1;

pub(super) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    if let [base, new] = args.compare.as_slice() {
        return compare(args, base, new);
    }
    if args.tolerance.is_some() {
        return Err(Failure::usage(anyhow::anyhow!("use --tolerance without --compare"))
            .hint("closewait report --compare BASE NEW --tolerance 20%"));
    }
    args.outputs.check(if args.merge { 1 } else { args.dirs.len() })?;
    // All are read before the first is shown: a mistyped name should not stand at the end of a long page.
    let runs = args.dirs.iter().map(|dir| read(dir)).collect::<Result<Vec<_>, _>>()?;
    if args.merge {
        return merged(args, runs);
    }
    let mut worst = Exit::Passed;
    for (run, dir) in runs.iter().zip(&args.dirs) {
        let summary = verdict::summarise(run);
        args.outputs.write(run, &summary, Some(dir))?;
        worst = worst.max(exit(summary.passed));
    }
    Ok(worst)
}

fn merged(args: &ReportArgs, runs: Vec<Run>) -> Result<Exit, Failure> {
    let names = args.dirs.iter().map(|dir| dir.display().to_string());
    let merged = verdict::merge(names.zip(runs).collect()).map_err(|error| {
        let hint = error.hint();
        Failure::usage(error).hint(hint)
    })?;
    let Some(run) = merged else { return Ok(Exit::Passed) };
    let summary = verdict::summarise(&run);
    args.outputs.write(&run, &summary, None)?;
    Ok(exit(summary.passed))
}

fn compare(args: &ReportArgs, base: &Path, new: &Path) -> Result<Exit, Failure> {
    destination::may_go(args.outputs.all.places())?;
    let named = |dir: &Path| -> Result<(String, Run), Failure> { Ok((dir.display().to_string(), read(dir)?)) };
    let ((base_name, base), (new_name, new)) = (named(base)?, named(new)?);
    let comparison = verdict::compare((&base_name, &base), (&new_name, &new), args.tolerance.unwrap_or(TOLERANCE));
    args.outputs.all.write_comparison(&comparison)?;
    Ok(exit(comparison.passed))
}

const fn exit(passed: bool) -> Exit {
    if passed { Exit::Passed } else { Exit::Failed }
}

/// `20%` or `20`, as a share.
pub(super) fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent = number.parse::<f64>().ok().filter(|percent| percent.is_finite() && (0.0..=1e6).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or_else(|| "a tolerance is a percentage such as 10%".to_owned())
}

fn read(dir: &Path) -> Result<Run, Failure> {
    ResultDir::read(dir).map_err(|error| {
        let hint = error.hint();
        Failure::usage(error).maybe_hint(hint.map(str::to_owned))
    })
}

#[cfg(test)]
mod tests {
    use super::tolerance;

    #[test]
    fn a_tolerance_is_a_percentage() {
        for (text, share) in [("10%", 0.1), ("10", 0.1), ("2.5 %", 0.025), ("0%", 0.0), ("300%", 3.0)] {
            assert_eq!(tolerance(text), Ok(share), "{text}");
        }
        for text in ["", "%", "-1%", "nan", "inf", "ten"] {
            assert!(tolerance(text).is_err(), "{text}");
        }
    }
}
