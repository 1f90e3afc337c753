//! `closewait report`: kept results again.

use std::path::Path;

use super::Exit;
use super::args::ReportArgs;
use super::failure::Failure;
use crate::record::Run;
use crate::report::ResultDir;
use crate::verdict;

pub(super) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    args.outputs.check(args.dirs.len())?;
    // All are read before the first is shown: a mistyped name should not stand at the end of a long page.
    let runs = args.dirs.iter().map(|dir| read(dir)).collect::<Result<Vec<_>, _>>()?;
    let mut worst = Exit::Passed;
    for (run, dir) in runs.iter().zip(&args.dirs) {
        let summary = verdict::summarise(run);
        args.outputs.write_run(run, &summary, Some(dir))?;
        worst = worst.max(if summary.passed { Exit::Passed } else { Exit::Failed });
    }
    Ok(worst)
}

fn read(dir: &Path) -> Result<Run, Failure> {
    ResultDir::read(dir).map_err(|error| {
        let hint = error.hint();
        Failure::usage(error).maybe_hint(hint.map(str::to_owned))
    })
}
