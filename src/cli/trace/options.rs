//! The options of `closewait trace`.

use std::path::PathBuf;

use clap::Args;

use super::TraceOutputs;
use crate::cli::failure::Failure;
use crate::cli::named::named;
use crate::client::{Close, Driver, Encryption};
use crate::fault::{FaultSpec, Phase};
use crate::run::Diagnostics;
use crate::scenario::{Arm, ArmSpec, SandboxChoice, Settings, Spec, Time};
use crate::server::CloseMode;
use crate::trace::{Options, Subject};
use crate::units::Span;

const EXAMPLES: &str = "\
Examples:
  closewait trace                              a refused login, and a client that never closes
  closewait trace --close orderly              the same, and a client that does
  closewait trace --compare leaky,orderly      both, side by side where the terminal is 150 columns wide
  closewait trace --fault login-cut --close drain --pcapng cut.pcapng
  closewait trace --tls on --pcapng tls.pcapng && tshark -r tls.pcapng -d tls.port==1433,data -x
  closewait trace --tls strict --pcapng strict.pcapng &&
    tshark -r strict.pcapng -d tcp.port==1433,tls -d tls.port==1433,data -x
  closewait trace --fin-timeout 2s --wait 3s   the server's FIN_WAIT_2 goes, the client's CLOSE_WAIT stays
  closewait trace rst-hides-it                 the first arm of a scenario; --arm NAME takes another

→ marks a state that a frame changes. Exit codes: 0 traced; 1 the kernel's socket table has another state than
the frames tell; 2 usage, scenario; 3 this machine cannot run it.";

/// The kernel's own.
const KERNEL_FIN_TIMEOUT: Span = Span::from_secs(60);
const KERNEL_TW_REUSE: u8 = 2;

/// Show one connection frame by frame.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct TraceArgs {
    /// A scenario file, or the name of one that ships with it: its first arm is traced, one connection of it
    ///
    /// Of the arm's settings all apply that one connection has: its faults, its closes, the driver, the time-out, the
    /// sandbox, ports, tcp_fin_timeout, tcp_tw_reuse and nofile. Those of its load (arrivals, attempts, retries, pool) do
    /// not: one attempt is made.
    scenario: Option<PathBuf>,

    /// Another arm of the scenario
    #[arg(long, value_name = "NAME", requires = "scenario", conflicts_with = "compare")]
    arm: Option<String>,

    /// Two close strategies, or two arms of the scenario, such as leaky,orderly
    #[arg(long, value_name = "A,B", conflicts_with = "close")]
    compare: Option<String>,

    /// What the client does after a failed login: orderly, abortive, half, drain, leaky, late:after=2s [default: leaky]
    #[arg(long, value_name = "STRATEGY")]
    close: Option<Close>,

    /// What it does after a good login [default: orderly]
    #[arg(long, value_name = "STRATEGY")]
    close_logged_in: Option<Close>,

    /// What goes wrong at the server; repeatable [default: login-18456] (`closewait serve --list-faults`)
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<FaultSpec>,

    /// How the server ends the connection: orderly, abortive, shutdown, hold, unread [default: orderly]
    #[arg(long, value_name = "MODE", value_parser = named::<CloseMode>)]
    server_close: Option<CloseMode>,

    /// What speaks to the server: tiberius or tcp [default: tiberius]
    #[arg(long, value_parser = named::<Driver>)]
    driver: Option<Driver>,

    /// What is encrypted: off, login, on, strict [default: off, or what the fault needs]
    #[arg(long, value_name = "MODE", value_parser = named::<Encryption>)]
    tls: Option<Encryption>,

    /// How long the attempt may take [default: 15s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Time<1, 3_600_000>>,

    /// How long to look after the last frame
    #[arg(long, value_name = "TIME", default_value = "1s")]
    wait: Time<0, 600_000>,

    /// tcp_fin_timeout on both hosts, in whole seconds [default: 1m]
    #[arg(long, value_name = "TIME")]
    fin_timeout: Option<Time<1000, 3_600_000>>,

    /// The hosts: auto, two-hosts, one-host, port-range, none
    #[arg(long, value_name = "LEVEL")]
    sandbox: Option<SandboxChoice>,

    /// The seed of every random choice
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    #[command(flatten)]
    pub(super) outputs: TraceOutputs,
}

impl TraceArgs {
    /// What is asked for, checked.
    pub(super) fn options(&self, diagnostics: Diagnostics) -> Result<Options, Failure> {
        let mut spec = match &self.scenario {
            Some(path) => crate::cli::run::spec(path)?,
            None => self.spec()?,
        };
        if let Some(seed) = self.seed {
            spec.seed = Some(seed.into());
        }
        let scenario = spec
            .with_everywhere(&self.settings())
            .resolve()
            .map_err(|errors| Failure::usage(anyhow::Error::new(errors)))?;
        if let Some(target) = &scenario.target {
            let error = anyhow::anyhow!("trace a connection to {}: only the embedded server is traced", target.address);
            return Err(Failure::usage(error).hint("leave [target] out of the scenario"));
        }
        let arms = match (&self.scenario, &self.compare, &self.arm) {
            (Some(_), Some(names), _) => pair(names.split(','), names)?
                .into_iter()
                .map(|name| arm(&scenario.arms, name))
                .collect::<Result<_, _>>()?,
            (Some(_), None, Some(name)) => vec![arm(&scenario.arms, name)?],
            (Some(_), None, None) => scenario.arms.iter().take(1).collect(),
            (None, ..) => scenario.arms.iter().collect::<Vec<_>>(),
        };
        let subjects = arms.into_iter().map(|arm| self.subject(arm)).collect::<Result<_, _>>()?;
        Ok(Options { subjects, seed: scenario.seed, wait: self.wait.get(), diagnostics })
    }

