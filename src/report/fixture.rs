//! Test support: one fixed run, told as the events that `login-failure` leaves on a quiet machine.

use std::time::Duration;

use crate::record::{
    ArmEnd, ArmFacts, ClosedFirst, ConnectSlice, Counters, Cpu, Event, Gauge, Header, Histogram, HostFacts,
    LedgerInterval, LoadInterval, Outcome, Phase, PortRangeSummary, Run, Sample, SamplingFacts, SideSample, Summary,
    Table, TableReason, TcpState,
};

/// Attempts that fall due in one interval of 100 ms at 2,000 a second.
const PER_INTERVAL: u64 = 200;
const INTERVALS: u64 = 25;
const PORTS: u64 = 2000;

/// The run, and what became of it.
pub(super) fn judged() -> (Run, Summary) {
    let run = Run::from_events(&events());
    let summary = crate::verdict::summarise(&run);
    (run, summary)
}

/// Every event, in order.
pub(super) fn events() -> Vec<Event> {
    let mut events = vec![Event::Run(Box::new(header()))];
    for close in ["leaky", "orderly"] {
        events.push(Event::ArmStarted(Box::new(facts(close))));
        events.push(sample(close, 0, 0, TableReason::Start));
        for step in 0..INTERVALS {
            interval_of(&mut events, close, step);
        }
        events.push(sample(close, 2700, INTERVALS, TableReason::End));
        events.push(Event::Ledger { arm: close.into(), interval: Box::new(ledger(close)) });
        events.push(Event::ArmEnded { arm: close.into(), end: Box::new(end(close)) });
    }
    events.push(Event::Notice { arm: None, text: "the sampler reached a full table every 100 ms".into() });
    events.push(Event::RunEnded { complete: true });
    events
}

fn header() -> Header {
    let expectations = [
        "leaky: ports.exhausted == true",
        "leaky: sockets.client.close_wait.peak >= 1990",
        "leaky: sockets.server.fin_wait_2.peak >= 1990",
        "leaky: outcomes.ports_exhausted > 0",
        "orderly: ports.exhausted == false",
        "orderly: sockets.client.close_wait.peak <= 64",
        "orderly: latency_ms.login.p99 < 50",
    ];
    Header {
        schema: Header::SCHEMA.into(),
        version: "0.1.0".into(),
        scenario: "login-failure".into(),
        seed: 1,
        command: vec!["closewait".into(), "run".into()],
        started_at: "2026-01-02T03:04:05Z".into(),
        host: HostFacts { kernel: "6.18.44".into(), cores: 2, nofile: 20_000 },
        resolved: "name = \"login-failure\"\n".into(),
        expectations: expectations.map(str::to_owned).into(),
    }
}

fn facts(close: &str) -> ArmFacts {
    ArmFacts {
        name: close.into(),
        driver: "tiberius".into(),
        close: close.into(),
        target: "embedded".into(),
        sandbox: "two-hosts".into(),
        port_search: "kernel".into(),
        tcp_fin_timeout_s: 60,
        tcp_tw_reuse: 2,
        ephemeral_ports: PortRangeSummary { low: 40000, high: 41999, count: 2000 },
        repetition: None,
        server_close: Some("orderly".into()),
        faults: vec!["login-18456".into()],
        workers: 1,
        arrivals: "constant 2000/s".into(),
        planned_s: Some(2.5),
        planned_attempts: Some(INTERVALS * PER_INTERVAL),
    }
}

/// One interval of load, the sample at its end, and the moment at which ports run out.
fn interval_of(events: &mut Vec<Event>, close: &str, step: u64) {
    let leaks = close == "leaky";
    let before = step * PER_INTERVAL;
    let refused = if leaks { PER_INTERVAL.min(PORTS.saturating_sub(before)) } else { PER_INTERVAL };
    let failed = PER_INTERVAL - refused;
    events.push(load(close, step, refused, failed));
    if failed == PER_INTERVAL && before == PORTS {
        events.push(Event::Exhausted { arm: close.into(), at_s: Duration::from_millis(step * 100 + 1) });
        events.push(sample(close, step * 100 + 2, step, TableReason::Exhausted));
    }
    events.push(sample(close, (step + 1) * 100, step + 1, TableReason::Periodic));
}

