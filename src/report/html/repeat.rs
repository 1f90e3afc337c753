//! What is needed to play the run again, and under which limits it was played.

use maud::{Markup, html};

use crate::record::{ArmFacts, Run, Summary};
use crate::units::Count;

pub(super) fn section(run: &Run, summary: &Summary) -> Markup {
    let host = &summary.host;
    html! {
        section id="repeat" {
            h2 { "To repeat it" }
            @if let Some(header) = &run.header { pre.command { code { (command(&header.command)) } } }
            dl.facts-list {
                div { dt { "seed" } dd { (summary.seed) } }
                div { dt { "kernel" } dd { "Linux " (host.kernel) } }
                div { dt { "cores" } dd { (host.cores) } }
                div { dt { "descriptors of a process" } dd { (Count(host.nofile)) } }
                @if let Some(header) = &run.header {
                    div { dt { "program" } dd { "closewait " (header.version) } }
                    div { dt { "began" } dd { (header.started_at) } }
                }
            }
            @if !run.arms.is_empty() { (arms(run)) }
            @if let Some(header) = &run.header {
                @if !header.resolved.trim().is_empty() {
                    details {
                        summary { "The scenario, every setting resolved" }
                        pre { code { (header.resolved) } }
                    }
                }
            }
        }
    }
}

/// A fact of an arm, as text.
type FactOf = fn(&ArmFacts) -> String;

fn arms(run: &Run) -> Markup {
    let rows: [(&str, FactOf); 10] = [
        ("close", |facts| facts.close.clone()),
        ("driver", |facts| facts.driver.clone()),
        ("target", |facts| facts.target.clone()),
        ("arrivals", |facts| facts.arrivals.clone()),
        ("sandbox", |facts| facts.sandbox.clone()),
        ("ephemeral ports", |facts| {
            let ports = facts.ephemeral_ports;
            format!("{}-{} ({})", ports.low, ports.high, Count(u64::from(ports.count)))
        }),
        ("port search", |facts| facts.port_search.clone()),
        ("tcp_fin_timeout", |facts| format!("{} s", facts.tcp_fin_timeout_s)),
        ("tcp_tw_reuse", |facts| facts.tcp_tw_reuse.to_string()),
        ("load workers", |facts| facts.workers.to_string()),
    ];
    html! {
        div.scroll tabindex="0" role="group" aria-label="Limits of the arms" {
            table {
                caption { "Limits of the arms" }
                thead { tr { td {} @for arm in &run.arms { th scope="col" { (arm.facts.name) } } } }
                tbody { @for (label, of) in rows { tr { th scope="row" { (label) } @for arm in &run.arms { td { (of(&arm.facts)) } } } } }
            }
        }
    }
}

/// The command as a shell takes it.
fn command(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_command_as_it_was() {
        let words = ["closewait", "run", "my file.toml", "--rate=200/s", "it's", ""].map(str::to_owned);
        assert_eq!(command(&words), r"closewait run 'my file.toml' --rate=200/s 'it'\''s' ''");
    }
}
