//! The TCP settings of a host: `/proc/sys/net/ipv4/...` as values.

use std::time::Duration;

use crate::units::PortRange;

use super::{Error, Plan};

/// The TCP settings of a host, as they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The ports that a client on this host may get.
    pub ports: PortRange,
    /// How long an orphaned FIN_WAIT_2 lasts (TIME_WAIT always lasts 60 s).
    pub tcp_fin_timeout: Duration,
    /// Whether TIME_WAIT ports are used again: 0 never, 1 always, 2 on loopback only.
    pub tcp_tw_reuse: u8,
}

/// Where a setting is, in the order in which [`Settings::parse`] takes their texts.
pub(super) const FILES: [&str; 3] =
    ["/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/ipv4/tcp_fin_timeout", "/proc/sys/net/ipv4/tcp_tw_reuse"];

impl Settings {
    /// Reads the settings of the host that this process is in.
    pub(super) fn of_this_machine() -> Result<Self, Error> {
        let mut texts = [const { String::new() }; FILES.len()];
        for (text, file) in texts.iter_mut().zip(FILES) {
            *text = std::fs::read_to_string(file)
                .map_err(|source| Error::System { what: "read this machine's TCP settings", source })?;
        }
        let [ports, fin_timeout, tw_reuse] = &texts;
        Self::parse([ports, fin_timeout, tw_reuse])
    }

    /// The texts of [`FILES`], in that order, as values.
    pub(super) fn parse(texts: [&str; FILES.len()]) -> Result<Self, Error> {
        let [ports, fin_timeout, tw_reuse] = texts;
        let wrong = |setting, value: &str| Error::Reading { setting, value: value.trim().to_owned() };
        let mut ends = ports.split_whitespace().map(str::parse::<u16>);
        let range = match (ends.next(), ends.next()) {
            // Privileged ports are in nobody's range: a client would need a capability for them.
            (Some(Ok(low)), Some(Ok(high))) => PortRange::new(low.max(1024), high).ok(),
            _ => None,
        };
        Ok(Self {
            ports: range.ok_or_else(|| wrong("ip_local_port_range", ports))?,
            tcp_fin_timeout: fin_timeout
                .trim()
                .parse()
                .map(Duration::from_secs)
                .map_err(|_| wrong("tcp_fin_timeout", fin_timeout))?,
            tcp_tw_reuse: tw_reuse.trim().parse().map_err(|_| wrong("tcp_tw_reuse", tw_reuse))?,
        })
    }
}

/// What `plan` asks to be written on a host: the file and its text. `client` tells whether the ports are meant.
pub(super) fn wanted(plan: &Plan, client: bool) -> Vec<(&'static str, String)> {
    let [ports, fin_timeout, tw_reuse] = FILES;
    let asked = [
        (ports, plan.ports.filter(|_| client).map(|range| format!("{} {}", range.low(), range.high()))),
        (fin_timeout, plan.tcp_fin_timeout.map(|span| span.0.as_secs().to_string())),
        (tw_reuse, plan.tcp_tw_reuse.map(|value| value.to_string())),
    ];
    asked.into_iter().filter_map(|(file, text)| Some((file, text?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn reads_what_the_kernel_writes() {
        let settings = Settings::parse(["32768\t60999\n", "60\n", "2\n"]).unwrap();
        assert_eq!(settings.ports, PortRange::LINUX_DEFAULT);
        assert_eq!((settings.tcp_fin_timeout, settings.tcp_tw_reuse), (Duration::from_secs(60), 2));
        assert_eq!(Settings::parse(["1\t65535\n", "60", "2"]).unwrap().ports.low(), 1024);
    }

    #[test]
    fn an_unknown_form_is_named() {
        for (texts, setting) in [
            (["40000", "60", "2"], "ip_local_port_range"),
            (["40000 39000", "60", "2"], "ip_local_port_range"),
            (["40000 41999", "soon", "2"], "tcp_fin_timeout"),
            (["40000 41999", "60", "-1"], "tcp_tw_reuse"),
        ] {
            let error = Settings::parse(texts).unwrap_err().to_string();
            assert!(error.contains(setting), "{texts:?}: {error}");
        }
    }

    #[test]
    fn only_what_was_asked_is_written_and_ports_only_on_the_client() {
        let plan = Plan {
            ports: Some(PortRange::new(40000, 41999).unwrap()),
            tcp_fin_timeout: Some(Span::from_secs(5)),
            ..Plan::default()
        };
        let client = wanted(&plan, true);
        assert_eq!(client, [(FILES[0], "40000 41999".to_owned()), (FILES[1], "5".to_owned())]);
        assert_eq!(wanted(&plan, false), [(FILES[1], "5".to_owned())]);
        assert!(wanted(&Plan::default(), true).is_empty());
    }
}
