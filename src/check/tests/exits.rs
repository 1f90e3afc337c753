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

impl Case {
    /// The process when it is about to exit, with these connections open.
    fn exit(&self, exit: u64, open: &[usize]) -> Exit {
        let open = open.iter().map(|at| &self.testimony.tracks[*at]);
        let (inodes, open) = open.map(|it| (it.inode, (it.client, it.server))).unzip();
        Exit { pid: PID, started: 1, at: at(exit), inodes: Some(inodes), open }
    }

    fn with_exit(mut self, exit: Exit) -> Self {
        self.testimony.exits.add(exit);
        self
    }

    /// It was looked at when it was about to exit.
    fn looked_at(self, exit: u64, open: &[usize]) -> Self {
        let exit = self.exit(exit, open);
        self.with_exit(exit)
    }
}

/// Where nobody looks, what one test of a suite closed before the next one connected is no exit's doing.
#[test]
fn a_close_before_the_next_connection_is_no_exits() {
    assert_eq!(
        ends(&suite(120, 150).judged()),
        [EndedBy::ClientFin, EndedBy::ProcessExit],
        "of the last nothing is known"
    );
    assert_eq!(ends(&suite(179, 150).judged()), [EndedBy::ProcessExit, EndedBy::ProcessExit], "open until the end");
    let mut others = suite(120, 150);
    others.testimony.tracks[1].holder = Some((1, 3));
    assert_eq!(ends(&others.judged())[0], EndedBy::ProcessExit, "another process went on, not the one that closed");
}

/// A program that kept one of eight connections, and exited 20 ms after its logins, was called clean.
#[test]
fn one_connection_that_an_exit_closed_leaves_it_undecided() {
    for case in [suite(120, 180), suite(180, 150), suite(120, 150)] {
        assert_eq!(case.judged().verdict, CheckVerdict::Undecided, "nobody looked");
    }
    assert_eq!(suite(120, 180).looked_at(179, &[1]).judged().verdict, CheckVerdict::Undecided);
    assert_eq!(suite(180, 150).looked_at(179, &[0]).judged().verdict, CheckVerdict::Undecided);
}

/// A script that closes and exits was undecided unless it went on for another 100 ms.
#[test]
fn what_a_process_does_not_have_at_its_exit_it_has_closed() {
    let proper = suite(120, 178).looked_at(179, &[]).judged();
    assert_eq!((proper.verdict, &*ends(&proper)), (CheckVerdict::Clean, &[EndedBy::ClientFin, EndedBy::ClientFin][..]));
    // A shutdown is not a close: the descriptor was still there.
    let half = suite(120, 150).looked_at(179, &[1]).judged();
    assert_eq!((half.verdict, ends(&half)[1]), (CheckVerdict::Undecided, EndedBy::ProcessExit));
    // It is long before the exit that a busy machine closes what the exit does, and the look does not mind.
    let mut slow = suite(120, 700).looked_at(179, &[1]);
    slow.course.ended = Some((at(900), Some(0), None));
    assert_eq!(ends(&slow.judged())[1], EndedBy::ProcessExit);
    // Another thread connects while the process is looked at.
    let late = suite(120, 180).looked_at(125, &[]).judged();
    assert_eq!((late.verdict, ends(&late)[1]), (CheckVerdict::Undecided, EndedBy::ProcessExit));
}

/// A reset leaves a socket in no table: it is known by its inode alone. Its two ends may be another's by then.
#[test]
fn a_socket_is_known_by_its_inode() {
    let exit = Exit { open: vec![], ..suite(120, 180).exit(179, &[1]) };
    assert_eq!(ends(&suite(120, 180).with_exit(exit.clone()).judged())[1], EndedBy::ProcessExit);
    let exit = Exit { inodes: Some(vec![]), ..suite(120, 180).exit(179, &[1]) };
    assert_eq!(ends(&suite(120, 180).with_exit(exit).judged())[1], EndedBy::ClientFin);
}

/// An exit is of one process, and of that run of its number alone.
#[test]
fn the_exit_of_another_process_says_nothing() {
    let case = suite(120, 178);
    let earlier = Exit { started: 2, ..case.exit(179, &[]) };
    assert_eq!(ends(&case.with_exit(earlier).judged())[1], EndedBy::ProcessExit, "nobody looked at this one");
    // A child that was forked with the connection exits at once, and its parent closes it later.
    let case = suite(120, 150).looked_at(179, &[]);
    let child = Exit { pid: PID + 1, ..case.exit(145, &[1]) };
    assert_eq!(ends(&case.with_exit(child).judged())[1], EndedBy::ClientFin);
}

/// A child that lived for a few milliseconds was never seen, and its end was taken for a proper close.
#[test]
fn a_close_by_an_unseen_child_proves_nothing() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(103), Some(103));
    let track = case.testimony.tracks.remove(0);
    assert_eq!(case.judged().verdict, CheckVerdict::Clean, "there is one process alone");
    let (shell, other) = (case.process.clone(), case.process.clone());
    let of = |case: &Case, other: Process| case.judged_with(&[shell.clone(), other]).verdict;
    assert_eq!(of(&case, other.clone()), CheckVerdict::Undecided);
    // Looked at when it exits, it has the connection or has not.
    for (open, verdict) in
        [(vec![(track.client, track.server)], CheckVerdict::Undecided), (vec![], CheckVerdict::Clean)]
    {
        let child = Exit { pid: 99, started: 1, at: at(102), inodes: Some(vec![1]), open };
        let shell = Exit { pid: PID, started: 1, at: at(8999), inodes: Some(vec![]), open: vec![] };
        let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(103), Some(103));
        case.testimony.tracks.clear();
        assert_eq!(of(&case.with_exit(child).with_exit(shell), other.clone()), verdict);
    }
    // Into one that may not be looked into nobody has looked.
    let blind = Exit { pid: 98, started: 1, at: at(103), inodes: None, open: vec![] };
    let shell_exit = Exit { pid: PID, started: 1, at: at(8999), inodes: Some(vec![]), open: vec![] };
    let mut unseen = Case::new(Some(9000), 9100).with(50, Some(100), Some(103), Some(103));
    unseen.testimony.tracks.clear();
    assert_eq!(of(&unseen.with_exit(shell_exit).with_exit(blind), other.clone()), CheckVerdict::Undecided);
    // One that held another connection, and lives on, is taken for the holder of this.
    let mut case = case.with(200, Some(210), Some(220), Some(220));
    case.testimony.tracks[0].holder = Some((1, 3));
    assert_eq!(of(&case, Process { descriptors: vec![(at(20), [].into())], ..other }), CheckVerdict::Clean);
}