    /// An arm for each strategy.
    fn spec(&self) -> Result<Spec, Failure> {
        let strategies = match &self.compare {
            Some(names) => strategies(names)?,
            None => vec![self.close.unwrap_or(Close::Leaky)],
        };
        let mut spec = Spec::new("command line");
        spec.name = Some("trace".to_owned().into());
        let mut taken = Vec::new();
        for close in strategies {
            // Two strategies of one name differ in their parameters; an arm's name has none.
            let name =
                if taken.contains(&close.name()) { format!("{}-2", close.name()) } else { close.name().to_owned() };
            taken.push(close.name());
            let settings = Settings { close: Some(close.into()), ..Settings::default() };
            spec.arms.push(ArmSpec { settings, ..ArmSpec::named(&name) });
        }
        Ok(spec)
    }

    /// What lies over every arm.
    fn settings(&self) -> Settings {
        Settings {
            faults: (!self.faults.is_empty()).then(|| self.faults.clone().into()),
            server_close: self.server_close.map(Into::into),
            driver: self.driver.map(Into::into),
            close: self.close.map(Into::into),
            close_logged_in: self.close_logged_in.map(Into::into),
            timeout: self.timeout.map(Into::into),
            tcp_fin_timeout: self.fin_timeout.map(Into::into),
            sandbox: self.sandbox.map(Into::into),
            ..Settings::default()
        }
    }

    fn subject(&self, arm: &Arm) -> Result<Subject, Failure> {
        let phases = || arm.faults.iter().map(|fault| fault.fault.phase());
        let needed = if phases().any(|phase| phase == Phase::Strict) {
            Encryption::Strict
        } else if phases().any(|phase| phase == Phase::Tls) {
            Encryption::On
        } else {
            Encryption::Off
        };
        let encryption = self.tls.unwrap_or(needed);
        if arm.driver == Driver::Tcp && encryption != Encryption::Off {
            let error = anyhow::anyhow!("encrypt a connection of the driver `tcp`: it never says a word");
            return Err(Failure::usage(error).hint("--driver tiberius"));
        }
        Ok(Subject {
            name: arm.name.clone(),
            faults: arm.faults.clone(),
            server_close: arm.server_close,
            driver: arm.driver,
            close: arm.close,
            close_logged_in: arm.close_logged_in,
            timeout: arm.timeout,
            encryption,
            sandbox: arm.sandbox,
            ports: arm.ports,
            tcp_fin_timeout: Some(arm.tcp_fin_timeout).filter(|span| *span != KERNEL_FIN_TIMEOUT),
            tcp_tw_reuse: Some(arm.tcp_tw_reuse).filter(|value| *value != KERNEL_TW_REUSE),
            nofile: arm.nofile,
        })
    }
}

/// An arm by its name.
fn arm<'a>(arms: &'a [Arm], name: &str) -> Result<&'a Arm, Failure> {
    arms.iter().find(|arm| arm.name == name).ok_or_else(|| {
        let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
        Failure::usage(anyhow::anyhow!("find the arm `{name}`")).hint(format!("the arms are {}", names.join(", ")))
    })
}

/// Two close strategies; the commas of a strategy's own parameters are not those between two.
fn strategies(names: &str) -> Result<Vec<Close>, Failure> {
    let mut texts: Vec<String> = Vec::new();
    for part in names.split(',') {
        let is_parameter = part.trim_start().starts_with("after=") || part.trim_start().starts_with("count=");
        match texts.last_mut().filter(|_| is_parameter) {
            Some(last) => *last = format!("{last},{part}"),
            None => texts.push(part.to_owned()),
        }
    }
    pair(texts.iter().map(String::as_str), names)?
        .into_iter()
        .map(|text| text.parse().map_err(|error| Failure::usage(anyhow::Error::new(error).context("compare"))))
        .collect()
}

fn pair<'a>(names: impl Iterator<Item = &'a str>, all: &str) -> Result<Vec<&'a str>, Failure> {
    let names: Vec<&str> = names.map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() == 2 {
        return Ok(names);
    }
    Err(Failure::usage(anyhow::anyhow!("compare `{all}`: two names are needed, with a comma between them"))
        .hint("--compare leaky,orderly"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commas_of_a_strategy_are_not_those_between_two() {
        let read = |names| strategies(names).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(read("leaky,orderly").unwrap(), ["leaky", "orderly"]);
        assert_eq!(read("late:after=2s,count=5, leaky").unwrap(), ["late:after=2s,count=5", "leaky"]);
        for wrong in ["leaky", "leaky,orderly,half", "leaky,leeky", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
