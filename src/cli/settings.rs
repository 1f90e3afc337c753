//! The settings of a scenario as options: each lies over what the scenario says, in every arm.
//!
//! Without a scenario those of the load, the client and the server make an arm of their own; the others say where and how
//! it is played, and lie over the built-in scenario as over any.

use clap::Args;

use super::failure::Failure;
use super::named::named;
use super::secret::PasswordArgs;
use crate::client::{Close, Driver, PortSearch};
use crate::fault::FaultSpec;
use crate::load::Arrivals;
use crate::run::Options;
use crate::scenario::{ArmSpec, Number, Placed, SandboxChoice, Settings, Spec, TargetSpec, Time};
use crate::server::CloseMode;
use crate::units::{HostPort, PortRange, Rate};

const ARM: &str = "Over the scenario, in every arm; without a scenario, any of these makes one arm of its own";
const HOSTS: &str = "Over the scenario, in every arm; without a scenario, over the built-in one";

/// Settings that lie over a scenario's.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = ARM)]
pub(super) struct SettingsArgs {
    /// A real server instead of the embedded one, or of the scenario's whole [target]
    #[arg(long, value_name = "HOST:PORT")]
    target: Option<HostPort>,

    /// The user to log in as at the target, the scenario's own [target] included
    #[arg(long, help_heading = "Login")]
    user: Option<String>,

    /// The database to ask for at the target, the scenario's own [target] included
    #[arg(long, value_name = "NAME", help_heading = "Login")]
    database: Option<String>,

    /// What the client does after a failed login: orderly, abortive, half, drain, leaky, late:after=2s,count=500
    #[arg(long, value_name = "STRATEGY")]
    close: Option<Close>,

    /// What it does after a good login
    #[arg(long, value_name = "STRATEGY")]
    close_logged_in: Option<Close>,

    /// What speaks to the server: tiberius or tcp
    #[arg(long, value_parser = named::<Driver>)]
    driver: Option<Driver>,

    /// How many attempts
    #[arg(long, value_name = "N")]
    attempts: Option<Number<1, 1_000_000_000>>,

    /// Evenly spaced attempts, such as 500/s
    #[arg(long)]
    rate: Option<Rate>,

    /// How long attempts arrive, such as 10s
    #[arg(long)]
    duration: Option<Time<1, 86_400_000>>,

    /// How long one attempt may take
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Time<1, 3_600_000>>,

    /// Attempts under way at once; one more is recorded as capped
    #[arg(long, value_name = "N")]
    in_flight: Option<Number<1, 1_000_000>>,

    /// What goes wrong at the embedded server (may be repeated)
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    fault: Vec<FaultSpec>,

    /// How the embedded server ends a connection
    #[arg(long, value_name = "MODE", value_parser = named::<CloseMode>, conflicts_with = "target")]
    server_close: Option<CloseMode>,

    /// The hosts: auto, two-hosts, one-host, port-range, none
    #[arg(long, value_name = "LEVEL", help_heading = HOSTS)]
    sandbox: Option<SandboxChoice>,

    /// The client's ephemeral ports, such as 40000-41999
    #[arg(long, value_name = "LOW-HIGH", help_heading = HOSTS)]
    ports: Option<PortRange>,

    /// Who searches a free port: kernel (in all of the host's range) or per-socket
    #[arg(long, value_name = "WHO", value_parser = named::<PortSearch>, help_heading = HOSTS)]
    port_search: Option<PortSearch>,

    /// Sockets held at once; one more attempt is recorded as capped [default: no cap inside a sandbox, 1000 outside]
    #[arg(long, value_name = "N", help_heading = "Guard rails")]
    max_held: Option<Number<1, 10_000_000>>,

    /// The seed of every random choice
    #[arg(long, value_name = "N", help_heading = HOSTS)]
    seed: Option<u64>,
}

impl SettingsArgs {
    /// Whether these describe an arm of their own, so that no scenario need be named.
    pub(super) const fn make_an_arm(&self) -> bool {
        let server = self.target.is_some() || !self.fault.is_empty() || self.server_close.is_some();
        let client = self.driver.is_some() || self.close.is_some() || self.close_logged_in.is_some();
        let load =
            self.attempts.is_some() || self.rate.is_some() || self.duration.is_some() || self.in_flight.is_some();
        server || client || load || self.timeout.is_some()
    }

    /// How many sockets may be held outside a sandbox.
    pub(super) fn max_held(&self) -> u32 {
        self.max_held.map_or(Options::DEFAULT_CAP, Number::get)
    }

    /// A scenario of one arm, which these settings describe.
    pub(super) fn spec(&self) -> Spec {
        let mut spec = Spec::new("command line");
        let name = self.close.map_or("orderly", Close::name);
        spec.name = Some(name.to_owned().into());
        // A rate alone would never end; with a bound of its own the arm needs no other.
        if self.attempts.is_none() && self.duration.is_none() {
            spec.base.attempts = Number::new(1000).ok().map(Placed::from);
        }
        spec.arms = vec![ArmSpec::named(name)];
        spec
    }

