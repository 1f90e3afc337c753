//! How many were born, on the real kernel.

use super::*;

#[test]
fn every_birth_is_counted_until_the_end() {
    // The subshells of a pipe, and a program in the background: each is a process beside the shell itself.
    let script = "(:) | (:); sleep 0.3 & wait; exit 4";
    let text = alone("every_birth_is_counted_until_the_end", || {
        let (mut enclosed, _output) = match start(&enclosure(), &Errand { max_processes: 4096, ..shell(script) }) {
            Ok(started) => started,
            Err(skip) => return skip,
        };
        let begun = Monotonic::now();
        let first = loop {
            if let Some(births) = enclosed.births() {
                break births;
            }
            assert!(Monotonic::now().since(begun) < Duration::from_secs(10), "nothing is told");
            std::thread::sleep(Duration::from_millis(5));
        };
        let end = wait(&mut enclosed);
        let last = enclosed.births().expect("it is told at the end");
        assert!(first.at < last.at && last.at >= end.at, "{first:?} {last:?} {end:?}");
        let few = shell("sleep 0.3");
        let mut few = start(&enclosure(), &few).unwrap().0;
        wait(&mut few);
        format!("{:?} {} {:?}", end.code, last.count, few.births())
    });
    if let Some(text) = text {
        assert_eq!(text, "Some(4) 4 None", "a small bound could begin anew unseen");
    }
}
