//! Repeated arms, and results held against each other.

use serde_json::Value;

use crate::harness::{Done, closewait};

/// Two arms of 60 attempts each, of which the first leaks; a port range of this machine where there are no namespaces.
const SMALL: &str = r#"
# What it shows: the same load, leaked and closed.
# What must happen: only the leaky arm keeps sockets.
expect = ["leaky: sockets.client.close_wait.final == 60", "orderly: sockets.client.close_wait.final == 0"]
[base]
arrivals = { constant = { rate = "600/s" } }
attempts = 60
ports = "41000-41499"
[[arm]]
name = "leaky"
close = "leaky"
[[arm]]
name = "orderly"
close = "drain"
"#;

fn small(arguments: &[&str]) -> Done {
    let all: Vec<&str> = ["run", "small.toml", "--json", "-"].iter().chain(arguments).copied().collect();
    closewait(&all).file("small.toml", SMALL).done()
}

fn report(arguments: &[&str]) -> Done {
    let all: Vec<&str> = ["report"].iter().chain(arguments).copied().collect();
    closewait(&all).done()
}

#[test]
fn arms_are_played_in_turns_and_compared() {
    let done = small(&["--repeat", "3", "--out", "kept"]).exits(0);
    let summary = done.json();
    let order: Vec<_> =
        summary["arms"].as_array().unwrap().iter().map(|arm| (&arm["name"], &arm["repetition"])).collect();
    let expected =
        serde_json::json!([["leaky", 1], ["orderly", 1], ["orderly", 2], ["leaky", 2], ["leaky", 3], ["orderly", 3]]);
    assert_eq!(serde_json::to_value(order).unwrap(), expected);
    assert_eq!(summary["expectations"].as_array().unwrap().len(), 2, "a row a name: {}", summary["expectations"]);
    let pooled = &summary["pooled"][0];
    assert_eq!((&pooled["attempts"], &pooled["latency_ms"]["connect"]["count"]), (&180.into(), &180.into()));
    let left = |it: &&Value| it["metric"] == "sockets.client.close_wait.final";
    let left = summary["comparisons"].as_array().unwrap().iter().find(left).unwrap();
    assert_eq!(
        (&left["base"], &left["estimate"], &left["different"]),
        (&"leaky".into(), &(-60.0).into(), &true.into())
    );
    assert!(summary["findings"].to_string().contains("arms-differ"), "{}", summary["findings"]);
    // A kept result tells the same.
    let kept = done.dir.path().join("kept");
    let again = report(&[kept.to_str().unwrap(), "--json", "-"]).exits(0).json();
    assert_eq!(again, summary);
}

