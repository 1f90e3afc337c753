//! What no setting can see alone: a load without an end, a fault beside a real server, a sysctl outside a namespace.

use super::Placed;
use super::problem::Problem;
use super::setting::SandboxChoice;
use super::spec::Settings;
use crate::fault;
use crate::load::{Arrivals, Retry};
use crate::sandbox::Level;
use crate::units::Span;

/// Linux's `tcp_fin_timeout` when nobody has changed it.
pub(super) const KERNEL_FIN_TIMEOUT: Span = Span::from_secs(60);

/// Linux's `tcp_tw_reuse` when nobody has changed it.
pub(super) const KERNEL_TW_REUSE: u8 = 2;

/// The most attempts that may start at once, and the most retries of one attempt.
const MOST_AT_ONCE: u32 = 1_000_000;
const MOST_RETRIES: u32 = 10_000;

/// The settings of one arm, and what they stand beside.
pub(super) struct Plan<'a> {
    pub(super) settings: &'a Settings,
    pub(super) embedded: bool,
}

/// Every contradiction of an arm's settings.
pub(super) fn check(plan: &Plan<'_>, problems: &mut Vec<Problem>) {
    problems.extend(
        [load_has_an_end(plan), arrivals(plan), retry(plan), whole_seconds(plan), some_fault(plan), together(plan)]
            .into_iter()
            .flatten(),
    );
    problems.extend(embedded_only(plan));
    problems.extend(needs_namespaces(plan));
}

fn load_has_an_end(plan: &Plan<'_>) -> Option<Problem> {
    let Settings { arrivals, attempts, duration, .. } = plan.settings;
    let arrivals = arrivals.as_ref()?;
    (attempts.is_none() && duration.is_none()).then(|| {
        Problem::new(arrivals.span.clone(), "these arrivals never end")
            .hint("bound them: attempts = 1000, or duration = \"10s\", or both")
    })
}

fn arrivals(plan: &Plan<'_>) -> Option<Problem> {
    let Placed { value, span } = plan.settings.arrivals.as_ref()?;
    let wrong = |message: String| Some(Problem::new(span.clone(), message));
    match value {
        Arrivals::Burst { size, .. } if *size == 0 || *size > MOST_AT_ONCE => {
            wrong(format!("a burst of {size}: its size is a number from 1 to {MOST_AT_ONCE}"))
        }
        Arrivals::Burst { every, .. } if every.0.is_zero() => {
            wrong("a burst every 0s: it needs a time above zero".to_owned())
        }
        Arrivals::Ramp { over, .. } if over.0.is_zero() => {
            wrong("a ramp over 0s: it needs a time above zero".to_owned())
        }
        _ => None,
    }
}

fn retry(plan: &Plan<'_>) -> Option<Problem> {
    let Placed { value, span } = plan.settings.retry.as_ref()?;
    let wrong = |message: String| Some(Problem::new(span.clone(), message));
    match *value {
        Retry::Fixed { times, .. } | Retry::Exponential { times, .. } if times == 0 || times > MOST_RETRIES => {
            wrong(format!("{times} retries: a number from 1 to {MOST_RETRIES} is needed, and \"none\" retries nothing"))
        }
        Retry::Exponential { first, .. } | Retry::PoolBlocking { first, .. } if first.0.is_zero() => {
            wrong("a back-off that begins at 0s never grows".to_owned())
        }
        Retry::Exponential { first, most, .. } | Retry::PoolBlocking { first, most } if most < first => {
            wrong(format!("the longest back-off ({most}) is shorter than the first ({first})"))
        }
        _ => None,
    }
}

fn whole_seconds(plan: &Plan<'_>) -> Option<Problem> {
    let Placed { value, span } = plan.settings.tcp_fin_timeout.as_ref()?;
    let time = value.get();
    (time.0.subsec_nanos() != 0).then(|| {
        Problem::new(span.clone(), format!("tcp_fin_timeout has whole seconds, and {time} has a part of one"))
            .hint(format!("\"{}s\"", time.0.as_secs()))
    })
}

fn some_fault(plan: &Plan<'_>) -> Option<Problem> {
    let Placed { value, span } = plan.settings.faults.as_ref()?;
    value.is_empty().then(|| Problem::new(span.clone(), "an empty list of faults").hint("a good server is [\"none\"]"))
}

fn together(plan: &Plan<'_>) -> Option<Problem> {
    let Placed { value, span } = plan.settings.faults.as_ref()?;
    let error = fault::check_together(value).err()?;
    Some(Problem::new(span.clone(), error.to_string()).hint("an arm of its own for each"))
}

