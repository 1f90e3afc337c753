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

impl Case {
    /// Its process was seen to run at that time.
    fn ran_at(mut self, millis: u64) -> Self {
        self.process.last_running = at(millis);
        self
    }
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

/// A script that closed, and ended within 100 ms, was undecided.
#[test]
fn who_closes_at_once_and_runs_on_has_not_closed_by_its_exit() {
    let proper = suite(120, 140).ran_at(141).judged();
    assert_eq!((proper.verdict, &*ends(&proper)), (CheckVerdict::Clean, &[EndedBy::ClientFin, EndedBy::ClientFin][..]));
    assert_eq!(suite(120, 140).ran_at(139).judged().verdict, CheckVerdict::Undecided, "not seen behind it");
    assert_eq!(suite(120, 179).ran_at(170).judged().verdict, CheckVerdict::Undecided);
    // No packet told of the close, but a look showed the process running without it.
    let looked = |let_go| {
        let mut case = suite(120, 140);
        let packets = case.testimony.packets.as_mut().unwrap();
        (packets[1].client_fin, packets[1].server_rst) = (None, Some(at(140)));
        case.testimony.tracks[1].let_go = let_go;
        ends(&case.judged())[1]
    };
    assert_eq!((looked(true), looked(false)), (EndedBy::ServerRst, EndedBy::ProcessExit));
}

/// An interpreter that ends closes what its script has left open, some milliseconds before the exit: that was called clean.
#[test]
fn what_an_interpreter_tears_down_was_not_closed_by_its_script() {
    let of = |over: u64, closed: u64, exit: u64| {
        let micros = |it: u64| at(0).after(std::time::Duration::from_micros(it));
        let mut case = Case::new(Some(180), 300).with(50, Some(100), Some(140), Some(140)).ran_at(200);
        (case.testimony.told[0].over, case.course.ended) = (Some(micros(over)), Some((micros(exit), Some(0), None)));
        case.testimony.tracks[0].last_held = at(60);
        let packets = &mut case.testimony.packets.as_mut().unwrap()[0];
        (packets.server_fin, packets.client_fin) = (Some(micros(over)), Some(micros(closed)));
        ends(&case.judged())[0]
    };
    assert_eq!(of(100_000, 100_160, 129_000), EndedBy::ClientFin, "python-tds, which closes");
    assert_eq!(of(100_000, 100_690, 123_000), EndedBy::ClientFin, "pymssql, at its slowest");
    assert_eq!(of(100_000, 101_060, 106_700), EndedBy::ProcessExit, "a socket that a module keeps, at its fastest");
    assert_eq!(of(100_000, 100_400, 107_000), EndedBy::ProcessExit, "the same on a machine that is faster");
    assert_eq!(of(100_000, 186_840, 247_000), EndedBy::ProcessExit, "among a lot of garbage");
}

/// Nobody was seen to hold it: then every process that was there must have gone on.
#[test]
fn who_was_not_seen_to_close_must_have_been_one_that_ran_on() {
    let mut case = suite(120, 140).ran_at(141);
    case.testimony.tracks.clear();
    let other = Process { pid: PID + 1, last_running: at(139), ..case.process.clone() };
    let of =
        |processes: &[Process]| ends(&judge(case.testimony.connections(), processes, &case.course, &case.limits))[1];
    assert_eq!(of(std::slice::from_ref(&case.process)), EndedBy::ClientFin);
    assert_eq!(of(&[case.process.clone(), other.clone()]), EndedBy::ProcessExit);
    let gone = |millis| Process { last_alive: at(100), gone: Some(at(millis)), ..other.clone() };
    assert_eq!(of(&[case.process.clone(), gone(129)]), EndedBy::ClientFin, "it had gone before");
    assert_eq!(of(&[case.process.clone(), gone(155)]), EndedBy::ProcessExit, "it may have been there until then");
    let lives = Process { gone: None, ..other };
    assert_eq!(of(&[case.process.clone(), lives]), EndedBy::ClientFin);
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
