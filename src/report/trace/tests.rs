//! What a trace looks like, at three widths.

use super::*;
use crate::record::TcpState;

fn at(trace: &Trace, columns: usize) -> String {
    trace_terminal(trace, Style::new(false, columns))
}

#[test]
fn one_connection_at_80_columns() {
    insta::assert_snapshot!(at(&fixture::leak(), 80));
}

#[test]
fn one_connection_at_160_columns() {
    insta::assert_snapshot!(at(&fixture::leak(), 160));
}

#[test]
fn two_connections_stand_side_by_side_where_there_is_room() {
    insta::assert_snapshot!(at(&fixture::both(), 160));
    let below = at(&fixture::both(), 80);
    assert!(!below.contains('│') && below.contains("leaky  ") && below.contains("orderly  "), "{below}");
}

#[test]
fn no_line_is_wider_than_it_may_be() {
    for trace in [fixture::leak(), fixture::both()] {
        for columns in [80, 100, 120, 149, 150, 160, 240] {
            let text = at(&trace, columns);
            let widest = text.lines().map(text::columns).max().unwrap();
            assert!(widest <= columns, "{widest} of {columns}:\n{text}");
        }
    }
}

#[test]
fn the_strategy_of_a_good_login_is_named_as_such() {
    let mut trace = fixture::leak();
    let connection = &mut trace.connections[0];
    (connection.outcome, connection.close) = (Some(Outcome::LoggedIn), "orderly".to_owned());
    assert!(at(&trace, 160).contains("close orderly after a good login (leaky after a failed one), "));
    trace.connections[0].outcome = None;
    assert!(at(&trace, 160).contains("close leaky after a failed login, orderly after a good one, "));
}

#[test]
fn a_close_that_no_frame_tells_is_not_called_a_frame_s() {
    let mut trace = fixture::leak();
    let connection = &mut trace.connections[0];
    connection.frames.truncate(1);
    connection.client_end = TraceEnd { state: TcpState::Close, kernel: None, ..connection.client_end };
    let text = at(&trace, 100);
    assert!(text.contains("client CLOSE, server FIN_WAIT_2, by the frames and the client's giving up"), "{text}");
}

#[test]
fn a_kernel_that_disagrees_is_told() {
    let mut trace = fixture::leak();
    trace.connections[0].server_end =
        TraceEnd { state: TcpState::FinWait2, kernel: Some(TcpState::FinWait1), agrees: Some(false) };
    let text = at(&trace, 80);
    assert!(text.contains("DISAGREES: client CLOSE_WAIT, server FIN_WAIT_1"), "{text}");
}

#[test]
fn a_kernel_that_could_not_be_compared_is_not_accused() {
    let mut trace = fixture::leak();
    trace.connections[0].server_end =
        TraceEnd { state: TcpState::FinWait2, kernel: Some(TcpState::FinWait1), agrees: None };
    let text = at(&trace, 100);
    assert!(text.contains("not compared (frames still came"), "{text}");
    assert!(!text.contains("agrees") && !text.contains("DISAGREES"), "{text}");
}

#[test]
fn a_trace_that_was_broken_off_says_so() {
    let mut trace = fixture::leak();
    (trace.complete, trace.connections[0].broken_off) = (false, true);
    let text = at(&trace, 100);
    assert!(text.contains("broken off  by a signal, before the client had done with its socket"), "{text}");
    assert!(text.contains("stopped by a signal: what was traced until then stands above"), "{text}");
    trace.connections.clear();
    assert_eq!(at(&trace, 100), "stopped by a signal before a connection was begun\n");
}

#[test]
fn a_name_drives_no_terminal() {
    let mut trace = fixture::both();
    for connection in &mut trace.connections {
        connection.name = "a\u{1b}[2J".to_owned();
        connection.frames[3].what = "user '\u{1b}]0;x\u{7}'".to_owned();
        connection.remarks[0].text = "\u{1b}[31m".to_owned();
    }
    for columns in [80, 160] {
        assert!(!at(&trace, columns).contains('\u{1b}'));
    }
}

#[test]
fn the_document_fits_its_schema() {
    let schema = jsonschema::validator_for(&crate::report::schema("trace").unwrap()).unwrap();
    for trace in [fixture::leak(), fixture::both()] {
        let document: serde_json::Value = serde_json::from_str(&trace_json(&trace).unwrap()).unwrap();
        schema.validate(&document).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(serde_json::from_value::<Trace>(document).unwrap(), trace);
    }
}
