//! Why there is no sandbox, and what a person could change.

use std::io;

use rustix::io::Errno;

use super::{Level, Step};

/// Why a sandbox could not be built; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan asks for what no level can give: a mistake in the scenario, not of this machine.
    #[error("{0}")]
    Setting(String),
    /// The level that was asked for cannot be had on this machine.
    #[error("build a `{level}` sandbox")]
    Level {
        /// The level that was asked for.
        level: Level,
        /// What stood in the way.
        #[source]
        source: Box<Error>,
    },
    /// A step in the making of the namespaces was refused by the kernel.
    #[error("{}", step.text())]
    Step {
        /// Which step.
        step: Step,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The maker of the namespaces ended without a word, or never ended.
    #[error("hear from the process that makes the namespaces: {0}")]
    Maker(String),
    /// A system call of this process, outside the maker.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
    /// This machine's own settings have a form that is not known.
    #[error("read `{value}` as `{setting}`")]
    Reading {
        /// The file under `/proc/sys/net/ipv4`.
        setting: &'static str,
        /// What it held.
        value: String,
    },
    /// Every port of the window is listened on or reserved.
    #[error("find a free port in {0}: all of them are listened on or reserved")]
    NoFreePorts(crate::units::PortRange),
}

impl Error {
    pub(super) fn system(what: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::System { what, source: errno.into() }
    }

    /// Whether this machine is at fault (exit code 3) and not the plan (exit code 2).
    #[must_use]
    pub const fn is_of_this_machine(&self) -> bool {
        !matches!(self, Self::Setting(_))
    }

    /// What a person could change or type, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Level { source, .. } => source.hint(),
            Self::Step { step, source } => step_hint(*step, source.raw_os_error()?, apparmor_restricts()),
            Self::System { source, .. } if source.raw_os_error() == Some(Errno::NOPROTOOPT.raw_os_error()) => Some(
                "the option IP_LOCAL_PORT_RANGE came with Linux 6.3; here only the level `none` is left".to_owned(),
            ),
            Self::NoFreePorts(_) => Some("ask for other ports, or a wider range".to_owned()),
            _ => None,
        }
    }

    /// The error and all its sources in one line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            text.push_str(": ");
            text.push_str(&source.to_string());
            next = source.source();
        }
        text
    }
}

/// What is known about a step that was refused with `errno`; `apparmor` tells whether AppArmor restricts user namespaces.
fn step_hint(step: Step, errno: i32, apparmor: bool) -> Option<String> {
    let denied = errno == Errno::PERM.raw_os_error() || errno == Errno::ACCESS.raw_os_error();
    let full = errno == Errno::NOSPC.raw_os_error() || errno == Errno::USERS.raw_os_error();
    let making = matches!(step, Step::UserNamespace | Step::IdMap | Step::NetworkNamespace);
    let hint = match step {
        // AppArmor lets unshare pass and takes the capabilities away, so that a later step is the one that fails.
        _ if denied && apparmor => {
            "AppArmor forbids user namespaces here; allow them with \
             `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run as root"
        }
        _ if making && denied => {
            "a container's seccomp profile or `kernel.unprivileged_userns_clone=0` forbids namespaces; in Docker add \
             `--privileged`, elsewhere `sudo sysctl kernel.unprivileged_userns_clone=1`"
        }
        Step::UserNamespace if full => {
            "the limit on user namespaces is reached; raise it with `sudo sysctl user.max_user_namespaces=10000`"
        }
        Step::NetworkNamespace if full => {
            "the limit on network namespaces is reached; raise it with `sudo sysctl user.max_net_namespaces=10000`"
        }
        Step::UserNamespace | Step::NetworkNamespace if errno == Errno::INVAL.raw_os_error() => {
            "this kernel was built without user or network namespaces"
        }
        Step::Veth if errno == Errno::OPNOTSUPP.raw_os_error() => {
            "this kernel has no veth driver; load it with `sudo modprobe veth`, or take `one-host`"
        }
        Step::WriteSetting if errno == Errno::ROFS.raw_os_error() => {
            "/proc/sys is read-only, as in most containers; leave ports and TCP settings at their defaults, or in Docker \
             add `--privileged`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Whether Ubuntu's AppArmor restriction of unprivileged user namespaces is on.
pub(super) fn apparmor_restricts() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        .is_ok_and(|value| value.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_wall_has_a_hint() {
        let hint = |step, errno: Errno, apparmor| step_hint(step, errno.raw_os_error(), apparmor);
        for (step, errno, apparmor, words) in [
            (Step::UserNamespace, Errno::PERM, false, "seccomp"),
            (Step::IdMap, Errno::PERM, true, "apparmor_restrict_unprivileged_userns=0"),
            (Step::NetworkNamespace, Errno::PERM, true, "AppArmor"),
            (Step::Loopback, Errno::PERM, true, "AppArmor"),
            (Step::UserNamespace, Errno::NOSPC, false, "user.max_user_namespaces"),
            (Step::NetworkNamespace, Errno::NOSPC, false, "user.max_net_namespaces"),
            (Step::Veth, Errno::OPNOTSUPP, false, "modprobe veth"),
            (Step::WriteSetting, Errno::ROFS, false, "read-only"),
        ] {
            let hint = hint(step, errno, apparmor).unwrap_or_default();
            assert!(hint.contains(words), "{step:?} {errno}: {hint}");
        }
        assert_eq!(hint(Step::Carrier, Errno::TIMEDOUT, false), None);
    }

    #[test]
    fn a_refused_level_keeps_its_cause_and_hint() {
        let step = Error::Step { step: Step::UserNamespace, source: Errno::PERM.into() };
        let error = Error::Level { level: Level::TwoHosts, source: Box::new(step) };
        let chain = error.chain();
        assert!(chain.starts_with("build a `two-hosts` sandbox: create a user namespace: "), "{chain}");
        assert!(chain.contains("os error 1") && error.hint().is_some() && error.is_of_this_machine());
    }
}
