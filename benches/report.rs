//! What the reports of a large run cost: 1,000,000 attempts and 36,000 samples, made up here and kept as a real run is. Prints
//! seconds and bytes, and asserts nothing.
//!
//! `cargo bench --bench report`

use std::time::Duration;

use closewait::record::{
    ArmEnd, ArmFacts, ConnectSlice, Counters, Event, Header, HostFacts, LoadInterval, Outcome, Phase, PortRangeSummary,
    Run, Sample, SideSample, Table, TableReason, TcpState,
};
use closewait::report::{self, ResultDir};
use closewait::units::Monotonic;
use closewait::verdict;

const ATTEMPTS: u64 = 1_000_000;
const SAMPLES: u64 = 36_000;
const ARMS: [&str; 2] = ["leaky", "orderly"];
/// 50 looks a second, ten reports a second.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS_A_REPORT: u64 = 5;
const PORTS: u64 = 28_232;

/// Numbers that look like noise and are the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn header() -> Event {
    Event::Run(Box::new(Header {
        schema: Header::SCHEMA.into(),
        version: "0.1.0".into(),
        scenario: "large".into(),
        seed: 1,
        command: vec!["closewait".into(), "run".into()],
        started_at: "2026-01-02T03:04:05Z".into(),
        host: HostFacts { kernel: "6.18.44".into(), cores: 2, nofile: 20_000 },
        resolved: String::new(),
        expectations: vec!["leaky: ports.exhausted == true".into()],
    }))
}

fn facts(name: &str) -> ArmFacts {
    ArmFacts {
        name: name.into(),
        driver: "tiberius".into(),
        close: name.into(),
        target: "embedded".into(),
        sandbox: "two-hosts".into(),
        port_search: "kernel".into(),
        tcp_fin_timeout_s: 60,
        tcp_tw_reuse: 2,
        ephemeral_ports: PortRangeSummary { low: 32768, high: 60999, count: 28_232 },
        repetition: None,
        server_close: Some("orderly".into()),
        faults: vec!["login-18456".into()],
        workers: 1,
        arrivals: "constant 1400/s".into(),
        planned_s: None,
        planned_attempts: Some(ATTEMPTS / 2),
    }
}

/// What one report's attempts came to; the leaky arm fills its range within the first half of its time.
fn load(name: &str, report: u64, held: u64, attempts: u64, noise: &mut Noise) -> LoadInterval {
    let at = LOOK * u32::try_from(report * LOOKS_A_REPORT).expect("a short run");
    let failed = if held >= PORTS { attempts } else { 0 };
    let mut interval = LoadInterval {
        from: at,
        to: at + Duration::from_millis(100),
        schedule: at + Duration::from_millis(100),
        last_start: at + Duration::from_millis(100),
        offered: attempts,
        started: attempts,
        outcomes: [(Outcome::LoginRejected, attempts - failed), (Outcome::PortsExhausted, failed)]
            .into_iter()
            .collect(),
        held,
        ..LoadInterval::default()
    };
    let mut slices: Vec<_> = (0..5).map(|n| ConnectSlice { at: at + LOOK * n, ..ConnectSlice::default() }).collect();
    for n in 0..attempts {
        let slow = if name == "leaky" && held > PORTS / 2 { 400_000 } else { 17_000 };
        let connect = Duration::from_nanos(slow + noise.next(slow));
        interval.schedule_lag.record(Duration::from_nanos(50_000 + noise.next(100_000)));
        interval.latencies.record(Phase::Total, connect * 3);
        let slice = &mut slices[n as usize % 5];
        if failed > 0 {
            interval.latencies.record(Phase::ConnectFailed, connect);
            slice.failed.record(connect);
            continue;
        }
        slice.connect.record(connect);
        interval.latencies.record(Phase::Connect, connect);
        for phase in [Phase::Prelogin, Phase::Login, Phase::Close] {
            interval.latencies.record(phase, Duration::from_nanos(60_000 + noise.next(300_000)));
        }
    }
    interval.connects = slices;
    interval
}

