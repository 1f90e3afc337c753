//! What a person sees who wrote something wrong: one snapshot a theme, every bad input in it.

use std::fmt::Write as _;

use super::{Scenario, Spec, find, parse, read};
use crate::scenario::ArmSpec;

const ARM: &str = "[[arm]]\nname = \"leaky\"\n";

/// Each bad text with its rendered errors; a text that is taken after all is shown as such, and fails the snapshot.
fn assert_shown(theme: &str, cases: &[(&str, String)]) {
    let mut page = String::new();
    for (case, text) in cases {
        let result = match parse("bad.toml", text) {
            Ok(scenario) => format!("TAKEN: {scenario:?}"),
            Err(errors) => errors.to_string(),
        };
        let _ = writeln!(page, "## {case}\n{result}\n");
    }
    insta::assert_snapshot!(theme, page);
}

fn arm(settings: &str) -> String {
    format!("{ARM}{settings}\n")
}

fn top(keys: &str) -> String {
    format!("{keys}\n\n{ARM}")
}

#[test]
fn keys() {
    assert_shown(
        "keys",
        &[
            ("unknown key of an arm", arm("colse = \"leaky\"")),
            ("unknown key of the base", format!("[base]\ndriverr = \"tcp\"\n{ARM}")),
            ("unknown key at the top", top("sed = 1")),
            ("a key that is near to none", top("vocabulary = 1")),
            ("unknown key of the arrivals", arm("attempts = 1\narrivals = { constant = { rat = \"1/s\" } }")),
            ("a setting at the top", top("close = \"leaky\"")),
            ("the expectations below the base", format!("[base]\nexpect = []\n{ARM}")),
            ("the seed in an arm", arm("seed = 1")),
            ("a password", format!("[target]\naddress = \"db\"\nuser = \"app\"\npassword = \"hunter2\"\n{ARM}")),
            ("a key twice", arm("close = \"leaky\"\nclose = \"orderly\"")),
        ],
    );
}

#[test]
fn types_and_units() {
    assert_shown(
        "types_and_units",
        &[
            ("a number for a time", arm("timeout = 15")),
            ("a wrong unit of time", arm("timeout = \"5 parsecs\"")),
            ("no time at all", arm("timeout = \"0s\"")),
            ("a wrong unit of a rate", arm("attempts = 1\narrivals = { constant = { rate = \"500 per day\" } }")),
            ("a number for a rate", arm("attempts = 1\narrivals = { constant = { rate = 500 } }")),
            ("a text for a number", arm("attempts = \"many\"")),
            ("a fraction for a number", arm("in_flight = 0.5")),
            ("a text for a list", arm("faults = \"login-18456\"")),
            ("a list for the base", top("base = []")),
            ("single brackets for an arm", "[arm]\nname = \"leaky\"\n".to_owned()),
            ("text for the expectations", top("expect = \"ports.exhausted == true\"")),
            ("a negative seed", top("seed = -1")),
        ],
    );
}

#[test]
fn values() {
    assert_shown(
        "values",
        &[
            ("a close that is none", arm("close = \"leeky\"")),
            ("a driver that is none", arm("driver = \"tiberious\"")),
            ("a sandbox that is none", arm("sandbox = \"docker\"")),
            ("a sandbox with a slip", arm("sandbox = \"two-host\"")),
            ("a server's close that is none", arm("server_close = \"unraed\"")),
            ("two faults that are none", arm("faults = [\"login-18457\", \"none\", \"conect-end\"]")),
            ("arrivals that are none", arm("attempts = 1\narrivals = { constnat = { rate = \"1/s\" } }")),
            ("a retry that is none", arm("retry = \"fixd\"")),
            ("empty ports", arm("ports = \"41999-40000\"")),
            ("privileged ports", arm("ports = \"80-5000\"")),
            ("ports that are none", arm("ports = \"40000\"")),
        ],
    );
}

#[test]
fn load() {
    assert_shown(
        "load",
        &[
            ("rate 0", arm("attempts = 1\narrivals = { constant = { rate = \"0/s\" } }")),
            ("no attempts", arm("attempts = 0")),
            ("nothing in flight", arm("in_flight = 0")),
            ("no end", arm("arrivals = { constant = { rate = \"500/s\" } }")),
            (
                "no end in the base, told once",
                format!("[base]\narrivals = {{ poisson = {{ rate = \"5/s\" }} }}\n{ARM}[[arm]]\nname = \"b\""),
            ),
            ("a burst of nothing", arm("attempts = 1\narrivals = { burst = { size = 0, every = \"1s\" } }")),
            ("half a ramp", arm("attempts = 1\narrivals = { ramp = { from = \"1/s\", over = \"1s\" } }")),
            ("a sysctl without a namespace", arm("sandbox = \"none\"\ntcp_fin_timeout = \"1s\"")),
            ("half a second for a sysctl", arm("tcp_fin_timeout = \"1500ms\"")),
        ],
    );
}

#[test]
fn arms_and_expectations() {
    assert_shown(
        "arms_and_expectations",
        &[
            ("no arm at all", "name = \"empty\"\n".to_owned()),
            ("nothing at all", String::new()),
            ("an arm without a name", format!("{ARM}\n[[arm]]\nclose = \"leaky\"\n")),
            ("two arms of one name", format!("{ARM}\n{ARM}")),
            ("a name that cannot be one", "name = \"../up\"\n[[arm]]\nname = \"a b\"\n".to_owned()),
            ("no such field", top("expect = [\"leaky: ports.exhuasted == true\"]")),
            ("no such arm", top("expect = [\"laeky: ports.exhausted == true\"]")),
            ("no comparison", top("expect = [\"leaky: ports.exhausted\"]")),
            ("two at once, escaped", top("expect = [\n  \"ports.peak < yes\",\n  \"\\u006ceaky: nothing == 1\",\n]")),
        ],
    );
}