fn embedded_only(plan: &Plan<'_>) -> Vec<Problem> {
    if plan.embedded {
        return Vec::new();
    }
    let faults = plan.settings.faults.as_ref().map(|faults| (&faults.span, "faults"));
    let close = plan.settings.server_close.as_ref().map(|close| (&close.span, "server_close"));
    let refuse = |(span, key): (&Option<std::ops::Range<usize>>, &str)| {
        Problem::new(span.clone(), format!("`{key}` is the embedded server's, and [target] names a real one"))
            .hint(format!("take `{key}` or [target] out"))
    };
    [faults, close].into_iter().flatten().map(refuse).collect()
}

/// Where there is no network namespace, there are the machine's own sysctls, which are nobody's to change; and a real
/// server cannot be reached from inside one.
fn needs_namespaces(plan: &Plan<'_>) -> Vec<Problem> {
    let Settings { sandbox, tcp_fin_timeout, tcp_tw_reuse, .. } = plan.settings;
    let level = sandbox.as_ref().and_then(|sandbox| sandbox.value.level());
    let mut problems = Vec::new();
    if let (false, Some(sandbox), Some(level)) = (plan.embedded, sandbox, level)
        && level.is_isolated()
    {
        let message = format!("a real server cannot be reached from the sandbox `{level}`");
        problems.push(Problem::new(sandbox.span.clone(), message).hint("sandbox = \"none\", or leave it out"));
    }
    let why = match level {
        _ if !plan.embedded => "a client of a real server",
        Some(Level::PortRange | Level::None) => "that sandbox",
        _ => return problems,
    };
    let timeout = tcp_fin_timeout.as_ref().filter(|timeout| timeout.value.get() != KERNEL_FIN_TIMEOUT);
    let reuse = tcp_tw_reuse.as_ref().filter(|reuse| reuse.value.get() != u32::from(KERNEL_TW_REUSE));
    let written = [timeout.map(|it| (&it.span, "tcp_fin_timeout")), reuse.map(|it| (&it.span, "tcp_tw_reuse"))];
    problems.extend(written.into_iter().flatten().map(|(span, key)| {
        Problem::new(span.clone(), format!("`{key}` cannot be set: {why} has this machine's own"))
            .hint(format!("take `{key}` out, or choose the sandbox `{}`", SandboxChoice::Level(Level::TwoHosts)))
    }));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with an arm of these settings.
    fn problems(text: &str, embedded: bool) -> Vec<String> {
        let settings = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        check(&Plan { settings: &settings, embedded }, &mut problems);
        problems.into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn contradictions_are_found() {
        for (text, says) in [
            ("arrivals = { constant = { rate = \"1/s\" } }", "never end"),
            ("attempts = 1\narrivals = { burst = { size = 0, every = \"1s\" } }", "a burst of 0"),
            ("attempts = 1\narrivals = { burst = { size = 1, every = \"0s\" } }", "above zero"),
            ("attempts = 1\narrivals = { ramp = { from = \"1/s\", to = \"2/s\", over = \"0s\" } }", "above zero"),
            ("retry = { fixed = { delay = \"1s\", times = 0 } }", "0 retries"),
            ("retry = { exponential = { first = \"0s\", most = \"1s\", times = 1 } }", "never grows"),
            ("retry = { pool_blocking = { first = \"2s\", most = \"1s\" } }", "shorter than the first"),
            ("tcp_fin_timeout = \"1500ms\"", "whole seconds"),
            ("faults = []", "empty list"),
            ("faults = [\"connect-refuse\", \"login-18456\"]", "the whole listener"),
            ("sandbox = \"none\"\ntcp_fin_timeout = \"1s\"", "cannot be set"),
            ("sandbox = \"port-range\"\ntcp_tw_reuse = 0", "cannot be set"),
        ] {
            let found = problems(text, true);
            assert!(found.len() == 1 && found[0].contains(says), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_real_server_has_no_faults_and_no_sandbox() {
        let text = "faults = [\"login-18456\"]\nserver_close = \"hold\"\nsandbox = \"two-hosts\"\ntcp_tw_reuse = 1";
        assert_eq!(problems(text, false).len(), 4);
        assert_eq!(problems(text, true).len(), 0);
    }

    #[test]
    fn what_the_kernel_has_anyway_may_be_written_anywhere() {
        assert_eq!(problems("sandbox = \"none\"\ntcp_fin_timeout = \"60s\"\ntcp_tw_reuse = 2", true).len(), 0);
    }
}