fn side(states: &[(TcpState, u64)], look: u64) -> SideSample {
    let all = states.iter().map(|(_, n)| n).sum();
    let reason = if look == 0 { TableReason::Start } else { TableReason::Periodic };
    let states = states.iter().copied().collect();
    let local_ports = u32::try_from(all).expect("fewer than all ports");
    let table = Table { reason, states, local_ports, memory_bytes: None, cost: Duration::from_millis(1) };
    let counters = Counters { curr_estab: all, in_use: all, ..Counters::default() };
    SideSample { counters, table: Some(table), descriptors: Some(all) }
}

fn sample(held: u64, look: u64, noise: &mut Noise) -> Sample {
    let open = noise.next(40);
    let client = [(TcpState::CloseWait, held), (TcpState::Established, open)];
    let server = [(TcpState::FinWait2, held), (TcpState::Established, open), (TcpState::TimeWait, noise.next(900))];
    let at = LOOK * u32::try_from(look).expect("a short run");
    Sample { at, client: Some(side(&client, look)), server: Some(side(&server, look)) }
}

/// Hands over every event, in order; none is kept, since their histograms together would take gigabytes.
fn events(mut tell: impl FnMut(&Event)) {
    let mut noise = Noise(1);
    let (looks, arms) = (SAMPLES / ARMS.len() as u64, ARMS.len() as u64);
    let (reports, mut told) = (looks / LOOKS_A_REPORT, 0);
    tell(&header());
    for name in ARMS {
        tell(&Event::ArmStarted(Box::new(facts(name))));
        let mut held = 0;
        for report in 0..reports {
            let attempts = (ATTEMPTS / arms * (report + 1) / reports) - (ATTEMPTS / arms * report / reports);
            for look in 0..LOOKS_A_REPORT {
                let now = held + if name == "leaky" { attempts * look / LOOKS_A_REPORT } else { 0 };
                let sample = sample(now.min(PORTS), report * LOOKS_A_REPORT + look, &mut noise);
                tell(&Event::Sample { arm: name.into(), sample: Box::new(sample) });
            }
            if name == "leaky" {
                held = (held + attempts).min(PORTS);
            }
            let interval = load(name, report, held, attempts, &mut noise);
            told += attempts;
            tell(&Event::Load { arm: name.into(), interval: Box::new(interval) });
        }
        tell(&Event::ArmEnded { arm: name.into(), end: Box::new(ArmEnd { complete: true, ..ArmEnd::default() }) });
    }
    tell(&Event::RunEnded { complete: true });
    assert_eq!(told, ATTEMPTS, "the made-up run has as many attempts as it says");
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Monotonic::now();
    let done = work();
    println!("{what}: {:.3} s", Monotonic::now().since(start).as_secs_f64());
    done
}

fn main() {
    let dir = std::env::temp_dir().join(format!("closewait-bench-report-{}", std::process::id()));
    let mut results = ResultDir::create(Some(dir.clone()), "large", "now").expect("a directory of the bench's own");
    let (mut run, mut count) = (Run::default(), 0_u64);
    timed("made up, folded and kept", || {
        events(|event| {
            count += 1;
            run.fold(event);
            results.append(event).expect("room for the record");
        });
    });
    let samples: usize = run.arms.iter().map(|arm| arm.samples.values().len()).sum();
    println!("{count} events, {samples} samples, {ATTEMPTS} attempts");
    let summary = timed("summary and findings", || verdict::summarise(&run));
    let page = timed("report.html", || report::html(&run, &summary));
    println!("report.html: {} bytes", page.len());
    timed("every report of the directory", || results.finish(&run, &summary).expect("room for the reports"));
    timed("the record read again", || ResultDir::read(&dir).expect("it was just written"));
    if std::env::var_os("CLOSEWAIT_BENCH_KEEP").is_some() {
        return println!("kept in {}", dir.display());
    }
    std::fs::remove_dir_all(&dir).expect("the results are ours to remove");
}
