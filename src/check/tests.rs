//! Verdicts over made-up testimonies: what no program can be made to do to the millisecond.

use std::time::Duration;

use super::evidence::{Testimony, Told};
use super::explain::explain;
use super::judge::{Course, FailOn, Judgement, Limits, Stopped, judge};
use super::track::{Process, Stray, Track};
use crate::capture::Entry;
use crate::record::{CheckVerdict, EndedBy, Symptom, TcpState};
use crate::units::Monotonic;
use crate::wire::{Deed, Entry as Line, Journal, LoginEnd, MessageKind, Party};

mod beside;
mod exits;
mod late;
mod tracks;

const PID: u32 = 7;

/// Milliseconds since the command's start, which is at one second.
fn at(millis: u64) -> Monotonic {
    Monotonic::from_nanos((1000 + millis) * 1_000_000)
}

fn limits() -> Limits {
    Limits {
        grace: Duration::from_secs(2),
        patience: Duration::from_secs(10),
        logins: None,
        allow_undecided: false,
        fail_on: Vec::new(),
    }
}

/// A trial whose command exits at `exit`, and whose observation ends at `end`.
struct Case {
    testimony: Testimony,
    process: Process,
    course: Course,
    limits: Limits,
}

impl Case {
    fn new(exit: Option<u64>, end: u64) -> Self {
        let ended = exit.map(|exit| (at(exit), Some(0), None));
        Self {
            testimony: Testimony {
                packets: Some(Vec::new()),
                looked: Some(at(end)),
                nobody_left: exit.is_some(),
                ..Testimony::default()
            },
            process: Process {
                pid: PID,
                started: 1,
                command: "app".to_owned(),
                last_alive: at(exit.unwrap_or(end)),
                last_running: at(0),
                gone: exit.map(|exit| at(exit + 10)),
                descriptors: Vec::new(),
                busy: Vec::new(),
                waits: Vec::new(),
            },
            course: Course {
                started: at(0),
                ended,
                command: PID,
                all_seen_until: None,
                stopped_at: None,
                stopped: Stopped::No,
                now: at(end),
            },
            limits: limits(),
        }
    }

    fn stopped(mut self, why: Stopped, when: u64) -> Self {
        self.course.stopped = why;
        self.course.stopped_at = Some(at(when));
        self
    }

    /// A connection opened at `opened`, its login over at `over`, whose client sends a FIN at `fin` and lets its descriptor
    /// go at `gone`.
    fn with(mut self, opened: u64, over: Option<u64>, fin: Option<u64>, gone: Option<u64>) -> Self {
        let client = ([198, 18, 0, 1], 40000 + u16::try_from(self.testimony.told.len()).unwrap()).into();
        let server = ([198, 18, 0, 2], 1433).into();
        self.testimony.packets.get_or_insert_default().push(Entry {
            client,
            server,
            opened: at(opened),
            syns: 1,
            answered: Some(at(opened)),
            client_fin: fin.map(at),
            client_rst: None,
            server_fin: over.map(at),
            server_rst: None,
        });
        self.testimony.tracks.push(Track {
            client,
            server,
            seen: at(opened),
            state: if over.is_some() { TcpState::CloseWait } else { TcpState::Established },
            holder: Some((0, 3)),
            last_held: at(gone.unwrap_or(0).saturating_sub(10)),
            gone: gone.map(at),
        });
        self.testimony.told.push(Told {
            client,
            server,
            opened: at(opened),
            faulted: true,
            login: over.map(|_| LoginEnd::Refused { number: 18456, state: 1 }),
            over: over.map(at),
            closed_first: None,
            continued_in_clear: false,
            took_refusal_for_login: false,
        });
        self
    }

    fn judged(&self) -> Judgement {
        judge(self.testimony.connections(), std::slice::from_ref(&self.process), &self.course, &self.limits)
    }

    #[track_caller]
    fn expect(&self, verdict: CheckVerdict, ended_by: EndedBy) {
        let judgement = self.judged();
        assert_eq!((judgement.verdict, judgement.connections[0].ended_by), (verdict, ended_by), "{judgement:#?}");
    }
}

