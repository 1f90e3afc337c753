//! A command in few columns: what it is, and not where it lies.
//!
//! The choice not taken: the name that the kernel has for the program, which is `python3` or `java` for every script.

/// The command with the last part alone of its program's path and of every path after it: `python3.11 leaker.py`.
pub(super) fn short(command: &str) -> String {
    // A program without a command line has its name in brackets, with slashes of its own: `[kworker/0:1]`.
    if command.starts_with('[') {
        return command.to_owned();
    }
    let is_path = |word: &str| ["/", "./", "../"].iter().any(|start| word.starts_with(start));
    let words: Vec<&str> = command
        .split(' ')
        .enumerate()
        .map(|(at, word)| if at == 0 || is_path(word) { last_part(word) } else { word })
        .collect();
    words.join(" ")
}

/// Programs that are told apart by what they run.
const INTERPRETERS: [&str; 9] = ["python", "node", "ruby", "perl", "php", "java", "dotnet", "bash", "sh"];

/// From a short command that does not fit into `room` columns up to what it runs: the part that begins with that, as
/// `leaker.py --port 1`. The whole of any other.
pub(super) fn within(short: &str, room: usize) -> &str {
    let program = short.split(' ').next().unwrap_or_default();
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !INTERPRETERS.contains(&bare) {
        return short;
    }
    let mut at = program.len() + 1;
    for word in short.split(' ').skip(1) {
        // An option that has a value of its own names that value: it is the next best.
        if !word.starts_with('-') {
            let fits = short[..at].chars().count() + word.chars().count() <= room;
            return if fits { short } else { &short[at..] };
        }
        at += word.len() + 1;
    }
    short
}

fn last_part(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((_, last)) => last,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identifies_stays() {
        for (command, told) in [
            (
                "/root/.pyenv/versions/3.11.9/bin/python3.11 /tmp/apps/leaker.py --port 1",
                "python3.11 leaker.py --port 1",
            ),
            ("python3 app.py --pool", "python3 app.py --pool"),
            ("/usr/bin/java -Xmx1g -jar ./build/service.jar", "java -Xmx1g -jar service.jar"),
            ("node src/index.js http://db/x", "node src/index.js http://db/x"),
            ("nginx: worker process", "nginx: worker process"),
            ("[kworker/0:1]", "[kworker/0:1]"),
            ("ls /srv/www/ /", "ls www /"),
            ("", ""),
        ] {
            assert_eq!(short(command), told);
        }
    }

    #[test]
    fn a_script_goes_before_what_runs_it() {
        for (command, room, told) in [
            ("python3.11 leaker.py --port 1", 20, "python3.11 leaker.py --port 1"),
            ("python3.11 leaker.py --port 1", 19, "leaker.py --port 1"),
            ("java -Xmx1g -jar service.jar", 12, "service.jar"),
            ("python3 -v", 3, "python3 -v"),
            ("nginx: worker process", 5, "nginx: worker process"),
            ("python3", 3, "python3"),
            ("", 0, ""),
        ] {
            assert_eq!(within(command, room), told);
        }
    }
}
