//! `closewait run`: what is promised of its documents and its results, on real sockets.

use serde_json::Value;

use crate::harness::{Done, closewait, program, skipped};

/// A small leak: 300 ports, 400 attempts.
const SMALL: &str = r#"
# What it shows: a leak. 
# What must happen: 300 ports are held.
expect = ["leaky: ports.exhausted == true", "leaky: ports.peak_pct == 100", "orderly: outcomes.ports_exhausted == 0"]
[base]
arrivals = { constant = { rate = "1000/s" } }
attempts = 400
ports = "40000-40299"
[[arm]]
name = "leaky"
close = "leaky"
[[arm]]
name = "orderly"
close = "drain"
"#;

fn small(arguments: &[&str]) -> Done {
    let all: Vec<&str> = ["run", "small.toml"].iter().chain(arguments).copied().collect();
    closewait(&all).file("small.toml", SMALL).done()
}

fn arm<'a>(summary: &'a Value, name: &str) -> &'a Value {
    summary["arms"].as_array().unwrap().iter().find(|arm| arm["name"] == name).unwrap()
}

/// Whether this machine gave namespaces; where it did not, the test is skipped by name.
fn isolated(summary: &Value, test: &str) -> bool {
    let level = arm(summary, "leaky")["sandbox"].as_str().unwrap();
    if level != "two-hosts" {
        skipped(test, &format!("no namespaces here, the sandbox is {level}"));
    }
    level == "two-hosts"
}

#[test]
fn a_leak_is_counted_exactly() {
    let done = small(&["--json", "-"]).exits(0);
    let summary = done.json();
    if !isolated(&summary, "a_leak_is_counted_exactly") {
        return;
    }
    let leaky = arm(&summary, "leaky");
    assert_eq!(leaky["attempts"], 400);
    assert_eq!(leaky["outcomes"], serde_json::json!({"login_rejected": 300, "ports_exhausted": 100}));
    assert_eq!(leaky["server_errors"], serde_json::json!({"18456": 300}));
    assert_eq!(leaky["sockets"]["client"]["close_wait"], serde_json::json!({"peak": 300, "final": 300}));
    assert_eq!(leaky["sockets"]["server"]["fin_wait_2"], serde_json::json!({"peak": 300, "final": 300}));
    assert_eq!(leaky["ports"]["peak"], 300);
    assert_eq!(leaky["latency_ms"]["connect"]["count"], 300);
    assert_eq!(leaky["latency_ms"]["connect_failed"]["count"], 100);
    assert_eq!(leaky["latency_ms"]["tls"]["p99"], Value::Null);
    let orderly = arm(&summary, "orderly");
    assert_eq!(orderly["outcomes"], serde_json::json!({"login_rejected": 400}));
    assert_eq!(orderly["sockets"]["client"]["close_wait"]["final"], 0);
    assert_eq!(orderly["sockets"]["client"]["time_wait"]["final"], 0, "the server closed first");
    // A port that is free at once is soon taken again, and its next SYN replaces the server's TIME_WAIT socket.
    let waiting = orderly["sockets"]["server"]["time_wait"]["final"].as_u64().unwrap();
    assert!((1..=300).contains(&waiting), "{waiting}");
}