#[test]
fn the_grace_parts_a_late_close_from_a_leak() {
    use CheckVerdict::{Clean, Leak};
    for (closed, verdict) in [(110, Clean), (2000, Clean), (2099, Clean), (2101, Leak), (4000, Leak)] {
        Case::new(Some(9000), 9100).with(50, Some(100), Some(closed), Some(closed)).expect(verdict, EndedBy::ClientFin);
    }
    Case::new(Some(5000), 5100).with(50, Some(100), Some(4999), Some(5000)).expect(Leak, EndedBy::ProcessExit);
    Case::new(None, 5000).with(50, Some(100), None, None).expect(Leak, EndedBy::Never);
}

#[test]
fn a_descriptor_that_was_only_shut_down_is_held() {
    let case = Case::new(Some(9000), 9100).with(50, Some(100), Some(110), Some(4000));
    case.expect(CheckVerdict::Leak, EndedBy::ClientFin);
    assert!(case.judged().connections[0].held.unwrap() > Duration::from_secs(3));
}

#[test]
fn an_exit_too_soon_proves_nothing() {
    use CheckVerdict::{Clean, Undecided};
    Case::new(Some(200), 300).with(50, Some(100), Some(199), Some(200)).expect(Undecided, EndedBy::ProcessExit);
    // A close right before the exit cannot be told from it, whatever was closed earlier.
    let closes = |last_fin| {
        Case::new(Some(2200), 2300).with(2050, Some(2080), Some(last_fin), Some(last_fin)).with(
            50,
            Some(100),
            Some(101),
            Some(101),
        )
    };
    assert_eq!(closes(2090).judged().verdict, Clean);
    assert_eq!(closes(2110).judged().verdict, Undecided);
    let undecided = closes(2200).judged();
    assert_eq!(undecided.verdict, Undecided);
    let told = explain(&undecided, Stopped::No, None, &limits());
    assert!(
        told.contains("the grace and 1 s (3s)") && told.contains("100 ms after the last close are enough"),
        "{told}"
    );
    let mut allowed = Case::new(Some(200), 300).with(50, Some(100), Some(199), Some(200));
    assert!(allowed.judged().failed);
    allowed.limits.allow_undecided = true;
    assert!(!allowed.judged().failed);
}

#[test]
fn a_wait_without_end_is_a_hang_or_a_leak() {
    use CheckVerdict::{Clean, Hang, Leak};
    // Given up in time.
    Case::new(Some(20_000), 20_100).with(50, None, Some(3000), Some(3000)).expect(Clean, EndedBy::ClientFin);
    // Waited for until this program stopped it.
    Case::new(Some(15_100), 15_200)
        .stopped(Stopped::Hang, 15_050)
        .with(50, None, Some(15_100), Some(15_100))
        .expect(Hang, EndedBy::Harness);
    // The process came to its own end, long after, and had never closed it.
    let left = Case::new(Some(14_000), 14_100).with(50, None, Some(14_000), Some(14_000));
    left.expect(Leak, EndedBy::ProcessExit);
    assert_eq!(left.judged().connections[0].held, Some(Duration::from_millis(13_950)), "since it was opened");
    // It went on with another connection.
    Case::new(None, 12_000)
        .with(50, None, None, None)
        .with(6000, None, Some(7000), Some(7000))
        .expect(Leak, EndedBy::Never);
    Case::new(None, 12_000)
        .with(50, None, None, None)
        .with(1000, None, Some(2000), Some(2000))
        .expect(Hang, EndedBy::Never);
}

