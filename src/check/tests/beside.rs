//! What is seen beside a verdict.

use std::time::Duration;

use super::super::symptoms;
use super::super::threads::Busy;
use super::{Case, at};
use crate::record::Symptom;
use crate::units::Monotonic;

#[test]
fn growth_and_spinning_need_evidence() {
    let counts = |n: u32| [("anon_inode:[eventfd]".to_owned(), n), ("file".to_owned(), 20)].into();
    let case = || {
        (0..4).fold(Case::new(None, 9000), |case, login| {
            let opened = 100 + login * 1000;
            case.with(opened, Some(opened + 10), Some(opened + 20), Some(opened + 20))
        })
    };
    let seen =
        |case: &Case| case.judged().symptoms.into_iter().map(|it: symptoms::Seen| it.symptom).collect::<Vec<_>>();
    let mut grows = case();
    grows.process.descriptors = (0..4).map(|login| (at(110 + u64::from(login) * 1000), counts(login + 1))).collect();
    assert_eq!(seen(&grows), [Symptom::DescriptorsGrow]);
    grows.process.descriptors.push((at(3600), counts(1)));
    assert_eq!(seen(&grows), [], "it closed them in the end");
    let busy = |from: Monotonic, to: Monotonic| Busy { from, to, ran: to.since(from) };
    let mut spins = case();
    spins.testimony.packets.as_mut().unwrap()[0].client_fin = None;
    spins.testimony.tracks[0].gone = None;
    spins.process.busy = vec![busy(at(120), at(2500))];
    assert_eq!(seen(&spins), [Symptom::Spin]);
    spins.process.busy = vec![busy(at(120), at(700))];
    assert_eq!(seen(&spins), [], "too short");
    let over = spins.testimony.told[0].over;
    (spins.testimony.told[0].over, spins.process.busy) = (None, vec![busy(at(120), at(2500))]);
    assert_eq!(seen(&spins), [], "a handshake on a busy machine");
    spins.testimony.told[0].over = over;
    spins.testimony.packets.as_mut().unwrap().truncate(1);
    spins.testimony.tracks.truncate(1);
    spins.testimony.told.truncate(1);
    let at = |millis: u64| Monotonic::from_nanos(millis * 1_000_000);
    spins.process.busy = vec![busy(at(400), at(1000)), busy(at(1120), at(3500))];
    assert_eq!(seen(&spins), [], "it computed before as well, and a busy machine broke the span");
    spins.process.busy.remove(0);
    assert_eq!(seen(&spins), [Symptom::Spin]);
    for (ran, shows) in [(100, false), (300, true)] {
        spins.process.busy[0].ran = Duration::from_millis(ran);
        assert_eq!(!seen(&spins).is_empty(), shows, "who waits for a processor burns none");
    }
}
