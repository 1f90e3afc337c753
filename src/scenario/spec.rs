//! A scenario as it was written: every setting optional, each with its place.
//!
//! Plain data between text and [`Scenario`](super::Scenario): a command line sets fields of it, then resolves it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::problem::Source;
use super::setting::{Number, SandboxChoice, Time};
use super::{Placed, target::TargetSpec};
use crate::client::{Close, Driver, PortSearch};
use crate::fault::FaultSpec;
use crate::load::{Arrivals, Retry};
use crate::server::CloseMode;
use crate::units::PortRange;

/// A scenario as it was written.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
#[schemars(title = "closewait scenario", deny_unknown_fields)]
pub struct Spec {
    /// The scenario's name: letters, digits, `.`, `_` and `-`. Without one it is the file's name.
    pub name: Option<Placed<String>>,
    /// The seed of every random choice.
    #[schemars(extend("default" = 1))]
    pub seed: Option<Placed<u64>>,
    /// What must hold in the end, each `[ARM:] PATH OP VALUE` over one arm of the summary; without an arm it holds for
    /// every one.
    #[schemars(with = "Vec<String>", extend("default" = []))]
    pub expect: Vec<Placed<String>>,
    /// A real server instead of the embedded one.
    pub target: Option<Placed<TargetSpec>>,
    /// Settings of every arm, unless the arm has its own.
    #[schemars(extend("default" = {}))]
    pub base: Settings,
    /// The arms, played one after another, each in a fresh sandbox.
    #[schemars(rename = "arm", length(min = 1, max = 100))]
    pub arms: Vec<ArmSpec>,
    #[schemars(skip)]
    pub(super) source: Source,
}

impl Spec {
    /// An empty scenario; `origin` is what its errors name, such as `command line`.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self { source: Source { name: origin.to_owned(), text: String::new() }, ..Self::default() }
    }

    /// Gives every arm these settings, whatever it and `[base]` say: what a flag of the command line does.
    #[must_use]
    pub fn with_everywhere(mut self, settings: &Settings) -> Self {
        for arm in &mut self.arms {
            arm.settings = settings.clone().over(std::mem::take(&mut arm.settings));
        }
        self.base = settings.clone().over(self.base);
        self
    }
}

/// An arm as it was written.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
#[schemars(rename = "Arm", deny_unknown_fields)]
pub struct ArmSpec {
    /// The arm's name: letters, digits, `.`, `_` and `-`.
    // The file may leave it out, and then it is told so; a schema's reader should know that it must not.
    #[schemars(required)]
    pub name: Option<Placed<String>>,
    /// Its own settings.
    #[schemars(flatten)]
    pub settings: Settings,
    /// Where the arm begins.
    #[schemars(skip)]
    pub span: Option<std::ops::Range<usize>>,
}

impl ArmSpec {
    /// An arm of that name with the settings of the base.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned().into()), ..Self::default() }
    }
}

/// A layer of optional settings, which may lie over another.
pub(super) trait Layer: Default + for<'de> Deserialize<'de> {
    /// These settings, and those of `below` where these have none.
    #[must_use]
    fn over(self, below: Self) -> Self;
}

/// Declares a struct of optional, placed settings that is a [`Layer`].
macro_rules! layer {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$fmeta])* pub $field: Option<$crate::scenario::Placed<$type>>,)+ }

        impl $crate::scenario::spec::Layer for $name {
            fn over(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field),)+ }
            }
        }
    };
}
pub(super) use layer;

layer! {
    /// The settings of one arm.
    pub struct Settings {
        /// What goes wrong at the embedded server; `["none"]` makes it a good one. With `driver = "tcp"` the default is
        /// `["connect-end"]`.
        #[schemars(length(min = 1), extend("default" = ["login-18456"]))]
        pub faults: Vec<FaultSpec>,
        /// How the embedded server ends a connection.
        #[schemars(extend("default" = "orderly"))]
        pub server_close: CloseMode,
        /// What speaks to the server.
        #[schemars(extend("default" = "tiberius"))]
        pub driver: Driver,
        /// What the client does with its connection after a failed login; with `driver = "tcp"`, always.
        #[schemars(extend("default" = "orderly"))]
        pub close: Close,
        /// What it does after a good login.
        #[schemars(extend("default" = "orderly"))]
        pub close_logged_in: Close,
        /// How long one attempt may take.
        #[schemars(extend("default" = "15s"))]
        pub timeout: Time<1, 3_600_000>,
        /// When attempts arrive, whatever becomes of the earlier ones.
        #[schemars(extend("default" = { "constant": { "rate": "500/s" } }))]
        pub arrivals: Arrivals,
        /// How many attempts arrive. Where `arrivals` is written, this or `duration` must be, too.
        #[schemars(extend("default" = 1000))]
        pub attempts: Number<1, 1_000_000_000>,
        /// How long attempts arrive.
        pub duration: Time<1, 86_400_000>,
        /// How many attempts may be under way at once; one more is recorded as `capped`.
        #[schemars(extend("default" = 2000))]
        pub in_flight: Number<1, 1_000_000>,
        /// What follows a failed login.
        #[schemars(extend("default" = "none"))]
        pub retry: Retry,
        /// How far the client's and the server's host are apart.
        #[schemars(extend("default" = "auto"))]
        pub sandbox: SandboxChoice,
        /// The client host's `ip_local_port_range`; without it, the range that the host has.
        pub ports: PortRange,
        /// Who searches a free local port. Without it the kernel, in the host's range; but where there is no namespace,
        /// a range of at most `--max-ports` ports is set on each socket.
        pub port_search: PortSearch,
        /// `tcp_fin_timeout` on both hosts, in whole seconds; needs a sandbox with namespaces.
        #[schemars(extend("default" = "1m"))]
        pub tcp_fin_timeout: Time<1000, 3_600_000>,
        /// `tcp_tw_reuse` on both hosts (0 never, 1 always, 2 on loopback only); needs a sandbox with namespaces.
        #[schemars(extend("default" = 2))]
        pub tcp_tw_reuse: Number<0, 2>,
        /// The descriptors (`RLIMIT_NOFILE`) of the load worker, which is then the only one; without it, as many workers
        /// as it takes, each with all that the machine gives.
        pub nofile: Number<64, 1_048_576>,
        /// How many sockets the close strategy may hold at once; one more attempt is recorded as `capped`. Without it,
        /// no cap inside a sandbox with namespaces. Outside at most 1,000, unless `--max-held` says more.
        pub max_held: Number<1, 10_000_000>,
        /// From the last outcome to the final socket table.
        #[schemars(extend("default" = "200ms"))]
        pub settle: Time<0, 600_000>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_lies_over_the_base() {
        let base =
            Settings { close: Some(Close::Leaky.into()), driver: Some(Driver::Tcp.into()), ..Settings::default() };
        let arm = Settings { close: Some(Close::Half.into()), ..Settings::default() };
        let both = arm.over(base);
        assert_eq!((both.close, both.driver), (Some(Close::Half.into()), Some(Driver::Tcp.into())));
    }

    #[test]
    fn a_flag_lies_over_everything() {
        let mut spec = Spec::new("command line");
        let leaky = Settings { close: Some(Close::Leaky.into()), ..Settings::default() };
        spec.arms = vec![ArmSpec { settings: leaky, ..ArmSpec::named("one") }, ArmSpec::named("two")];
        let flags = Settings { close: Some(Close::Abortive.into()), ..Settings::default() };
        let scenario = spec.with_everywhere(&flags).resolve().unwrap();
        assert!(scenario.arms.iter().all(|arm| arm.close == Close::Abortive));
    }
}