#[test]
fn merged_results_add_up_and_a_regression_is_an_exit_code() {
    let (leaky, orderly) = (["--close", "leaky"], ["--close", "orderly"]);
    let run = |close: &[&str], out: &str| {
        let load = ["run", "--attempts", "150", "--rate", "1000/s", "--out", out, "--quiet"];
        closewait(&[&load[..], close].concat()).done().exits(0)
    };
    let (base, new, more) = (run(&orderly, "base"), run(&leaky, "new"), run(&orderly, "more"));
    let path = |done: &Done, name: &str| done.dir.path().join(name).to_str().unwrap().to_owned();
    let (base_dir, new_dir, more_dir) = (path(&base, "base"), path(&new, "new"), path(&more, "more"));

    let merged = report(&["--merge", &base_dir, &more_dir, "--json", "-"]).exits(0).json();
    assert_eq!(merged["pooled"][0]["latency_ms"]["login"]["count"], 300);
    let one = report(&[&base_dir, "--json", "-"]).exits(0).json();
    let other = report(&[&more_dir, "--json", "-"]).exits(0).json();
    let max = |document: &Value, arms: &str| document[arms][0]["latency_ms"]["login"]["max"].as_f64().unwrap();
    assert_eq!(max(&merged, "pooled"), max(&one, "arms").max(max(&other, "arms")));

    // A result counts once, by another path and as a copy too; other settings are no repetitions.
    let copy = base.dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(base.dir.path().join("base/events.jsonl"), copy.join("events.jsonl")).unwrap();
    for again in [&base_dir, &format!("{base_dir}/."), &copy.to_str().unwrap().to_owned()] {
        report(&["--merge", &more_dir, &base_dir, again]).exits(2).complains(&["the same result", "hint:"]);
    }
    let other =
        closewait(&["run", "--attempts", "200", "--rate", "2000/s", "--close", "orderly", "--out", "other", "-q"]);
    let other = other.done().exits(0);
    let other_dir = path(&other, "other");
    let differ = ["constant 1000/s and constant 2000/s", "attempts 150 and 200"];
    report(&["--merge", &base_dir, &other_dir]).exits(2).complains(&differ).complains(&["--compare", "hint:"]);
    let compared = report(&["--compare", &base_dir, &other_dir, "--json", "-", "--tolerance", "5000%"]).json();
    for part in differ {
        assert!(compared["notices"].to_string().contains(part), "{part}: {}", compared["notices"]);
    }
    // In a pipe every figure stands whole on its line.
    let text = report(&["--compare", &base_dir, &more_dir]).stdout();
    for row in compared["rows"].as_array().unwrap() {
        assert!(text.contains(row["metric"].as_str().unwrap()), "{text}");
    }

    // The arms have the names of their close strategies; told apart they are, and nothing is compared: a gate that passed
    // would pass whatever the new result was.
    let strangers = report(&["--compare", &base_dir, &new_dir]).exits(1);
    let told = strangers.stdout().split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["only the base has an arm orderly", "(it has leaky instead)", "FAILED: the two have nothing in common"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let same = report(&["--compare", &base_dir, &base_dir, "--json", "-"]).exits(0);
    let document = same.json();
    let schema = closewait(&["schema", "comparison"]).done().exits(0).json();
    jsonschema::validator_for(&schema).unwrap().validate(&document).unwrap_or_else(|error| panic!("{error}"));
    assert!(document["rows"].as_array().unwrap().iter().all(|row| row["change"] == "unchanged"), "{document}");
}

#[test]
fn a_leak_that_came_back_fails_the_comparison() {
    let run = |close: &str, out: &str| {
        let arm = format!("[[arm]]\nname = \"app\"\nclose = \"{close}\"\nattempts = 200\nports = \"41000-41499\"\n");
        let text = format!("# One.\n# Two.\nexpect = [\"app: sockets.client.close_wait.final <= 5\"]\n{arm}");
        let done = closewait(&["run", "app.toml", "--out", out, "--quiet"]).file("app.toml", &text).done();
        (done.dir.path().join(out).to_str().unwrap().to_owned(), done)
    };
    let ((base, _kept), (new, _also)) = (run("drain", "base"), run("leaky", "new"));
    let done = report(&["--compare", &base, &new, "--tolerance", "500%"]).exits(1);
    let text = done.stdout();
    for part in
        ["REGRESSED", "sockets.client.close_wait.final", "held, and does not any more", "never-closed", "FAILED"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    for (arguments, said) in [
        (&["--compare", &base][..], "2 values required"),
        (&["--compare", &base, &new, "--tolerance", "much"], "a percentage"),
        (&["--tolerance", "5%", &base], "--compare"),
        (&["--compare", &base, "nowhere"], "nowhere"),
    ] {
        let done = report(arguments).exits(2);
        assert!(done.stderr().contains(said), "{said}: {}", done.stderr());
    }
}

/// What becomes of the logins is compared, in one run and in two.
#[test]
fn logins_that_fail_are_a_difference_and_a_regression() {
    let run = |faults: &str, out: &str| {
        let load = "attempts = 100\narrivals = { constant = { rate = \"500/s\" } }\nports = \"41000-41499\"\n";
        let text = format!("# One.\n# Two.\n[[arm]]\nname = \"app\"\nfaults = [\"{faults}\"]\n{load}");
        let done = closewait(&["run", "app.toml", "--out", out, "--quiet"]).file("app.toml", &text).done();
        (done.dir.path().join(out).to_str().unwrap().to_owned(), done)
    };
    let ((good, _one), (half, _two), (none, _three)) =
        (run("none", "good"), run("login-18456:p=0.5", "half"), run("login-18456", "none"));
    for (new, share) in [(&half, None), (&none, Some(100.0))] {
        let document = report(&["--compare", &good, new, "--json", "-", "--tolerance", "5000%"]).json();
        assert_eq!(document["rows"][0]["metric"], "outcomes_pct.logged_in", "first: {document}");
        let done = report(&["--compare", &good, new]).exits(1);
        let text = done.stdout();
        let regressed = |line: &&str| line.starts_with("REGRESSED") && line.contains("outcomes_pct.login_rejected");
        assert!(text.lines().any(|line| regressed(&line)), "{text}");
        assert!(!text.contains("improved"), "{text}");
        let refused = &document["rows"].as_array().unwrap()[1]["new"];
        assert!(share.is_none_or(|share| refused == share), "{refused}");
    }
    // An arm that is there to be refused.
    let same = report(&["--compare", &none, &none, "--json", "-"]).exits(0).json();
    assert_eq!(
        (&same["rows"][0]["metric"], &same["rows"][0]["new"]),
        (&"outcomes_pct.login_rejected".into(), &100.0.into())
    );

    let arms = SMALL.replace("name = \"orderly\"", "name = \"orderly\"\nfaults = [\"connect-end\"]");
    let done = closewait(&["run", "small.toml", "--repeat", "3", "--json", "-"]).file("small.toml", &arms).done();
    let differ = |it: &&Value| it["metric"] == "outcomes_pct.closed_early" && it["different"] == true;
    assert!(done.json()["comparisons"].as_array().unwrap().iter().any(|it| differ(&it)), "{}", done.stdout());
}
