//! A [`Spec`] to a [`Scenario`]: defaults filled in, and what no setting can see alone.

use super::problem::{Errors, Problem};
use super::rules::{self, Plan};
use super::setting::SandboxChoice;
use super::spec::{Layer as _, Settings, Spec};
use super::{Arm, Placed, Scenario, names, target};
use crate::client::{Close, Driver};
use crate::fault::FaultSpec;
use crate::load::{self, Arrivals, Retry};
use crate::server::CloseMode;
use crate::units::{Rate, Span};

/// Reads and checks a scenario's text; `name` is what its errors call it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(name: &str, text: &str) -> Result<Scenario, Errors> {
    Spec::parse(name, text)?.resolve()
}

impl Spec {
    /// Checks everything and fills the defaults in.
    ///
    /// # Errors
    /// Every setting that contradicts another, and every name that is missing, taken or unknown.
    pub fn resolve(self) -> Result<Scenario, Errors> {
        let mut problems = Vec::new();
        names::check(&self, &mut problems);
        let name = names::of(&self);
        let seed = self.seed.as_ref().map_or(1, |seed| seed.value);
        let embedded = self.target.is_none();
        let mut arms = Vec::new();
        for (index, spec) in (0..).zip(self.arms.into_iter().take(names::MOST_ARMS)) {
            let name = value(spec.name).unwrap_or_default();
            arms.push(arm(name, spec.settings.over(self.base.clone()), embedded, arm_seed(seed, index), &mut problems));
        }
        let needs_login = arms.iter().find(|arm| arm.driver == Driver::Tiberius).map(|arm| arm.name.as_str());
        let target = self.target.and_then(|target| target::resolve(target, needs_login, &mut problems));
        let names: Vec<_> = arms.iter().map(|arm| arm.name.as_str()).collect();
        // Those that cannot be read are problems already.
        let expectations = self.expect.iter().filter_map(|text| names::expectation(&text.value, &names).ok()).collect();
        if problems.is_empty() {
            Ok(Scenario { name, seed, target, arms, expectations })
        } else {
            Err(Errors::new(self.source, problems))
        }
    }
}

fn arm(name: String, settings: Settings, embedded: bool, seed: u64, problems: &mut Vec<Problem>) -> Arm {
    rules::check(&Plan { settings: &settings, embedded }, problems);
    let driver = value(settings.driver).unwrap_or(Driver::Tiberius);
    let faults = value(settings.faults).unwrap_or_else(|| if embedded { default_faults(driver) } else { Vec::new() });
    let duration = value(settings.duration).map(|time| time.get());
    // A load that only the duration bounds has no number of attempts; without either, the default's bounds hold.
    let attempts = value(settings.attempts).map(|number| u64::from(number.get()));
    let attempts = if duration.is_none() { attempts.or(Some(1000)) } else { attempts };
    let max_held = value(settings.max_held).map(|number| number.get());
    Arm {
        name,
        faults,
        server_close: value(settings.server_close).unwrap_or(CloseMode::Orderly),
        driver,
        close: value(settings.close).unwrap_or(Close::Orderly),
        close_logged_in: value(settings.close_logged_in).unwrap_or(Close::Orderly),
        timeout: value(settings.timeout).map_or(Span::from_secs(15), |time| time.get()),
        load: load::Config {
            arrivals: value(settings.arrivals).unwrap_or_else(default_arrivals),
            attempts,
            duration,
            in_flight: value(settings.in_flight).map_or(2000, |number| number.get()),
            max_held: max_held.unwrap_or(u32::MAX),
            retry: value(settings.retry).unwrap_or(Retry::None),
            seed,
        },
        sandbox: value(settings.sandbox).and_then(SandboxChoice::level),
        ports: value(settings.ports),
        port_search: value(settings.port_search),
        tcp_fin_timeout: value(settings.tcp_fin_timeout).map_or(rules::KERNEL_FIN_TIMEOUT, |time| time.get()),
        tcp_tw_reuse: value(settings.tcp_tw_reuse)
            .map_or(rules::KERNEL_TW_REUSE, |number| number.get().try_into().unwrap_or(rules::KERNEL_TW_REUSE)),
        nofile: value(settings.nofile).map(|number| number.get()),
        max_held,
        settle: value(settings.settle).map_or(Span::from_millis(200), |time| time.get()),
    }
}

fn value<T>(placed: Option<Placed<T>>) -> Option<T> {
    placed.map(|placed| placed.value)
}

/// The seed's own default: a login that fails, or, for a driver that never logs in, a connection that ends.
fn default_faults(driver: Driver) -> Vec<FaultSpec> {
    let name = match driver {
        Driver::Tiberius => "login-18456",
        Driver::Tcp => "connect-end",
    };
    vec![name.parse().expect("the default faults are in the catalogue")]
}

fn default_arrivals() -> Arrivals {
    Arrivals::Constant { rate: Rate::per_second(500.0).expect("500 a second is a rate") }
}

/// One seed an arm, far from its neighbours' (SplitMix64: Steele, Lea and Flood 2014).
pub(super) fn arm_seed(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
