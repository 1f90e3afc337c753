//! The page of the fixed run, and of a run whose names would like to be markup.

use super::*;
use crate::record::{ArmRun, Event};
use crate::report::fixture;

/// What stands between the first `from` and the next `to`, a tag a line.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let start = page.find(from).unwrap_or_else(|| panic!("no {from}"));
    &page[start..start + page[start..].find(to).unwrap_or_else(|| panic!("no {to}"))]
}

fn page() -> String {
    let (run, summary) = fixture::judged();
    html(&run, &summary)
}

#[test]
fn the_findings_and_what_they_lead_to() {
    let page = page();
    insta::assert_snapshot!(between(&page, "<body>", "<section id=\"plots\"").replace("><", ">\n<"));
    assert!(page.contains("id=\"sockets-0-client\"") && page.contains("href=\"#sockets-0-client\""));
    assert!(page.contains("<a class=\"mark\" href=\"#finding-1\""), "and from the plot back to the finding");
}

#[test]
fn what_is_needed_to_repeat_it() {
    insta::assert_snapshot!(between(&page(), "<section id=\"repeat\"", "</main>").replace("><", ">\n<"));
}

#[test]
fn every_figure_of_the_issue_is_there() {
    let page = page();
    for id in ["sockets", "ports", "rate", "latency", "share", "percentiles", "outcomes"] {
        assert!(page.contains(&format!("<figure id=\"{id}\">")), "{id}");
    }
}

#[test]
fn it_asks_nobody_for_anything() {
    let page = page();
    assert!(page.contains("default-src 'none'"));
    let markup = page.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http://", "https://", "//cdn", "src=", "@import", "url("] {
        assert!(!markup.contains(outside), "{outside}");
    }
}

#[test]
fn a_name_is_never_markup() {
    const EVIL: &str = "</script><script>alert(1)</script>\"'&";
    let mut events = fixture::events();
    for event in &mut events {
        match event {
            Event::Run(header) => {
                EVIL.clone_into(&mut header.scenario);
                header.command.push(EVIL.into());
                EVIL.clone_into(&mut header.resolved);
            }
            Event::ArmStarted(facts) if facts.name == "leaky" => EVIL.clone_into(&mut facts.name),
            Event::Sample { arm, .. }
            | Event::Load { arm, .. }
            | Event::ArmEnded { arm, .. }
            | Event::Exhausted { arm, .. }
                if arm == "leaky" =>
            {
                EVIL.clone_into(arm);
            }
            Event::Notice { text, .. } => EVIL.clone_into(text),
            _ => {}
        }
    }
    let run = Run::from_events(&events);
    let page = html(&run, &crate::verdict::summarise(&run));
    assert_eq!(page.matches("<script").count(), 2, "the data and the behaviour");
    assert!(page.contains("&lt;/script&gt;") && page.contains("\\u003c/script>"));
}

#[test]
fn a_run_without_anything_is_still_a_page() {
    let run = Run::default();
    let page = html(&run, &crate::verdict::summarise(&run));
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("To repeat it") && !page.contains("<figure"));
}

#[test]
fn an_arm_with_one_sample_and_no_load_is_drawn() {
    let events = fixture::events();
    let few: Vec<&Event> = events.iter().take(3).collect();
    let run = Run::from_events(few);
    let arm: &ArmRun = &run.arms[0];
    assert_eq!(arm.samples.values().len(), 1);
    assert!(html(&run, &crate::verdict::summarise(&run)).contains("<!DOCTYPE html>"));
}

/// Every repetition has its charts, and the differences need the width of two tables.
#[test]
fn a_repeated_run_says_what_it_shows() {
    let (mut run, _) = fixture::judged();
    let (again, _) = fixture::judged();
    run.merge(again);
    let mut summary = crate::verdict::summarise(&run);
    summary.comparisons = vec![crate::record::ArmComparison {
        base: "leaky".into(),
        other: "orderly".into(),
        metric: "ports.peak".into(),
        scale: crate::record::Scale::Difference,
        repetitions: 5,
        base_mean: 200.0,
        other_mean: 2.0,
        estimate: -198.0,
        low: -200.0,
        high: -196.0,
        different: true,
    }];
    let page = html(&run, &summary);
    assert!(page.contains("<div class=\"wide\">") && page.contains("95 % interval"));
    assert!(page.contains("Differences (5 repetitions, of 2 separate results)"));
    assert!(!page.contains("charts are of the first time"));
    summary.merged = None;
    assert!(html(&run, &summary).contains("Differences (5 rounds in turns)"));
    let text = crate::report::terminal(&run, &summary, None, crate::report::Style::PLAIN);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("charts are of the first time"), "{text}");
}