/// A program of FreeTDS that a shell had started was said to leak or to hang, by whether a look fell between our SIGTERM and
/// its end.
#[test]
fn an_end_that_we_gave_a_child_is_not_its_own() {
    let mut case =
        Case::new(Some(15_100), 15_200).stopped(Stopped::Hang, 15_050).with(50, None, Some(15_100), Some(15_100));
    case.process.pid = PID + 1;
    for last_alive in [15_040, 15_060] {
        case.process.last_alive = at(last_alive);
        case.expect(CheckVerdict::Hang, EndedBy::Harness);
    }
    (case.process.last_alive, case.process.gone) = (at(14_000), Some(at(14_010)));
    assert_eq!(case.judged().verdict, CheckVerdict::Leak, "it came to its own end");
}

#[test]
fn a_chain_of_retries_is_one_wait() {
    let chain = |gap: u64| {
        (0..5).fold(Case::new(None, 16_000), |case, link| {
            let opened = link * (3000 + gap);
            case.with(opened, None, Some(opened + 3000), Some(opened + 3000))
        })
    };
    chain(100).stopped(Stopped::Timeout, 15_600).expect(CheckVerdict::Hang, EndedBy::ClientFin);
    chain(1500).stopped(Stopped::Timeout, 15_600).expect(CheckVerdict::Timeout, EndedBy::ClientFin);
    // Who comes to an end has not hung, however long it took.
    let mut ended = chain(100);
    ended.course.ended = Some((at(15_900), Some(0), None));
    ended.expect(CheckVerdict::Clean, EndedBy::ClientFin);
}

#[test]
fn a_session_that_is_kept_is_no_leak_and_a_dead_one_is_a_symptom() {
    let mut case = Case::new(None, 9000).with(50, Some(100), None, None);
    case.testimony.told[0].login = Some(LoginEnd::Accepted);
    let judgement = case.judged();
    assert_eq!(judgement.verdict, CheckVerdict::Clean);
    assert_eq!(judgement.symptoms.iter().map(|it| it.symptom).collect::<Vec<_>>(), [Symptom::KeepsDeadSession]);
    assert!(!judgement.failed);
    case.limits.fail_on = vec![FailOn::Symptom(Symptom::KeepsDeadSession)];
    assert!(case.judged().failed);
    case.testimony.told[0].over = None;
    case.testimony.packets.as_mut().unwrap()[0].server_fin = None;
    assert!(case.judged().symptoms.is_empty(), "a pool keeps what is good");
}

#[test]
fn a_signal_of_ours_is_no_crash() {
    let killed = |case: Case, when: u64, signal| {
        let mut case = case;
        case.course.ended = Some((at(when), None, Some(signal)));
        case.judged().verdict
    };
    assert_eq!(killed(Case::new(Some(500), 600), 500, 11), CheckVerdict::Crash);
    assert_eq!(killed(Case::new(Some(500), 600).stopped(Stopped::InTime, 400), 500, 15), CheckVerdict::NoConnection);
}

#[test]
fn a_fault_that_never_came_is_not_reached() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), None, Some(8000));
    case.testimony.told[0].faulted = false;
    case.expect(CheckVerdict::NotReached, EndedBy::ClientFin);
    assert!(!case.judged().failed);
    case.limits.fail_on = vec![FailOn::NotReached];
    assert!(case.judged().failed);
}

#[test]
fn a_descriptor_that_a_reset_left_in_no_state_is_a_leak() {
    let mut case = Case::new(None, 5000).with(50, Some(100), None, None);
    let packets = case.testimony.packets.as_mut().unwrap();
    packets[0].server_fin = None;
    packets[0].server_rst = Some(at(100));
    // It was reset before a look saw it alive.
    case.testimony.tracks.clear();
    case.testimony.strays = vec![Stray { holder: (0, 9), seen: at(105), last_held: at(105), gone: None }];
    case.expect(CheckVerdict::Leak, EndedBy::Never);
    assert_eq!(case.judged().connections[0].connection.state, Some(TcpState::Close));
    case.testimony.strays[0].gone = Some(at(300));
    case.expect(CheckVerdict::Clean, EndedBy::ServerRst);
}

