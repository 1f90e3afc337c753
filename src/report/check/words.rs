//! What a check's values are called in plain language, for every format.

use std::iter;

use super::super::figures;
use crate::record::{Check, CheckLimits, CheckVerdict, EndedBy, FaultCheck, Named as _, TcpState};
use crate::units::Count;

/// What a fault does to the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Pass,
    Known,
    Fail,
}

pub(super) const fn mark(fault: &FaultCheck) -> Mark {
    match (fault.failed, fault.known) {
        (false, _) => Mark::Pass,
        (true, true) => Mark::Known,
        (true, false) => Mark::Fail,
    }
}

/// `1 connection`, `5 connections`.
pub(super) fn counted(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{} {what}s", Count(n)) }
}

/// What a failing fault fails by: its verdict, or the symptoms where the verdict alone would pass.
pub(super) fn failing(fault: &FaultCheck) -> String {
    if fault.verdict == CheckVerdict::Clean && !fault.symptoms.is_empty() {
        return symptoms(fault);
    }
    verdict(fault.verdict)
}

pub(super) fn symptoms(fault: &FaultCheck) -> String {
    fault.symptoms.iter().map(|symptom| symptom.name()).collect::<Vec<_>>().join(", ")
}

/// Each symptom with its evidence.
pub(super) fn symptoms_seen(fault: &FaultCheck) -> Vec<String> {
    let evidence = fault.symptoms_seen.iter().map(|seen| format!(": {seen}")).chain(iter::repeat(String::new()));
    fault.symptoms.iter().zip(evidence).map(|(symptom, seen)| format!("{symptom}{seen}")).collect()
}

pub(super) fn verdict(verdict: CheckVerdict) -> String {
    verdict.name().replace('-', " ")
}

/// Failing faults that the last line names.
const MOST_NAMED: usize = 6;

/// What became of the check, in one line.
pub(super) fn outcome(check: &Check) -> String {
    let fails = |fault: &&FaultCheck| mark(fault) == Mark::Fail;
    let failed: Vec<_> = check.faults.iter().filter(fails).collect();
    let stopped = if check.complete { "" } else { "; the check was stopped" };
    match (failed.as_slice(), check.faults.as_slice()) {
        ([], []) if !check.complete => "INCOMPLETE: the check was stopped before its first fault was over".to_owned(),
        ([], [fault]) if check.complete => format!("PASSED: {}: {}", fault.fault, passing(fault)),
        ([fault], [_]) => format!("FAILED: {}: {}{stopped}", fault.fault, failing(fault)),
        ([], faults) if check.complete => format!("PASSED: {}", tally(faults)),
        ([], faults) => format!("INCOMPLETE: the check was stopped after {}", tally(faults)),
        (failed, faults) => {
            let mut named: Vec<_> =
                failed.iter().take(MOST_NAMED).map(|fault| format!("{} {}", fault.fault, failing(fault))).collect();
            if failed.len() > MOST_NAMED {
                named.push(format!("and {} more", failed.len() - MOST_NAMED));
            }
            let faults = counted(faults.len() as u64, "fault");
            format!("FAILED: {} of {faults}: {}{stopped}", failed.len(), named.join(", "))
        }
    }
}

fn passing(fault: &FaultCheck) -> String {
    let what = failing(fault);
    match (mark(fault), fault.verdict) {
        (Mark::Known, _) => format!("{what}, known to the baseline"),
        (_, CheckVerdict::Undecided) => format!("{what}, which is allowed"),
        _ => verdict(fault.verdict),
    }
}

/// `12 faults, 11 clean, 1 not reached`
fn tally(faults: &[FaultCheck]) -> String {
    let mut parts = vec![counted(faults.len() as u64, "fault")];
    for &kind in CheckVerdict::ALL.iter().rev() {
        let n = faults.iter().filter(|fault| mark(fault) == Mark::Pass && fault.verdict == kind).count();
        if n > 0 {
            parts.push(format!("{n} {}", verdict(kind)));
        }
    }
    let known = faults.iter().filter(|fault| mark(fault) == Mark::Known).count();
    if known > 0 {
        parts.push(counted(known as u64, "known failure"));
    }
    parts.join(", ")
}

/// What happened under one fault, in a few words.
pub(super) fn headline(fault: &FaultCheck) -> String {
    let connections = counted(fault.connections, "connection");
    let told = match fault.verdict {
        CheckVerdict::Crash => format!("{}; {connections}", ending(fault)),
        CheckVerdict::Leak => format!("{} of {connections} leaked", Count(fault.leaked)),
        CheckVerdict::Hang => format!("{connections}; the command waits for a login that is never over"),
        CheckVerdict::Timeout => format!("{connections}; no end after {} s", wall(fault)),
        CheckVerdict::NoConnection => "the command never reached the server".to_owned(),
        CheckVerdict::Undecided => format!("{connections}; the command ended before anything was proved"),
        CheckVerdict::NotReached => format!("{connections}; none came as far as the fault"),
        CheckVerdict::Clean => format!("{connections}, none leaked"),
    };
    let why = if fault.failed && fault.verdict == CheckVerdict::Clean && !fault.symptoms.is_empty() {
        format!("; it fails by {}", symptoms(fault))
    } else {
        String::new()
    };
    let known = if mark(fault) == Mark::Known { " (known to the baseline)" } else { "" };
    format!("{told}{why}{known}")
}