fn load(close: &str, step: u64, refused: u64, failed: u64) -> Event {
    let mut interval = LoadInterval {
        from: Duration::from_millis(step * 100),
        to: Duration::from_millis(step * 100 + 100),
        offered: PER_INTERVAL,
        schedule: Duration::from_millis(step * 100 + 100),
        last_start: Duration::from_millis(step * 100 + 100),
        started: PER_INTERVAL,
        outcomes: [(Outcome::LoginRejected, refused), (Outcome::PortsExhausted, failed)].into_iter().collect(),
        server_errors: if refused > 0 { [(18456, refused)].into() } else { [].into() },
        in_flight: if refused > 0 { 2 } else { 0 },
        held: if close == "leaky" { ((step + 1) * PER_INTERVAL).min(PORTS) } else { 0 },
        ..LoadInterval::default()
    };
    let beyond_half = close == "leaky" && step >= 5;
    let mut slices = [50, 60, 70, 80, 90]
        .map(|at| ConnectSlice { at: Duration::from_millis(step * 100 + at), ..ConnectSlice::default() });
    for n in 0..refused {
        let connect = if beyond_half { 420 + n } else { 30 + n % 40 };
        slices[n as usize % 5].connect.record(Duration::from_micros(connect));
        let phases = [
            (Phase::Connect, connect),
            (Phase::Prelogin, 90 + n),
            (Phase::Login, 130 + 2 * n),
            (Phase::Close, 12 + n % 7),
        ];
        for (phase, micros) in phases {
            interval.latencies.record(phase, Duration::from_micros(micros));
        }
        interval.latencies.record(Phase::Total, Duration::from_micros(connect + 300 + 3 * n));
        interval.schedule_lag.record(Duration::from_micros(60 + 2 * n));
    }
    for n in 0..failed {
        slices[n as usize % 5].failed.record(Duration::from_micros(2200 + 4 * n));
        interval.latencies.record(Phase::ConnectFailed, Duration::from_micros(2200 + 4 * n));
        interval.latencies.record(Phase::Total, Duration::from_micros(2300 + 4 * n));
        interval.schedule_lag.record(Duration::from_micros(90 + 3 * n));
    }
    interval.connects = slices.into();
    Event::Load { arm: close.into(), interval: Box::new(interval) }
}

/// What the wire told of the whole arm.
fn ledger(close: &str) -> LedgerInterval {
    let times = |n: u64, step: Duration| {
        let mut histogram = Histogram::default();
        (1..=n).for_each(|n| histogram.record(step * u32::try_from(n).unwrap()));
        histogram
    };
    let leaks = close == "leaky";
    let connections = if leaks { PORTS } else { INTERVALS * PER_INTERVAL };
    let (stuck, closed) = if leaks { (connections, 0) } else { (0, connections) };
    LedgerInterval {
        to: Duration::from_millis(2700),
        opened: connections,
        answered: connections,
        ended: closed,
        closed_first: ClosedFirst { server_fin: connections, ..ClosedFirst::default() },
        open: Gauge { now: stuck, peak: stuck.max(8) },
        established: Gauge { now: 0, peak: 6 },
        close_wait: Gauge { now: stuck, peak: stuck.max(4) },
        close_wait_time: times(closed, Duration::from_nanos(40)),
        fin_wait_2_time: times(closed, Duration::from_nanos(40)),
        fin_wait_2_expired: Some(0),
        lifetime: times(closed, Duration::from_nanos(250)),
        close_wait_age: Some(ages(stuck)),
        ..LedgerInterval::default()
    }
}

/// How long each of `stuck` has been so at the end: they came within the first second, in equal steps.
fn ages(stuck: u64) -> Histogram {
    let mut ages = Histogram::default();
    (1..=stuck)
        .for_each(|n| ages.record(Duration::from_millis(2700) - Duration::from_secs(1) * n as u32 / stuck as u32));
    ages
}

/// Both sides after `steps` intervals; a full table each time.
fn sample(close: &str, at: u64, steps: u64, reason: TableReason) -> Event {
    let attempts = steps * PER_INTERVAL;
    let active = steps > 0 && reason != TableReason::End;
    let stuck = if close == "leaky" { attempts.min(PORTS) } else { u64::from(active) * (1 + steps % 3) };
    let open = if active && (close == "orderly" || attempts < PORTS) { 2 + steps % 4 } else { 0 };
    let resting = if close == "orderly" { attempts } else { 0 };
    let waiting = if close == "leaky" { stuck } else { 0 };
    let client = [(TcpState::Established, open), (TcpState::CloseWait, stuck)];
    let server = [
        (TcpState::Listen, 1),
        (TcpState::Established, open),
        (TcpState::FinWait2, waiting),
        (TcpState::TimeWait, resting),
    ];
    let sample = Sample {
        at: Duration::from_millis(at),
        client: Some(side(&client, 24 + stuck + open, stuck + open, reason)),
        server: Some(side(&server, 20 + open, 1, reason)),
    };
    Event::Sample { arm: close.into(), sample: Box::new(sample) }
}

fn side(states: &[(TcpState, u64)], descriptors: u64, local_ports: u64, reason: TableReason) -> SideSample {
    let time_wait = states.iter().filter(|(state, _)| *state == TcpState::TimeWait).map(|(_, n)| n).sum();
    let in_use = states.iter().map(|(_, n)| n).sum::<u64>() - time_wait;
    SideSample {
        counters: Counters { curr_estab: in_use, in_use, time_wait, ..Counters::default() },
        table: Some(Table {
            reason,
            states: states.iter().copied().collect(),
            local_ports: u32::try_from(local_ports).unwrap(),
            memory_bytes: Some(in_use * 2368),
            cost: Duration::from_micros(1300),
        }),
        descriptors: Some(descriptors),
    }
}

fn end(close: &str) -> ArmEnd {
    ArmEnd {
        complete: true,
        cpu: Cpu { load_s: 1.21, server_s: 0.87, sampler_s: 0.041, sampler_tables_s: 0.012, ledger_s: 0.03 },
        sampling: SamplingFacts {
            source: "sock_diag".into(),
            counters: 135,
            tables: 25,
            longest_gap_s: 0.1,
            share_pct: 1.6,
        },
        server_accepted: Some(if close == "leaky" { PORTS } else { INTERVALS * PER_INTERVAL }),
    }
}
