//! Test support: fixed checks of a Python program, one for each thing that a report must show.

use std::collections::BTreeMap;

use crate::record::{
    Check, CheckLimits, CheckVerdict, ConnectionRow, EndedBy, FaultCheck, HeldMs, HoldingProcess, HostFacts,
    Named as _, Symptom, TcpState,
};

/// Every fixture.
pub(in crate::report) fn all() -> [Check; 4] {
    [leak(), clean(), undecided(), matrix()]
}

/// Five connections that stay open until the program ends.
pub(in crate::report) fn leak() -> Check {
    let mut check = of(vec![leaky("login-18456")]);
    check.notices = vec!["the sandbox has no second CPU set: the server and the command share 2 cores".into()];
    check
}

/// Three connections that are closed at once.
pub(in crate::report) fn clean() -> Check {
    of(vec![tidy("login-18456")])
}

/// A program that ends before anything is proved.
pub(in crate::report) fn undecided() -> Check {
    let mut fault = played("login-18456", CheckVerdict::Undecided);
    fault.reason =
        "the one faulted connection ended with its process, 310 ms after its login was over and sooner than \
                    the grace of 2 s: nothing was proved. Keep the program running for longer than the grace, or \
                    shorten it with `--grace 200ms`."
            .into();
    fault.command_exit = Some(1);
    fault.command_wall_s = 0.421;
    (fault.connections, fault.faulted) = (1, 1);
    fault.ended_by.insert(EndedBy::ProcessExit, 1);
    fault.held_ms = HeldMs { p50: Some(310.2), max: Some(310.2) };
    fault.rows = vec![ConnectionRow {
        opened_s: 0.1,
        over_s: Some(0.111),
        closed_s: Some(0.421),
        held_ms: Some(310.2),
        leaked: false,
        ..row(0)
    }];
    fault.output_tail = "Traceback (most recent call last):\n  File \"app.py\", line 12, in <module>\n\
                         pymssql.OperationalError: (18456, b\"Login failed for user 'app'.\")\n"
        .into();
    of(vec![fault])
}

/// Four faults: a known leak, a clean one, a new hang, and one that was not reached.
pub(in crate::report) fn matrix() -> Check {
    let known = FaultCheck { known: true, ..leaky("login-18456") };
    let mut hang = played("login-stall", CheckVerdict::Hang);
    hang.reason =
        "one connection waited for 30 s on a login that is never over, and its process did nothing else. Give \
                   the client a time-out for the whole login, not only for the connect, and close the connection when \
                   it strikes."
            .into();
    hang.command_stopped = true;
    hang.command_exit = None;
    hang.command_wall_s = 30.412;
    (hang.connections, hang.faulted) = (1, 1);
    hang.ended_by.insert(EndedBy::Harness, 1);
    hang.symptoms = vec![Symptom::Spin];
    hang.symptoms_seen = vec!["thread 314 took 29.8 s of processor time in 30.4 s".into()];
    let mut missed = played("tls-garbage", CheckVerdict::NotReached);
    missed.reason =
        "its one connection went on in clear, so that TLS never began. Ask for encryption to test this.".into();
    missed.connections = 1;
    missed.ended_by.insert(EndedBy::ClientFin, 1);
    of(vec![known, tidy("login-4060"), hang, missed])
}

fn of(faults: Vec<FaultCheck>) -> Check {
    Check {
        schema: Check::SCHEMA.into(),
        command: ["python3", "app.py", "{host}", "{port}"].map(str::to_owned).into(),
        seed: 1,
        complete: true,
        host: HostFacts { kernel: "6.18.44".into(), cores: 2, nofile: 20_000 },
        sandbox: "two-hosts".into(),
        target: "sql.test:1433".into(),
        limits: CheckLimits { grace_s: 2.0, patience_s: 30.0, timeout_s: 600.0 },
        notices: Vec::new(),
        passed: !faults.iter().any(|fault| fault.failed && !fault.known),
        faults,
    }
}

fn played(fault: &str, verdict: CheckVerdict) -> FaultCheck {
    FaultCheck {
        fault: fault.into(),
        verdict,
        failed: verdict.fails(),
        known: false,
        reason: String::new(),
        command_exit: Some(0),
        command_signal: None,
        command_stopped: false,
        command_wall_s: 6.1,
        connections: 0,
        faulted: 0,
        leaked: 0,
        ended_by: EndedBy::ALL.iter().map(|&by| (by, 0)).collect(),
        held_ms: HeldMs::default(),
        held_states: BTreeMap::new(),
        symptoms: Vec::new(),
        symptoms_seen: Vec::new(),
        processes: Vec::new(),
        rows: Vec::new(),
        rows_omitted: 0,
        disagreements: Vec::new(),
        notices: Vec::new(),
        output_tail: String::new(),
    }
}

fn leaky(name: &str) -> FaultCheck {
    let mut fault = played(name, CheckVerdict::Leak);
    fault.reason =
        "5 of 5 connections were held in CLOSE_WAIT for 5.0 s after the server had refused their logins and \
                    closed, until the process ended; the grace is 2 s. Close the connection when the login fails too, \
                    in a finally block, say."
            .into();
    (fault.connections, fault.faulted, fault.leaked) = (5, 5, 5);
    fault.ended_by.insert(EndedBy::ProcessExit, 5);
    fault.held_ms = HeldMs { p50: Some(5010.0), max: Some(5020.0) };
    fault.held_states.insert(TcpState::CloseWait, 5);
    fault.symptoms = vec![Symptom::DescriptorsGrow];
    fault.symptoms_seen = vec!["each failed login left an eventfd behind: 5 more after 5 logins".into()];
    fault.processes = vec![HoldingProcess {
        pid: 312,
        command: "python3 app.py sql.test 1433".into(),
        held: 5,
        descriptors: vec![4, 6, 8, 10, 12],
    }];
    fault.rows = (0..5).map(row).collect();
    fault.output_tail = "try 5: Login failed for user 'app'.\ngiving up\n".into();
    fault
}

fn tidy(name: &str) -> FaultCheck {
    let mut fault = played(name, CheckVerdict::Clean);
    fault.reason = "every faulted connection was closed within the grace of 2 s.".into();
    (fault.connections, fault.faulted) = (3, 3);
    fault.ended_by.extend([(EndedBy::ClientFin, 2), (EndedBy::ClientRst, 1)]);
    fault.held_ms = HeldMs { p50: Some(0.412), max: Some(0.412) };
    let closed = |n, ended_by| ConnectionRow {
        closed_s: Some(1.080_412 + 0.005 * f64::from(n)),
        held_ms: Some(0.412),
        state: Some(TcpState::Established),
        ended_by,
        leaked: false,
        ..row(n)
    };
    fault.rows = vec![closed(0, EndedBy::ClientFin), closed(1, EndedBy::ClientRst), closed(2, EndedBy::ClientFin)];
    fault
}

/// A connection that is opened 5 ms after the one before, and held to the end of the process.
fn row(n: u16) -> ConnectionRow {
    let opened = 1.069 + 0.005 * f64::from(n);
    ConnectionRow {
        port: 40_000 + n,
        server: "10.77.0.2:1433".into(),
        opened_s: opened,
        faulted: true,
        login: "refused (18456)".into(),
        over_s: Some(opened + 0.011),
        closed_s: Some(6.1),
        held_ms: Some((6.1 - opened - 0.011) * 1e3),
        ended_by: EndedBy::ProcessExit,
        state: Some(TcpState::CloseWait),
        pid: Some(312),
        descriptor: Some(4 + 2 * u32::from(n)),
        leaked: true,
    }
}
