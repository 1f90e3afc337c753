//! Exits that wait to be looked at.

use super::*;

fn watched() -> Enclosure {
    Enclosure { exits_wait: true, ..enclosure() }
}

/// Waits until one of them is readable.
#[track_caller]
fn waits_for(of: &mut [PollFd<'_>]) -> bool {
    let limit = Timespec { tv_sec: 20, tv_nsec: 0 };
    assert!(rustix::event::poll(of, Some(&limit)).unwrap() > 0, "it goes on, and nobody exits");
    true
}

/// Lets one process after the other exit until the command has ended: what each of them had open as descriptor 9.
fn let_all_exit(enclosed: &mut Enclosed) -> Vec<(u32, Option<PathBuf>)> {
    let mut seen = Vec::new();
    loop {
        let exits = enclosed.exits().expect("it was asked for");
        let ended = PollFd::from_borrowed_fd(enclosed.ended_fd(), PollFlags::IN);
        let mut of = [ended, PollFd::new(exits, PollFlags::IN)];
        if (exits.are_there() || waits_for(&mut of) && of[1].revents().contains(PollFlags::IN))
            && let Some(exiting) = exits.next()
        {
            let open = std::fs::read_link(format!("/proc/{}/fd/9", exiting.pid())).ok();
            assert!(is_alive(&exiting.pid().to_string()), "it waits");
            seen.push((exiting.pid(), open));
        }
        if enclosed.ended().is_some() {
            return seen;
        }
    }
}

/// Starts it, lets all exit, and tells its notices where exits cannot be had.
fn exits_of(script: &str) -> String {
    let (mut enclosed, _output) = match start(&watched(), &shell(script)) {
        Ok(started) => started,
        Err(skip) => return skip,
    };
    if enclosed.exits().is_none() {
        return format!("{SKIP}{:?}", enclosed.notices());
    }
    let seen = let_all_exit(&mut enclosed);
    let own = seen.iter().position(|(pid, _)| *pid == enclosed.command());
    let open: Vec<bool> = seen.iter().map(|(_, open)| open.is_some()).collect();
    format!("{open:?} {own:?} {:?}", enclosed.ended().map(|end| (end.code, end.signal)))
}

#[test]
fn an_exit_waits_and_shows_what_is_still_open() {
    let name = "an_exit_waits_and_shows_what_is_still_open";
    // A child that has the descriptor, one that has closed it, and the command itself, which has opened it anew.
    let script = "exec 9</dev/null; (:); (exec 9<&-); exec 9<&-; exec 9</dev/null; exit 7";
    let Some(text) = alone(name, || exits_of(script)) else { return };
    assert_eq!(text, "[true, false, true] Some(2) Some((Some(7), None))");
    let Some(text) = alone(name, || exits_of("exec 9</dev/null; exec 9<&-; exit 0")) else { return };
    assert_eq!(text, "[false] Some(0) Some((Some(0), None))");
}

/// What a signal ends does not wait, nor does it keep others waiting.
#[test]
fn what_a_signal_ends_does_not_wait() {
    let name = "what_a_signal_ends_does_not_wait";
    let Some(text) = alone(name, || exits_of("kill -KILL $$")) else { return };
    assert_eq!(text, "[] None Some((None, Some(9)))");
}

/// A caller that never looks cannot be left with a process that nobody can end.
#[test]
fn an_exit_that_nobody_looks_at_ends_with_the_enclosure() {
    let name = "an_exit_that_nobody_looks_at_ends_with_the_enclosure";
    let work = || {
        let (mut enclosed, _output) = match start(&watched(), &shell("exit 0")) {
            Ok(started) => started,
            Err(skip) => return skip,
        };
        let Some(exits) = enclosed.exits() else { return format!("{SKIP}{:?}", enclosed.notices()) };
        assert!(exits.are_there() || waits_for(&mut [PollFd::new(exits, PollFlags::IN)]));
        assert_eq!(enclosed.ended(), None, "it waits");
        enclosed.kill();
        format!("{}", is_alive(&enclosed.command().to_string()))
    };
    let Some(text) = alone(name, work) else { return };
    assert_eq!(text, "false");
}

/// The child that cannot become the command exits, too, before anybody outside has heard of it.
#[test]
fn a_program_that_cannot_start_does_not_wait() {
    let errand = Errand { program: "/no/such".into(), ..shell("") };
    let work = || match enclose(&watched(), &errand, [null(), null(), null()]) {
        Err(error @ EnclosureError::Step { .. }) => format!("{SKIP}{error}"),
        other => format!("{:?}", other.map(drop).map_err(|error| error.to_string())),
    };
    let Some(text) = alone("a_program_that_cannot_start_does_not_wait", work) else { return };
    assert_eq!(text, "Err(\"start /no/such\")");
}
