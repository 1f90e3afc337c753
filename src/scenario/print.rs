//! A [`Scenario`] with every setting, as TOML that reads back to the same one: it heads every record of a run.

use std::fmt::{Display, Write as _};

use toml::Value;

use super::target::{PasswordSource, Target};
use super::{Arm, Scenario, setting::SandboxChoice};
use crate::record::Named as _;

impl Scenario {
    /// TOML with every setting of every arm, which reads back to the same scenario.
    #[must_use]
    pub fn resolved(&self) -> String {
        let mut page = Page::default();
        page.text("name", &self.name);
        page.bare("seed", self.seed);
        let expectations: String = self.expectations.iter().map(|it| format!("  {},\n", quoted(it))).collect();
        page.bare("expect", if expectations.is_empty() { "[]".to_owned() } else { format!("[\n{expectations}]") });
        if let Some(target) = &self.target {
            page.target(target);
        }
        for arm in &self.arms {
            page.arm(arm, self.target.is_none());
        }
        page.0
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn bare(&mut self, key: &str, value: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn text(&mut self, key: &str, value: impl Display) {
        self.bare(key, quoted(value));
    }

    fn open(&mut self, header: &str) {
        let _ = writeln!(self.0, "\n{header}");
    }

    /// A setting that has no value to write when it is absent, or else says what its absence means.
    fn optional(&mut self, key: &str, value: Option<String>, absent: &str) {
        match value {
            Some(value) => self.bare(key, value),
            None => {
                let _ = writeln!(self.0, "# {key}: {absent}");
            }
        }
    }

    fn target(&mut self, target: &Target) {
        self.open("[target]");
        self.text("address", &target.address);
        let Some(login) = &target.login else { return };
        self.text("user", &login.user);
        match &login.password {
            PasswordSource::Prompt => self.optional("password_env", None, "asked for"),
            PasswordSource::Env(name) => self.text("password_env", name),
            PasswordSource::File(path) => self.text("password_file", path.display()),
        }
        self.optional("database", login.database.as_ref().map(quoted), "the login's default");
    }

    fn arm(&mut self, arm: &Arm, embedded: bool) {
        self.open("[[arm]]");
        self.text("name", &arm.name);
        if embedded {
            let faults: Vec<_> = arm.faults.iter().map(quoted).collect();
            self.bare("faults", format_args!("[{}]", faults.join(", ")));
            self.text("server_close", arm.server_close.name());
        }
        self.text("driver", arm.driver.name());
        self.text("close", arm.close);
        self.text("close_logged_in", arm.close_logged_in);
        self.text("timeout", arm.timeout);
        self.bare("arrivals", inline(&arm.load.arrivals));
        self.optional("attempts", arm.load.attempts.map(|n| n.to_string()), "bounded by the duration alone");
        self.optional("duration", arm.load.duration.map(quoted), "bounded by the attempts alone");
        self.bare("in_flight", arm.load.in_flight);
        self.bare("retry", inline(&arm.load.retry));
        self.text("sandbox", arm.sandbox.map_or(SandboxChoice::Auto, SandboxChoice::Level));
        self.optional("ports", arm.ports.map(quoted), "the host's own range");
        self.optional(
            "port_search",
            arm.port_search.map(|it| quoted(it.name())),
            "the kernel, unless host ports are bounded",
        );
        self.text("tcp_fin_timeout", arm.tcp_fin_timeout);
        self.bare("tcp_tw_reuse", arm.tcp_tw_reuse);
        self.optional("nofile", arm.nofile.map(|n| n.to_string()), "all that the machine gives, in several workers");
        self.optional(
            "max_held",
            arm.max_held.map(|n| n.to_string()),
            "no cap inside a sandbox, the command line's outside",
        );
        self.text("settle", arm.settle);
    }
}

fn quoted(value: impl Display) -> String {
    Value::String(value.to_string()).to_string()
}

fn inline(value: &impl serde::Serialize) -> Value {
    Value::try_from(value).expect("arrivals and retries are strings, numbers and tables")
}

#[cfg(test)]
mod tests {
    use crate::scenario::{parse, shipped};

    fn assert_reads_back(name: &str, text: &str) {
        let scenario = parse(name, text).unwrap_or_else(|errors| panic!("{errors}"));
        let resolved = scenario.resolved();
        let again = parse("resolved", &resolved).unwrap_or_else(|errors| panic!("{errors}\n{resolved}"));
        assert_eq!(again, scenario, "{resolved}");
    }

    #[test]
    fn every_shipped_scenario_reads_back() {
        for shipped in shipped() {
            assert_reads_back(shipped.name, shipped.text);
        }
    }

    #[test]
    fn every_setting_reads_back() {
        for text in [
            "[[arm]]\nname = \"a\"",
            "seed = 18446744073709551615\n[[arm]]\nname = \"a\"\ndriver = \"tcp\"",
            "expect = [\"a:ports.exhausted==true\"]\n[[arm]]\nname = \"a\"",
            "[[arm]]\nname = \"a\"\nduration = \"10s\"\narrivals = { ramp = { from = \"100/h\", to = \"0.1/s\", over = \"1m 30s\" } }",
            "[[arm]]\nname = \"a\"\nclose = \"late:after=2s,count=5\"\nretry = { exponential = { first = \"1ms\", most = \"2s\", times = 3 } }",
            "[[arm]]\nname = \"a\"\nports = \"40000-41999\"\nnofile = 64\nmax_held = 1\nsandbox = \"none\"\nport_search = \"per-socket\"",
            "[target]\naddress = \"[::1]:5000\"\nuser = \"a\\\"b\"\npassword_file = 'C:\\x'\ndatabase = \"d\"\n[[arm]]\nname = \"a\"",
            "[target]\naddress = \"db\"\nuser = \"u\"\n[[arm]]\nname = \"a\"",
            "[target]\naddress = \"db\"\n[[arm]]\nname = \"a\"\ndriver = \"tcp\"",
        ] {
            assert_reads_back("text.toml", text);
        }
    }
}
