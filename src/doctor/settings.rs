//! Settings that limit nothing by themselves and decide how soon a wall is met.

use super::files::{
    CONNTRACK_CLOSE_WAIT, FIN_TIMEOUT, NETSTAT, Path, SOMAXCONN, SYN_BACKLOG, TW_REUSE, Texts, Unread, sysctl_name,
};
use crate::record::{Scope, Setting};
use crate::units::Count;

/// What a value means.
type Meaning<'a> = &'a dyn Fn(u64) -> String;

/// The settings that this kernel has.
pub(super) fn settings(texts: &Texts) -> Vec<Setting> {
    let overflows = texts.counter(NETSTAT, "TcpExt:", "ListenOverflows");
    let all: [(Path, Meaning<'_>); 5] = [
        (FIN_TIMEOUT, &|_| "seconds until an orphaned FIN_WAIT_2 vanishes, as a leak's server end".to_owned()),
        (TW_REUSE, &|value| tw_reuse(value).to_owned()),
        (SOMAXCONN, &|_| match overflows {
            Some(n) if n > 0 => format!("the longest accept queue; {} connections found one full", Count(n)),
            _ => "the longest accept queue; none was ever full".to_owned(),
        }),
        (SYN_BACKLOG, &|_| "half-open connections of one listener".to_owned()),
        (CONNTRACK_CLOSE_WAIT, &|_| "seconds that a tracked leak is remembered".to_owned()),
    ];
    all.into_iter().filter_map(|(path, meaning)| setting(texts, path, meaning)).collect()
}

fn setting(texts: &Texts, path: Path, meaning: Meaning<'_>) -> Option<Setting> {
    let (value, note) = match texts.number(path) {
        Ok(value) => (Some(value.to_string()), meaning(value)),
        Err(Unread::Absent) => return None,
        Err(why) => (None, why.to_string()),
    };
    Some(Setting { name: sysctl_name(path), value, scope: Scope::NetworkNamespace, note })
}

/// What `tcp_tw_reuse` does.
const fn tw_reuse(value: u64) -> &'static str {
    match value {
        0 => "off: a port in TIME_WAIT is lost for 60 s",
        1 => "a port in TIME_WAIT may be used again after 1 s",
        _ => "over loopback alone a port in TIME_WAIT may be used again after 1 s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_explained_and_what_is_not_there_is_left_out() {
        let texts =
            Texts::of(&[(TW_REUSE, "0"), (SOMAXCONN, "4096"), (NETSTAT, "TcpExt: ListenOverflows\nTcpExt: 1234")])
                .with(FIN_TIMEOUT, Err(Unread::Denied));
        let settings = settings(&texts);
        let names: Vec<_> = settings.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_tw_reuse", "net.core.somaxconn"]);
        assert_eq!((settings[0].value.as_deref(), settings[0].note.as_str()), (None, "not readable without root"));
        assert!(settings[1].note.starts_with("off") && settings[2].note.contains("1,234 connections"));
    }
}
