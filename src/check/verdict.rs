//! A judged trial as the document shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::excuse;
use super::explain::{explain, meant};
use super::judge::{Course, Judged, Judgement, Limits, judge};
use super::track::Process;
use super::trial::Outcome;
use crate::record::{CheckVerdict, ConnectionRow, EndedBy, FaultCheck, HeldMs, HoldingProcess, Named as _, TcpState};
use crate::units::Monotonic;
use crate::wire::LoginEnd;

/// Descriptors that are named of one process.
const MOST_DESCRIPTORS: usize = 10;

/// The document of a trial under the fault `name`.
pub(super) fn fault_check(name: &str, outcome: Outcome, limits: &Limits) -> FaultCheck {
    let Outcome { testimony, processes, lost, course, cause, mut notices, output, .. } = outcome;
    let connections = testimony.connections();
    let disagreements = testimony.disagreements(&connections, lost);
    let judgement = judge(connections, &processes, &course, limits);
    notices.extend(excuse::notice(&judgement.connections));
    let all = &judgement.connections;
    let count = |which: fn(&&Judged) -> bool| all.iter().filter(which).count() as u64;
    let mut ended_by: BTreeMap<EndedBy, u64> = EndedBy::ALL.iter().map(|by| (*by, 0)).collect();
    let mut held_states: BTreeMap<TcpState, u64> = BTreeMap::new();
    for it in all {
        *ended_by.entry(it.ended_by).or_default() += 1;
        if it.leaked {
            *held_states.entry(it.connection.state.unwrap_or(TcpState::Close)).or_default() += 1;
        }
    }
    let mut reason = explain(&judgement, course.stopped, cause.as_deref(), limits);
    if all.is_empty() && matches!(judgement.verdict, CheckVerdict::NoConnection | CheckVerdict::Timeout) {
        reason.extend(meant(&testimony.elsewhere));
    }
    let (_, code, signal) = course.ended.unwrap_or((course.now, None, None));
    FaultCheck {
        fault: name.to_owned(),
        verdict: judgement.verdict,
        failed: judgement.failed,
        known: false,
        reason,
        command_exit: code,
        command_signal: signal,
        command_stopped: course.stopped_at.is_some(),
        command_wall_s: seconds(course.ended.map_or(course.now, |(at, _, _)| at).since(course.started)),
        connections: all.len() as u64,
        faulted: count(|it| it.connection.faulted),
        leaked: count(|it| it.leaked),
        ended_by,
        held_ms: held_ms(all),
        held_states,
        symptoms: judgement.symptoms.iter().map(|it| it.symptom).collect(),
        symptoms_seen: judgement.symptoms.iter().map(|it| it.evidence.clone()).collect(),
        processes: holders(&judgement, &processes),
        rows: rows(all, &processes, &course),
        rows_omitted: all.len().saturating_sub(FaultCheck::MOST_ROWS) as u64,
        disagreements,
        notices,
        output_tail: if judgement.failed { output } else { String::new() },
    }
}

fn held_ms(all: &[Judged]) -> HeldMs {
    let mut held: Vec<Duration> = all.iter().filter_map(|it| it.held).collect();
    held.sort_unstable();
    let millis = |held: Duration| held.as_secs_f64() * 1e3;
    HeldMs { p50: held.get(held.len() / 2).copied().map(millis), max: held.last().copied().map(millis) }
}

/// Who held what leaked, those that held most first.
fn holders(judgement: &Judgement, processes: &[Process]) -> Vec<HoldingProcess> {
    let mut held: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for it in judgement.connections.iter().filter(|it| it.leaked) {
        if let Some((place, descriptor)) = it.connection.holder {
            held.entry(place).or_default().push(descriptor);
        }
    }
    let mut holders: Vec<HoldingProcess> = held
        .into_iter()
        .filter_map(|(place, descriptors)| {
            let process = processes.get(place)?;
            Some(HoldingProcess {
                pid: process.pid,
                command: process.command.clone(),
                held: descriptors.len() as u64,
                descriptors: descriptors.into_iter().take(MOST_DESCRIPTORS).collect(),
            })
        })
        .collect();
    holders.sort_by_key(|holder| std::cmp::Reverse(holder.held));
    holders
}

fn rows(all: &[Judged], processes: &[Process], course: &Course) -> Vec<ConnectionRow> {
    let mut ordered: Vec<&Judged> = all.iter().collect();
    ordered.sort_by_key(|it| (!it.leaked, !it.connection.faulted, it.connection.opened));
    ordered.into_iter().take(FaultCheck::MOST_ROWS).map(|it| row(it, processes, course)).collect()
}

fn row(it: &Judged, processes: &[Process], course: &Course) -> ConnectionRow {
    let connection = &it.connection;
    let since_start = |at: Monotonic| seconds(at.since(course.started));
    ConnectionRow {
        port: connection.client.port(),
        server: connection.server.to_string(),
        opened_s: since_start(connection.opened),
        faulted: connection.faulted,
        login: match (connection.login, connection.over) {
            (Some(LoginEnd::Accepted), _) => "accepted".to_owned(),
            (Some(LoginEnd::Refused { number, .. }), _) => format!("refused ({number})"),
            (None, Some(_)) => "ended".to_owned(),
            (None, None) if !matches!(it.ended_by, EndedBy::Harness | EndedBy::Never) => "given up".to_owned(),
            (None, None) => "never over".to_owned(),
        },
        over_s: connection.over.map(since_start),
        closed_s: connection.closed.map(since_start),
        held_ms: it.held.map(|held| held.as_secs_f64() * 1e3),
        ended_by: it.ended_by,
        state: connection.state,
        pid: connection.holder.and_then(|(place, _)| processes.get(place)).map(|process| process.pid),
        descriptor: connection.holder.map(|(_, descriptor)| descriptor),
        leaked: it.leaked,
    }
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