#[test]
fn every_document_fits_its_schema() {
    let done = small(&["--json", "-"]).exits(0);
    let schema = |name| closewait(&["schema", name]).done().exits(0).json();
    let summary = jsonschema::validator_for(&schema("summary")).unwrap();
    summary.validate(&done.json()).unwrap_or_else(|error| panic!("{error}"));
    let event = jsonschema::validator_for(&schema("events")).unwrap();
    let events = std::fs::read_to_string(done.results().join("events.jsonl")).unwrap();
    for line in events.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        event.validate(&value).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let scenario = jsonschema::validator_for(&schema("scenario")).unwrap();
    let toml: Value = toml::from_str(SMALL).unwrap();
    scenario.validate(&toml).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn json_on_stdout_is_alone_there() {
    let done = small(&["--json", "-"]).exits(0);
    done.json();
    assert!(done.stderr().contains("PASSED"), "the report goes to stderr then: {}", done.stderr());
}

#[test]
fn a_failed_expectation_exits_1_and_is_in_every_format() {
    let scenario = SMALL.replace("ports.peak_pct == 100", "ports.peak < 10");
    let done = closewait(&["run", "bad.toml", "--junit", "j.xml", "--markdown", "m.md"])
        .file("bad.toml", &scenario)
        .env("GITHUB_STEP_SUMMARY", "step.md")
        .done()
        .exits(1);
    assert!(done.stdout().contains("FAIL"), "{}", done.stdout());
    for file in ["j.xml", "m.md", "step.md"] {
        let text = std::fs::read_to_string(done.dir.path().join(file)).unwrap();
        assert!(text.contains("ports.peak"), "{file}: {text}");
    }
    let kept = done.results();
    for file in ["events.jsonl", "summary.json", "junit.xml", "summary.md", "report.txt", "report.html"] {
        assert!(kept.join(file).exists(), "{file}");
    }
    assert!(
        std::fs::read_dir(&kept).unwrap().any(|file| file.unwrap().path().extension().is_some_and(|e| e == "hlog"))
    );
}

#[test]
fn a_kept_result_reports_as_the_run_did() {
    let done = small(&["--json", "-"]).exits(0);
    let kept = done.results();
    let again = closewait(&["report", kept.to_str().unwrap(), "--json", "-", "--quiet"]).done().exits(0);
    assert_eq!(done.json(), again.json());
}

#[test]
fn the_same_seed_offers_the_same_load() {
    let attempts = |seed: &str| {
        let scenario = "[[arm]]\nname = \"a\"\narrivals = { poisson = { rate = \"500/s\" } }\nduration = \"500ms\"\n";
        let done = closewait(&["run", "p.toml", "--json", "-", "--quiet", "--seed", seed])
            .file("p.toml", scenario)
            .done()
            .exits(0);
        done.json()["arms"][0]["attempts"].as_u64().unwrap()
    };
    assert_eq!(attempts("7"), attempts("7"));
    assert_ne!(attempts("7"), attempts("8"));
}

#[test]
fn a_cap_is_recorded() {
    let arguments = [
        "run",
        "--close",
        "leaky",
        "--attempts",
        "100",
        "--rate",
        "1000/s",
        "--max-held",
        "40",
        "--json",
        "-",
        "--quiet",
    ];
    let done = closewait(&arguments).done().exits(0);
    let arm = &done.json()["arms"][0];
    assert_eq!(arm["load"]["capped"], arm["outcomes"]["capped"]);
    assert!(arm["outcomes"]["login_rejected"].as_u64().unwrap() <= 40);
    assert_eq!(arm["attempts"], 100);
}

#[test]
fn without_namespaces_it_falls_back_and_says_so() {
    let done = closewait(&[
        "run",
        "--close",
        "leaky",
        "--attempts",
        "60",
        "--ports",
        "40000-40049",
        "--sandbox",
        "port-range",
        "--json",
        "-",
    ]);
    let done = done.done().exits(0);
    let summary = done.json();
    let arm = &summary["arms"][0];
    assert_eq!((arm["sandbox"].as_str(), arm["port_search"].as_str()), (Some("port-range"), Some("per-socket")));
    nearly_all_ports(arm);
    assert_eq!(arm["ports"]["exhausted"], true);
    let notices = summary["notices"].to_string();
    assert!(notices.contains("TIME_WAIT"), "{notices}");
}

/// What a container is left with: its ports are as many as the sockets that may be held outside a sandbox, and that cap
/// once came first, so that nothing was exhausted.
#[test]
fn the_built_in_scenario_passes_without_namespaces() {
    let done = closewait(&["run", "--sandbox", "port-range", "--json", "-", "--quiet"]).done().exits(0);
    let leaky = &done.json()["arms"][0];
    assert_eq!((leaky["name"].as_str(), leaky["sandbox"].as_str()), (Some("leaky"), Some("port-range")));
    assert_eq!((&leaky["ports"]["exhausted"], leaky["outcomes"].get("capped")), (&true.into(), None), "{leaky}");
    nearly_all_ports(leaky);
}

/// Every port of the range but for some: one on which another test's server has listened is not given out while a
/// TIME_WAIT of its is left.
fn nearly_all_ports(arm: &Value) {
    let (held, available) =
        (arm["outcomes"]["login_rejected"].as_u64().unwrap(), arm["ports"]["available"].as_u64().unwrap());
    assert!(held <= available && held * 10 >= available * 9, "{held} of {available}");
}

/// A load's own bounds once lay over both arms of login-failure, which then failed its expectations.
#[test]
fn a_load_without_a_scenario_is_one_arm_of_its_own() {
    let done = closewait(&["run", "--attempts", "5", "--rate", "100/s", "--json", "-", "--quiet"]).done().exits(0);
    let summary = done.json();
    assert_eq!(summary["arms"].as_array().unwrap().len(), 1);
    assert_eq!((&summary["arms"][0]["attempts"], &summary["arms"][0]["close"]), (&5.into(), &"orderly".into()));
}

#[test]
fn without_a_command_the_options_are_those_of_run() {
    let done = closewait(&["--attempts", "5", "--json", "-", "--quiet"]).done().exits(0);
    assert_eq!(done.json()["arms"][0]["attempts"], 5);
}

#[test]
fn several_results_are_rendered_one_after_another() {
    let run = |name: &str| closewait(&["run", "--attempts", "5", "--quiet", "--out", name]).done().exits(0);
    let (one, two) = (run("one"), run("two"));
    let [one, two] = [one.dir.path().join("one"), two.dir.path().join("two")].map(|dir| dir.display().to_string());
    let page = closewait(&["report", &one, &two]).done().exits(0).stdout();
    assert!(page.contains(&one) && page.contains(&two) && page.matches("PASSED").count() == 2, "{page}");
    closewait(&["report", &one, "missing"]).done().exits(2).complains(&["missing"]);
    closewait(&["report", &one, &two, "--json", "-"]).done().exits(2).complains(&["hint:"]);
}

#[test]
fn the_html_report_goes_where_it_is_asked_to() {
    let run = |name: &str| closewait(&["run", "--attempts", "5", "--quiet", "--out", name]).done().exits(0);
    let (one, two) = (run("one"), run("two"));
    let [one, two] = [one.dir.path().join("one"), two.dir.path().join("two")];
    let written = std::fs::read_to_string(one.join("report.html")).unwrap();
    let (name, other) = (one.to_str().unwrap(), two.to_str().unwrap());
    // Rendered again it is the same page, into both directories, into a file, and to stdout alone.
    for dir in [&one, &two] {
        std::fs::remove_file(dir.join("report.html")).unwrap();
    }
    closewait(&["report", name, other, "--html", "--quiet"]).done().exits(0);
    assert_eq!(std::fs::read_to_string(one.join("report.html")).unwrap(), written);
    assert!(two.join("report.html").exists());
    let done = closewait(&["report", name, "--html", "page.html", "--quiet"]).done().exits(0);
    assert_eq!(std::fs::read_to_string(done.dir.path().join("page.html")).unwrap(), written);
    assert_eq!(closewait(&["report", name, "--html", "-"]).done().exits(0).stdout(), written);
    closewait(&["report", name, "--html", "-", "--json", "-"]).done().exits(2).complains(&["stdout"]);
    closewait(&["report", other, "--html", name]).done().exits(2).complains(&["directory", "hint:"]);
    closewait(&["report", name, other, "--html", "page.html"]).done().exits(2).complains(&["hint:"]);
    closewait(&["report", name, "--html", "no/where.html"]).done().exits(2).complains(&["hint:"]);
}

/// The word behind `--html` is its file: the scenario was once overwritten, and the built-in one played.
#[test]
fn a_scenario_behind_an_output_option_is_kept() {
    let toml = "[[arm]]\nname = \"a\"\nattempts = 5\n";
    for option in ["--html", "--json", "--junit", "--markdown"] {
        let done = closewait(&["run", option, "mine.toml", "--attempts", "5", "-q"]).file("mine.toml", toml).done();
        let done = done.exits(2).complains(&["mine.toml", "hint: ", &format!("closewait run mine.toml {option}")]);
        assert_eq!(std::fs::read_to_string(done.dir.path().join("mine.toml")).unwrap(), toml);
        assert!(!done.dir.path().join("closewait-results").exists(), "nothing was played");
    }
    for arguments in
        [&["doctor", "--json", "mine.toml"][..], &["trace", "--pcapng", "mine.toml"], &["watch", "--json", "mine.toml"]]
    {
        let done = closewait(arguments).file("mine.toml", toml).done().exits(2).complains(&["mine.toml", "hint:"]);
        assert_eq!(std::fs::read_to_string(done.dir.path().join("mine.toml")).unwrap(), toml);
    }
}

/// Every format is known again as what this program wrote, so that the same command can be given twice.
#[test]
fn a_former_output_is_replaced() {
    let files = ["--json", "r.json", "--junit", "r.xml", "--markdown", "r.md", "--html", "r.html"];
    let arguments = [&["run", "--attempts", "5", "-q"], &files[..]].concat();
    let done = closewait(&arguments).done().exits(0);
    for file in ["r.json", "r.xml", "r.md", "r.html"] {
        let text = std::fs::read_to_string(done.dir.path().join(file)).unwrap();
        let again = closewait(&arguments).file(file, &text).done().exits(0);
        assert!(again.dir.path().join("r.html").exists());
        closewait(&arguments).file(file, "mine").done().exits(2).complains(&[file, "hint:", &format!("rm {file}")]);
    }
}

/// Workers tell when their connects began, and the sampler how many ports were in use then: all of them are placed.
#[test]
fn every_connect_is_laid_beside_the_ports_in_use() {
    let done = small(&["--json", "-"]).exits(0);
    if !isolated(&done.json(), "every_connect_is_laid_beside_the_ports_in_use") {
        return;
    }
    let run = closewait::report::ResultDir::read(&done.results()).unwrap();
    let groups = run.arm("leaky").unwrap().connects_by_share.groups();
    assert_eq!(groups.iter().map(|group| group.connect.count()).sum::<u64>(), 300);
    assert_eq!(groups.iter().map(|group| group.failed.count()).sum::<u64>(), 100);
    let filled = groups.iter().filter(|group| group.connect.count() > 0).count();
    assert!(filled > 10, "a leak passes through the whole range: {filled} of {}", groups.len());
    let late: u64 = groups[..45].iter().map(|group| group.failed.count()).sum();
    assert_eq!(late, 0, "connects fail at the end of the range");
}

/// A reset gives the port back, and the descriptor not: 300 ports once stood for no more than 300 sockets.
#[test]
fn what_a_server_resets_is_bounded_by_no_port() {
    let resets =
        "run --close leaky --server-close unread --attempts 1000 --rate 1000/s --ports 40000-40299 --json - --quiet";
    let dir = tempfile::tempdir().unwrap();
    let script = format!("ulimit -n 400 && exec '{}' {resets}", program());
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let arm = &summary["arms"][0];
    assert_eq!(
        (arm["load"]["workers"].as_u64(), arm["outcomes"].get("descriptors_exhausted")),
        (Some(3), None),
        "{arm}"
    );
    // And so the range does not lift the bound on what is held where there is no sandbox.
    let arguments: Vec<&str> = resets.split(' ').chain(["--sandbox", "port-range", "--max-held", "400"]).collect();
    let arm = closewait(&arguments).done().exits(0).json()["arms"][0].clone();
    assert!(arm["load"]["held"].as_u64().unwrap() <= 400, "{}", arm["load"]);
    assert!(arm["outcomes"]["capped"].as_u64().unwrap() >= 500, "{}", arm["outcomes"]);
}

#[test]
fn several_workers_hold_more_than_one_may() {
    let program = program();
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "ulimit -n 256 && exec '{program}' run --close leaky --attempts 700 --rate 1000/s --ports 40000-40499 --json - --quiet"
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let arm = &summary["arms"][0];
    if arm["sandbox"] != "two-hosts" {
        return skipped("several_workers_hold_more_than_one_may", "no namespaces here");
    }
    assert_eq!(arm["load"]["workers"], 3);
    assert_eq!(arm["outcomes"], serde_json::json!({"login_rejected": 500, "ports_exhausted": 200}));
    assert!(summary["notices"].to_string().contains("3 processes"), "{}", summary["notices"]);
}
