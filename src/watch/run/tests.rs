use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::record::{ArmFacts, Counts, Event, LoadInterval, Outcome, PortRangeSummary, SideSample, Table, TableReason};

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
        arrivals: "2000/s".into(),
        planned_s: Some(2.5),
        planned_attempts: Some(5000),
    }
}

fn side(states: &[(TcpState, u64)], ports: u32) -> Option<SideSample> {
    let states: Counts<TcpState> = states.iter().copied().collect();
    let reason = TableReason::Periodic;
    let table = Table { reason, states, local_ports: ports, memory_bytes: None, cost: Duration::from_millis(1) };
    Some(SideSample { table: Some(table), ..SideSample::default() })
}

/// A leaky arm after a second, or a whole one and an orderly one under way.
fn run(arms: &[&str]) -> Run {
    let mut events = Vec::new();
    for close in arms {
        events.push(Event::ArmStarted(Box::new(facts(close))));
        for step in 0..10u64 {
            let (n, at) = (200 * (step + 1), Duration::from_millis(100 * (step + 1)));
            let held = if *close == "leaky" { n } else { 3 };
            let sample = Sample {
                at,
                client: side(
                    &[(TcpState::CloseWait, held), (TcpState::Established, 4)],
                    u32::try_from(held).unwrap() + 4,
                ),
                server: side(&[(TcpState::FinWait2, if *close == "leaky" { n } else { 0 })], 0),
            };
            events.push(Event::Sample { arm: (*close).into(), sample: Box::new(sample) });
            let outcomes = [(Outcome::LoginRejected, 198), (Outcome::TimedOut, 2)].into_iter().collect();
            let from = at - Duration::from_millis(100);
            let interval =
                LoadInterval { from, to: at, offered: 200, started: 200, outcomes, ..LoadInterval::default() };
            events.push(Event::Load { arm: (*close).into(), interval: Box::new(interval) });
        }
        if *close == "leaky" {
            events.push(Event::Exhausted { arm: "leaky".into(), at_s: Duration::from_millis(995) });
        }
    }
    events.push(Event::Notice { arm: Some("leaky".into()), text: "something that a reader must know".into() });
    Run::from_events(&events)
}

fn screen(run: &Run, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw_run(frame, run, Theme::new(false))).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_run_on_the_screen() {
    insta::assert_snapshot!("80x24-leaky", screen(&run(&["leaky"]), 80, 24));
    insta::assert_snapshot!("80x24-second-arm", screen(&run(&["leaky", "orderly"]), 80, 24));
    insta::assert_snapshot!("160x50-second-arm", screen(&run(&["leaky", "orderly"]), 160, 50));
}

#[test]
fn every_size_and_every_beginning_draws() {
    for run in [Run::default(), run(&["leaky"])] {
        for (width, height) in [(1, 1), (20, 5), (46, 24), (300, 100)] {
            screen(&run, width, height);
        }
    }
}
