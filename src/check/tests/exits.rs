//! Closes that an exit may have done, and those that it has not.

use super::*;

/// Tests of a suite follow each other fast: what one of them closed before the next connected was no exit's doing.
#[test]
fn a_close_before_the_next_connection_is_no_exits() {
    let suite = |first_closed| {
        Case::new(Some(180), 300).with(50, Some(100), Some(first_closed), Some(first_closed)).with(
            130,
            Some(140),
            Some(150),
            Some(150),
        )
    };
    let proper = suite(120).judged();
    assert_eq!(proper.verdict, CheckVerdict::Clean);
    let ends: Vec<_> = proper.connections.iter().map(|it| it.ended_by).collect();
    assert_eq!(ends, [EndedBy::ClientFin, EndedBy::ProcessExit], "of the last one nothing is known");
    assert_eq!(suite(179).judged().verdict, CheckVerdict::Undecided, "the first was open until the end");
    let mut others = suite(120);
    others.testimony.tracks[1].holder = Some((1, 3));
    assert_eq!(others.judged().verdict, CheckVerdict::Undecided, "another process went on, not the one that closed");
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