    /// Lays these settings over a scenario.
    pub(super) fn over(self, mut spec: Spec, password: &PasswordArgs) -> Result<Spec, Failure> {
        if let Some(seed) = self.seed {
            spec.seed = Some(seed.into());
        }
        // Another server gets nothing of the scenario's: its credentials are for its own.
        if let Some(address) = self.target.clone() {
            let target = TargetSpec { address: Some(address.into()), ..TargetSpec::default() };
            spec.target = Some(target.into());
        }
        match &mut spec.target {
            Some(target) => self.login(&mut target.value, password),
            None if self.user.is_some() || self.database.is_some() || password.is_given() => {
                let error = anyhow::anyhow!("log in: --user, --database and the password's options need a target");
                return Err(Failure::usage(error).hint("add --target HOST:PORT, or a [target] to the scenario"));
            }
            None => {}
        }
        Ok(spec.with_everywhere(&self.settings()))
    }

    /// Lays the login's options over a target's own.
    fn login(&self, target: &mut TargetSpec, password: &PasswordArgs) {
        if let Some(user) = &self.user {
            target.user = Some(user.clone().into());
        }
        if let Some(database) = &self.database {
            target.database = Some(database.clone().into());
        }
        // Both at once: a password has one source.
        if password.is_given() {
            target.password_env = placed(password.env.clone());
            target.password_file = placed(password.file.clone());
        }
    }

    fn settings(self) -> Settings {
        Settings {
            faults: placed((!self.fault.is_empty()).then_some(self.fault)),
            server_close: placed(self.server_close),
            driver: placed(self.driver),
            close: placed(self.close),
            close_logged_in: placed(self.close_logged_in),
            timeout: placed(self.timeout),
            arrivals: placed(self.rate.map(|rate| Arrivals::Constant { rate })),
            attempts: placed(self.attempts),
            duration: placed(self.duration),
            in_flight: placed(self.in_flight),
            sandbox: placed(self.sandbox),
            ports: placed(self.ports),
            port_search: placed(self.port_search),
            max_held: placed(self.max_held),
            ..Settings::default()
        }
    }
}

fn placed<T>(value: Option<T>) -> Option<Placed<T>> {
    value.map(Placed::from)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: SettingsArgs,
        #[command(flatten)]
        password: PasswordArgs,
    }

    fn line(text: &str) -> Line {
        Line::parse_from(std::iter::once("run").chain(text.split_whitespace()))
    }

    #[test]
    fn what_makes_an_arm_of_its_own() {
        for text in [
            "--attempts 5",
            "--rate 10/s",
            "--duration 1s",
            "--driver tcp",
            "--close leaky",
            "--close-logged-in leaky",
            "--fault none",
            "--server-close unread",
            "--in-flight 5",
            "--timeout 1s",
            "--target 127.0.0.1:1433",
        ] {
            assert!(line(text).settings.make_an_arm(), "{text}");
        }
        for text in ["", "--seed 2", "--sandbox none", "--ports 40000-40999", "--port-search kernel", "--max-held 5"] {
            assert!(!line(text).settings.make_an_arm(), "{text}");
        }
    }

    #[test]
    fn the_login_lies_over_a_scenarios_own_target() {
        let text = "[target]\naddress = \"db:1433\"\nuser = \"app\"\npassword_env = \"APP\"\ndatabase = \"shop\"\n\
                    [[arm]]\nname = \"a\"";
        let target = |options: &str| {
            let Line { settings, password } = line(options);
            let spec = settings.over(Spec::parse("test", text).unwrap(), &password).unwrap();
            let target = spec.target.unwrap().value;
            let text = |it: Option<Placed<String>>| it.map(|it| it.value).unwrap_or_default();
            let file = target.password_file.map(|it| it.value.display().to_string()).unwrap_or_default();
            [
                target.address.unwrap().value.to_string(),
                text(target.user),
                text(target.password_env),
                file,
                text(target.database),
            ]
        };
        assert_eq!(target(""), ["db:1433", "app", "APP", "", "shop"]);
        assert_eq!(target("--password-file pw"), ["db:1433", "app", "", "pw", "shop"]);
        assert_eq!(target("--user me --database tmp --password-env ME"), ["db:1433", "me", "ME", "", "tmp"]);
        assert_eq!(target("--target other --user me"), ["other:1433", "me", "", "", ""], "its secrets go nowhere else");
    }

    #[test]
    fn a_login_without_a_target_is_a_usage_error() {
        for options in ["--user me", "--database tmp", "--password-env ME", "--password-file pw"] {
            let Line { settings, password } = line(options);
            let spec = Spec::parse("test", "[[arm]]\nname = \"a\"").unwrap();
            let failure = settings.over(spec, &password).unwrap_err();
            assert_eq!(failure.exit(), crate::cli::Exit::Usage, "{options}");
            assert!(failure.to_string().contains("hint: add --target"), "{failure}");
        }
    }
}