#[test]
fn a_port_that_is_used_again_is_another_connection() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(110), Some(110)).with(
        5000,
        Some(5100),
        Some(8000),
        Some(8000),
    );
    let first = case.testimony.told[0].client;
    case.testimony.told[1].client = first;
    case.testimony.tracks[1].client = first;
    case.testimony.packets.as_mut().unwrap()[1].client = first;
    let leaked: Vec<bool> = case.judged().connections.iter().map(|it| it.leaked).collect();
    assert_eq!(leaked, [false, true]);
}

/// Of 14200 connections of a driver that a server routed to itself, 22 were said to have been held for a minute, all by one
/// descriptor: no look had seen them, and the one that saw their port used again had begun a moment before that.
#[test]
fn a_look_that_began_before_a_port_was_used_again_is_of_the_later_one() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(110), Some(110)).with(
        5000,
        Some(5010),
        Some(5020),
        Some(5060),
    );
    let first = case.testimony.told[0].client;
    case.testimony.told[1].client = first;
    case.testimony.packets.as_mut().unwrap()[1].client = first;
    case.testimony.tracks.remove(0);
    let track = &mut case.testimony.tracks[0];
    (track.client, track.seen, track.last_held) = (first, at(4990), at(4990));
    let leaked: Vec<bool> = case.judged().connections.iter().map(|it| it.leaked).collect();
    assert_eq!(leaked, [false, false]);
}

/// Of 3977 connections of another that was routed so, one was said to have been open for a minute: a look had shown its port
/// held by nobody, in an earlier connection's last state.
#[test]
fn a_socket_that_nobody_held_is_of_the_connection_of_its_time() {
    let mut case = Case::new(None, 20_000).with(50, None, Some(110), Some(110)).with(15_000, None, Some(15_020), None);
    let first = case.testimony.told[0].client;
    case.testimony.told[1].client = first;
    case.testimony.packets.as_mut().unwrap()[1].client = first;
    case.testimony.tracks.remove(1);
    let track = &mut case.testimony.tracks[0];
    (track.seen, track.holder, track.gone) = (at(90), None, None);
    let case = case.with(19_000, None, Some(19_020), Some(19_020));
    assert_eq!(case.judged().connections[1].connection.opened, at(15_000));
    assert_eq!(case.judged().verdict, CheckVerdict::Clean);
}

/// Who met ERROR and LOGINACK in one answer, took it for a login, and waited for its own time-out was said to leak, and to have
/// gone on without a LOGINACK.
#[test]
fn a_client_that_is_told_both_may_wait() {
    let refused = LoginEnd::Refused { number: 18456, state: 1 };
    let told = |fault: &str, login| {
        let ends = ["198.18.0.1:40000", "198.18.0.2:1433"].map(|end| end.parse().unwrap());
        let mut journal = Journal::new(1, ends[0], ends[1], at(50));
        journal.faults = vec![fault.to_owned()];
        (journal.login, journal.over) = (Some(login), Some(at(60)));
        let asked = Deed::Message { kind: MessageKind::SqlBatch, length: 30, text: String::new() };
        journal.entries = vec![Line { at: at(70), by: Party::Client, deed: asked }];
        let told = Told::of(&journal);
        (told.over, told.took_refusal_for_login)
    };
    assert_eq!(told("login-18456", refused), (Some(at(60)), true));
    assert_eq!(told("login-error-then-ack", refused), (None, false));
    assert_eq!(told("session-end", LoginEnd::Accepted), (None, false), "the server keeps the session");
}

#[test]
fn witnesses_that_contradict_each_other_are_told() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(1000), Some(1000));
    assert_eq!(case.testimony.disagreements(&case.testimony.connections(), 0), [""; 0]);
    case.testimony.told[0].closed_first = Some(Party::Client);
    let told = case.testimony.disagreements(&case.testimony.connections(), 3).join("\n");
    assert!(
        told.contains("3 packets were lost") && told.contains("the packets show that the server closed first"),
        "{told}"
    );
    case.testimony.told.clear();
    let told = case.testimony.disagreements(&case.testimony.connections(), 0).join("\n");
    assert!(told.contains("1 connections answered, the server's journal 0"), "{told}");
}
