//! Whether this program can make hosts of its own here: tried, and where it is refused, which setting may be why.

use super::files::{APPARMOR, NET_NAMESPACES, Path, STATUS, Texts, USER_NAMESPACES, USERNS_CLONE, Unread, sysctl_name};
use crate::record::{NamespacesFound, Scope, Setting};
use crate::sandbox::{Plan, Sandbox};

/// Makes the best sandbox that works and takes it down again.
pub(super) fn tried(texts: &Texts) -> NamespacesFound {
    let (level, refusals) = match Sandbox::build(&Plan::default()) {
        Ok(sandbox) => {
            let refusals = sandbox.refusals().iter().map(ToString::to_string).collect();
            (sandbox.level().to_string(), refusals)
        }
        Err(error) => ("none".to_owned(), vec![format!("failed to {error}")]),
    };
    NamespacesFound { level, refusals, settings: settings(texts) }
}

/// The settings that allow or forbid them; what this kernel does not have forbids nothing.
fn settings(texts: &Texts) -> Vec<Setting> {
    let number = |path: Path, note: fn(u64) -> &'static str| match texts.number(path) {
        Err(Unread::Absent) => None,
        read => Some(Setting {
            name: sysctl_name(path),
            value: read.as_ref().ok().map(u64::to_string),
            scope: Scope::Machine,
            note: read.map_or_else(|why| why.to_string(), |value| note(value).to_owned()),
        }),
    };
    let limited = |value| if value == 0 { "none may be made" } else { "at most so many for a user" };
    let all = [
        number(USER_NAMESPACES, limited),
        number(NET_NAMESPACES, limited),
        number(USERNS_CLONE, |value| if value == 0 { "only root may make user namespaces" } else { "allowed" }),
        number(APPARMOR, |value| match value {
            0 => "allowed",
            _ => "AppArmor takes the capabilities away in user namespaces that no profile allows",
        }),
        seccomp(texts),
    ];
    all.into_iter().flatten().collect()
}

/// A filter may refuse `unshare`: Docker's default profile does.
fn seccomp(texts: &Texts) -> Option<Setting> {
    let mode = texts.line(STATUS, "Seccomp:")?;
    let note = match mode {
        0 => "no filter",
        2 => "a filter, which may forbid namespaces: Docker's default profile does",
        _ => "strict",
    };
    Some(Setting {
        name: "seccomp".to_owned(),
        value: Some(mode.to_string()),
        scope: Scope::Process,
        note: note.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forbids_is_told_and_what_is_not_there_is_not() {
        let texts = Texts::of(&[
            (USER_NAMESPACES, "0"),
            (APPARMOR, "1"),
            (STATUS, "Name: x\nSeccomp:\t2\nSeccomp_filters:\t1"),
        ]);
        let notes: Vec<_> =
            settings(&texts).into_iter().map(|it| (it.name, it.value.unwrap(), it.note[..6].to_owned())).collect();
        let expected = [
            ("user.max_user_namespaces", "0", "none m"),
            ("kernel.apparmor_restrict_unprivileged_userns", "1", "AppArm"),
            ("seccomp", "2", "a filt"),
        ];
        assert_eq!(notes, expected.map(|(name, value, note)| (name.into(), value.into(), note.into())));
    }

    #[test]
    fn the_trial_tells_a_level_of_the_ladder() {
        let found = tried(&Texts::default());
        assert!(found.level.parse::<crate::sandbox::Level>().is_ok(), "{found:?}");
        assert_eq!(found.refusals.is_empty(), found.level == "two-hosts", "{found:?}");
    }
}
