//! Who is late because the machine was busy.

use std::time::Duration;

use super::super::excuse::notice;
use super::super::explain::explain;
use super::super::judge::Stopped;
use super::super::threads::Wait;
use super::{Case, PID, at, limits};
use crate::record::{CheckVerdict, EndedBy, Symptom};
use crate::wire::LoginEnd;

/// On a machine where fifty wanted two processors, tedious was said to leak: it had closed its connection 3.2 s late, most of
/// which it had waited to run.
#[test]
fn who_gets_no_processor_closes_late_and_leaks_nothing() {
    use CheckVerdict::{Clean, Leak};
    let wait = |since, until, long| Wait {
        thread: PID,
        since: at(since),
        until: at(until),
        long: Duration::from_millis(long),
    };
    let late = |waits: &[Wait]| {
        let mut case = Case::new(Some(9000), 9100).with(50, Some(100), Some(3100), Some(3100));
        case.process.waits = waits.to_vec();
        case
    };
    for (waits, verdict) in [
        (vec![], Leak),
        (vec![wait(200, 1700, 1400), wait(1700, 3110, 1300)], Clean),
        (vec![wait(200, 700, 500)], Leak),
        (vec![wait(200, 700, 500), wait(700, 1400, 501)], Clean),
        // One thread's waits are no other's.
        (vec![wait(200, 700, 500), Wait { thread: PID + 1, ..wait(700, 1400, 501) }], Leak),
        // Before its login was over, and behind its close.
        (vec![wait(0, 90, 1500), wait(3200, 5000, 1500)], Leak),
    ] {
        let case = late(&waits);
        case.expect(verdict, EndedBy::ClientFin);
        assert_eq!(case.judged().connections[0].held, Some(Duration::from_secs(3)), "the true time is told");
    }
    let judgement = late(&[wait(200, 1700, 1400), wait(1700, 3110, 1500)]).judged();
    let told = notice(&judgement.connections).unwrap();
    assert!(
        told.starts_with("port 40000: closed 3.000 s after its login was over; its process waited 2.900 s of them for"),
        "{told}"
    );
    let told = explain(&judgement, Stopped::No, None, &limits());
    assert!(told.ends_with("for want of a processor aside."), "{told}");
    assert_eq!(notice(&late(&[]).judged().connections), None);

    // Whoever never closes it leaks it, however busy the machine.
    let starved = || vec![wait(200, 8000, 7700)];
    let mut never = Case::new(None, 9000).with(50, Some(100), None, None);
    never.process.waits = starved();
    never.expect(Leak, EndedBy::Never);
    let mut exits = Case::new(Some(9000), 9100).with(50, Some(100), Some(9000), Some(9000));
    exits.process.waits = starved();
    exits.expect(Leak, EndedBy::ProcessExit);

    // A session that was kept so is no symptom.
    let mut session = late(&starved());
    session.testimony.told[0].login = Some(LoginEnd::Accepted);
    assert!(session.judged().symptoms.is_empty());
    session.process.waits.clear();
    assert_eq!(session.judged().symptoms[0].symptom, Symptom::KeepsDeadSession);
}

/// A close that only looks can tell is as late as they are.
#[test]
fn a_late_look_makes_no_leak() {
    let mut case = Case::new(Some(9000), 9100).with(50, Some(100), None, Some(2300));
    let packets = case.testimony.packets.as_mut().unwrap();
    (packets[0].server_fin, packets[0].server_rst) = (None, Some(at(100)));
    case.expect(CheckVerdict::Leak, EndedBy::ServerRst);
    case.testimony.tracks[0].last_held = at(1200);
    case.expect(CheckVerdict::Clean, EndedBy::ServerRst);
    let told = notice(&case.judged().connections).unwrap();
    assert!(told.contains("it may have been closed 1.100 s sooner than the next look came"), "{told}");
}