/// How the command ended, and when.
pub(super) fn ending(fault: &FaultCheck) -> String {
    let after = wall(fault);
    match (fault.command_stopped, fault.command_signal, fault.command_exit) {
        (true, _, _) => format!("was stopped by closewait after {after} s"),
        (_, Some(signal), _) => format!("died by {} after {after} s", named_signal(signal)),
        (_, _, Some(code)) => format!("ended with exit code {code} after {after} s"),
        (false, None, None) => format!("ran on when it was last looked at, after {after} s"),
    }
}

fn wall(fault: &FaultCheck) -> String {
    figures::seconds(Some(fault.command_wall_s))
}

fn named_signal(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("signal {number}"),
    };
    format!("signal {number} ({name})")
}

/// The command as a shell would take it.
pub(super) fn command(check: &Check) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+{}".contains(c);
    let quoted = |word: &String| {
        let bare = !word.is_empty() && word.chars().all(plain);
        if bare { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    check.command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// How long connections stayed open; none where no login was over, and none was given up.
pub(super) fn held(fault: &FaultCheck, limits: &CheckLimits) -> Option<String> {
    let [p50, max] = [fault.held_ms.p50, fault.held_ms.max].map(|ms| figures::with_unit(&figures::ms(ms), "ms"));
    fault.held_ms.max?;
    let never_over = fault.rows.iter().any(|row| row.leaked && row.over_s.is_none());
    let since = if never_over {
        format!("once the login was over, or opened where it never was (patience {} s)", limits.patience_s)
    } else {
        format!("once the login was over (grace {} s)", limits.grace_s)
    };
    Some(format!("p50 {p50}, max {max} {since}"))
}

/// Connections that ended so, for a person.
pub(super) const fn ended(by: EndedBy) -> &'static str {
    match by {
        EndedBy::ClientFin => "closed by the client",
        EndedBy::ClientRst => "reset by the client",
        EndedBy::ServerRst => "reset by the server, then let go by the client",
        EndedBy::ProcessExit => "open until the last 100 ms of its process",
        EndedBy::Refused => "refused: nobody listened",
        EndedBy::Harness => "open until closewait stopped the command",
        EndedBy::Never => "still open when the observation ended",
    }
}

/// What a client's state says about both ends.
pub(super) const fn state(state: TcpState) -> &'static str {
    match state {
        TcpState::Established => "neither side has closed",
        TcpState::CloseWait => "the server has closed, the client has not",
        TcpState::FinWait1 | TcpState::FinWait2 => "the client has sent its FIN, the server has not",
        TcpState::Close => "no connection any more, only its descriptor",
        TcpState::SynSent => "the server has not answered yet",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_last_line_says_what_failed() {
        let (leak, clean, undecided, matrix) =
            (fixture::leak(), fixture::clean(), fixture::undecided(), fixture::matrix());
        let stopped = |check: &Check| Check { complete: false, ..check.clone() };
        let mut known = leak.clone();
        known.faults[0].known = true;
        let mut allowed = undecided.clone();
        allowed.faults[0].failed = false;
        let mut spinning = clean.clone();
        spinning.faults[0].failed = true;
        spinning.faults[0].symptoms.push(crate::record::Symptom::Spin);
        let good = Check { faults: vec![clean.faults[0].clone(), known.faults[0].clone()], ..clean.clone() };
        let none = Check { faults: Vec::new(), ..stopped(&clean) };
        for (check, line) in [
            (&leak, "FAILED: login-18456: leak"),
            (&stopped(&leak), "FAILED: login-18456: leak; the check was stopped"),
            (&clean, "PASSED: login-18456: clean"),
            (&known, "PASSED: login-18456: leak, known to the baseline"),
            (&allowed, "PASSED: login-18456: undecided, which is allowed"),
            (&spinning, "FAILED: login-18456: spin"),
            (&matrix, "FAILED: 1 of 4 faults: login-stall hang"),
            (&good, "PASSED: 2 faults, 1 clean, 1 known failure"),
            (&stopped(&good), "INCOMPLETE: the check was stopped after 2 faults, 1 clean, 1 known failure"),
            (&none, "INCOMPLETE: the check was stopped before its first fault was over"),
        ] {
            assert_eq!(outcome(check), line);
        }
    }

    #[test]
    fn held_says_since_when() {
        let mut leak = fixture::leak();
        let told = |check: &Check| held(&check.faults[0], &check.limits).unwrap();
        assert_eq!(told(&leak), "p50 5,010 ms, max 5,020 ms once the login was over (grace 2 s)");
        leak.faults[0].rows[0].over_s = None;
        let since = "once the login was over, or opened where it never was (patience 30 s)";
        assert_eq!(told(&leak), format!("p50 5,010 ms, max 5,020 ms {since}"));
    }

    #[test]
    fn a_command_can_be_typed_again() {
        let words = ["python3", "app.py", "{host}", "it's here", ""];
        let check = Check { command: words.map(str::to_owned).into(), ..fixture::leak() };
        assert_eq!(command(&check), r"python3 app.py {host} 'it'\''s here' ''");
    }
}