#[test]
fn target() {
    let target = |keys: &str, settings: &str| format!("[target]\n{keys}\n\n{ARM}{settings}\n");
    let good = "address = \"db.test\"\nuser = \"app\"\npassword_env = \"DB_PASSWORD\"";
    assert_shown(
        "target",
        &[
            ("faults beside it", target(good, "faults = [\"login-18456\"]\nserver_close = \"hold\"")),
            ("a sandbox that cannot reach it", target(good, "sandbox = \"two-hosts\"")),
            ("no address", target("user = \"app\"", "")),
            ("nothing in it", target("", "")),
            ("no user", target("address = \"db.test\"", "")),
            ("an address that is none", target("address = \"db:test:1\"\nuser = \"app\"", "")),
            ("two sources of a password", target(&format!("{good}\npassword_file = \"x\""), "")),
            (
                "a number for a password's variable",
                target("address = \"db\"\nuser = \"app\"\npassword_env = 12345", ""),
            ),
            (
                "a password for a variable's name",
                target("address = \"db\"\nuser = \"app\"\npassword_env = \"hunter-2!\"", ""),
            ),
        ],
    );
}

#[test]
fn syntax() {
    assert_shown(
        "syntax",
        &[
            ("several at once", "name = \nseed 1\n[[arm]\nname = \"leaky\"\nclose = \"leaky\n".to_owned()),
            ("a password in a broken line", "[target]\npassword = hunter2\n".to_owned()),
            ("another format", "{\"name\": \"leaky\"}\n".to_owned()),
            ("bytes of no text", "\u{0}\u{1}\u{1b}[31m\n".to_owned()),
        ],
    );
}

#[test]
fn everything_at_once() {
    let text = "\
name = \"many errors\"
sed = 1
expect = [\"leaky: ports.exhausted\"]

[base]
timeout = \"5 parsecs\"
ports = \"80-90\"

[[arm]]
name = \"leaky\"
colse = \"leaky\"
attempts = 0
";
    let errors = parse("bad.toml", text).unwrap_err();
    assert_eq!(errors.problems().len(), 7, "{errors}");
    let lines: Vec<_> = errors.problems().iter().filter_map(|it| it.span.clone()).map(|it| it.start).collect();
    assert!(lines.is_sorted(), "in the order of the text: {lines:?}");
}

#[test]
fn a_file_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("latin1.toml"), b"name = \"login-failure\"\n# caf\xe9\n").unwrap();
    std::fs::write(path("large.toml"), vec![b'#'; 10 << 20]).unwrap();
    let mut page = String::new();
    for name in ["missing.toml", "retry-strom", "", "latin1.toml", "large.toml"] {
        let errors = read(path(name)).unwrap_err().to_string();
        let _ = writeln!(page, "{}\n", errors.replace(&folder.path().display().to_string(), "FOLDER"));
    }
    insta::assert_snapshot!(page);
}

#[test]
fn a_large_text_is_not_parsed() {
    let text = "]".repeat(10 << 20);
    let errors = parse("large.toml", &text).unwrap_err();
    assert_eq!(errors.problems().len(), 1);
    assert!(errors.to_string().contains("1024 KiB"), "{errors}");
}

#[test]
fn a_shipped_scenario_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my copy.toml");
    let text = find("login-failure").unwrap().text;
    std::fs::write(&path, text).unwrap();
    assert_eq!(read(&path).unwrap(), parse("login-failure", text).unwrap());
    std::fs::write(&path, ARM).unwrap();
    assert_eq!(read(&path).unwrap().name, "my-copy", "without a name it has the file's");
}

#[test]
fn a_command_line_makes_one() {
    let mut spec = Spec::new("command line");
    spec.arms.push(ArmSpec::named("leaky"));
    spec.arms[0].settings.close = Some("leaky".parse::<crate::client::Close>().unwrap().into());
    spec.seed = Some(7.into());
    let scenario: Scenario = spec.clone().resolve().unwrap();
    assert_eq!((scenario.name.as_str(), scenario.seed, scenario.arms.len()), ("command-line", 7, 1));
    spec.arms.push(ArmSpec::named("leaky"));
    let errors = spec.resolve().unwrap_err().to_string();
    assert!(errors.contains("two arms are named `leaky`") && errors.contains("command line"), "{errors}");
}

#[test]
fn arms_have_seeds_of_their_own() {
    let text = format!("seed = 3\n{ARM}[[arm]]\nname = \"b\"\n");
    let seeds = |text: &str| parse("a", text).unwrap().arms.iter().map(|arm| arm.load.seed).collect::<Vec<_>>();
    let both = seeds(&text);
    assert_ne!(both[0], both[1]);
    assert_eq!(both, seeds(&text), "the same scenario has the same seeds");
    assert_ne!(both, seeds(&text.replace("seed = 3", "seed = 4")));
}

/// Every way to cut or to double a scenario is taken or refused, and never a panic.
#[test]
fn no_text_panics() {
    let text = find("login-failure").unwrap().text;
    let shown = |text: &str| parse("cut.toml", text).map_or_else(|errors| errors.to_string(), |it| it.resolved());
    for at in 0..text.len() {
        assert!(!shown(&text[..at]).is_empty());
        assert!(!shown(&text[at..]).is_empty());
        assert!(!shown(&format!("{}é\u{0}\"{}", &text[..at], &text[at..])).is_empty());
    }
}
