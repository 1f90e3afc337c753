//! Closes that an exit may have done, and those that it has not.

use super::*;

/// Refused at 100 and at 140, and closed then; the process exits at 180.
fn suite(first_closed: u64, second_closed: u64) -> Case {
    Case::new(Some(180), 300).with(50, Some(100), Some(first_closed), Some(first_closed)).with(
        130,
        Some(140),
        Some(second_closed),
        Some(second_closed),
    )
}

fn ends(judgement: &Judgement) -> Vec<EndedBy> {
    judgement.connections.iter().map(|it| it.ended_by).collect()
}

/// Tests of a suite follow each other fast: what one of them closed before the next connected was no exit's doing.
#[test]
fn a_close_before_the_next_connection_is_no_exits() {
    let proper = suite(120, 150);
    assert_eq!(ends(&proper.judged()), [EndedBy::ClientFin, EndedBy::ProcessExit], "of the last one nothing is known");
    assert_eq!(ends(&suite(179, 150).judged()), [EndedBy::ProcessExit, EndedBy::ProcessExit], "open until the end");
    let mut others = proper;
    others.testimony.tracks[1].holder = Some((1, 3));
    assert_eq!(ends(&others.judged())[0], EndedBy::ProcessExit, "another process went on, not the one that closed");
}

/// A program that kept one of eight connections, and ended 20 ms after its logins, was called clean.
#[test]
fn one_connection_that_an_exit_may_have_closed_leaves_it_undecided() {
    for case in [suite(120, 180), suite(180, 150), suite(120, 150)] {
        assert_eq!(case.judged().verdict, CheckVerdict::Undecided);
    }
}

/// Interpreters close what a script left open, some of them at once, and wind up behind that: a script of PHP, Perl or Python
/// that kept its socket was called clean.
#[test]
fn a_close_before_the_exit_may_be_an_interpreters() {
    let of = |closed: u64, exit: u64| {
        let mut case = Case::new(Some(exit), 1000).with(50, Some(100), Some(closed), Some(closed));
        case.process.last_running = at(exit - 1);
        (case.judged().verdict, ends(&case.judged())[0])
    };
    assert_eq!(of(100, 150), (CheckVerdict::Undecided, EndedBy::ProcessExit));
    assert_eq!(of(100, 200), (CheckVerdict::Undecided, EndedBy::ProcessExit));
    assert_eq!(of(100, 201), (CheckVerdict::Clean, EndedBy::ClientFin), "no wind-up takes so long");
}

/// A child that lived for a few milliseconds was never seen, and its end was taken for a proper close.
#[test]
fn a_close_by_an_unseen_child_proves_nothing() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(103), Some(103));
    case.testimony.tracks.clear();
    assert_eq!(case.judged().verdict, CheckVerdict::Clean, "there is one process alone");
    let (shell, other) = (case.process.clone(), case.process.clone());
    let of = |case: &Case, other: Process| {
        judge(case.testimony.connections(), &[shell.clone(), other], &case.course, &case.limits).verdict
    };
    assert_eq!(of(&case, other.clone()), CheckVerdict::Undecided);
    // One that held another connection, and lives on, is taken for the holder of this.
    let mut case = case.with(200, Some(210), Some(220), Some(220));
    case.testimony.tracks[0].holder = Some((1, 3));
    assert_eq!(of(&case, Process { descriptors: vec![(at(20), [].into())], ..other }), CheckVerdict::Clean);
}

/// On a busy machine no look fell into a connection of some milliseconds, and a shell that ran a proper program was undecided.
#[test]
fn where_no_process_was_missed_all_are_asked() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(103), Some(103));
    case.testimony.tracks.clear();
    let mut verdict = |all_seen_until: u64, ran_until: u64| {
        case.course.all_seen_until = Some(at(all_seen_until));
        let shell = Process { last_running: at(9000), ..case.process.clone() };
        let program = Process { pid: PID + 1, last_running: at(ran_until), gone: Some(at(8000)), ..shell.clone() };
        judge(case.testimony.connections(), &[shell, program], &case.course, &case.limits).verdict
    };
    assert_eq!(verdict(200, 7990), CheckVerdict::Clean);
    assert_eq!(verdict(102, 7990), CheckVerdict::Undecided, "one may have come between");
    assert_eq!(verdict(200, 102), CheckVerdict::Undecided, "its end may have closed it");
}
