//! What a kernel's version means for the search of a local port.
//!
//! From the history of `__inet_hash_connect` in `net/ipv4/inet_hashtables.c`; the numbers are those of kernel.org, and a
//! distribution's kernel may have had a change earlier (RHEL 7.3's 3.10 searches by parity). What is not known is not said.

/// A kernel's version, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u32, u32);

/// "tcp/dccp: better use of ephemeral ports in connect()" (1580ab63fc9a): one parity of the whole range, then the other.
const BY_PARITY: Version = Version(4, 6);
/// "inet: Add IP_LOCAL_PORT_RANGE socket option" (91d0b78c5177).
const PER_SOCKET_RANGE: Version = Version(6, 3);
/// "tcp/dccp: change source port selection at connect() time" (207184853dbd).
const PER_SOCKET_IN_ONE_PASS: Version = Version(6, 8);
/// Where this program's authors measured it.
const MEASURED: Version = Version(6, 18);

impl Version {
    /// The first two numbers of a release, such as `6.18.44-generic`.
    pub(super) fn of(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        Some(Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    /// Whether a connect becomes slow when half of the range is in use towards its destination.
    pub(super) fn slows_at_half(self) -> bool {
        self >= BY_PARITY
    }
}

/// What to know about this release, a sentence each; `step_width` is the setting of that name where there is one.
pub(super) fn meaning(release: &str, step_width: Option<u64>) -> Vec<String> {
    let Some(version) = Version::of(release) else {
        return vec![format!("the release `{release}` is not understood: nothing is known about its port search")];
    };
    let mut meaning = vec![parity(version)];
    if let Some(width) = step_width.filter(|width| *width > 0) {
        meaning.push(format!(
            "ip_local_port_step_width is {width}: the search strides over the range instead of walking it, so that it meets \
             long stretches of used ports less often"
        ));
    }
    meaning.push(if version < PER_SOCKET_RANGE {
        "no IP_LOCAL_PORT_RANGE (it came with Linux 6.3): a run without a sandbox cannot be bounded to a part of the range"
            .to_owned()
    } else if version < PER_SOCKET_IN_ONE_PASS {
        "IP_LOCAL_PORT_RANGE narrows the range of one socket; until Linux 6.8 its search goes by parity as well".to_owned()
    } else {
        "IP_LOCAL_PORT_RANGE narrows the range of one socket; since Linux 6.8 its search goes in one pass, without the \
         step at half"
            .to_owned()
    });
    meaning
}

fn parity(version: Version) -> String {
    if !version.slows_at_half() {
        return "before Linux 4.6 a connect did not search the whole range by parity: no step at half of it is known"
            .to_owned();
    }
    let measured = if version == MEASURED {
        "measured on 6.18 with 28,232 ports: 17 us up to half, 420 to 580 us from there, 2,600 us for a connect that fails"
    } else {
        "on 6.18 it was measured: 17 us up to half, 420 to 580 us from there; here it was not"
    };
    format!(
        "a connect searches one parity of the range first (that of its low end), then the other: from half of the range in \
         use towards one destination on, every connect first walks that half in vain ({measured})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kernel_is_told_what_is_known_of_it() {
        for (release, first, second, slows) in [
            ("3.10.0-1160.el7", "before Linux 4.6", "no IP_LOCAL_PORT_RANGE", false),
            ("4.5.7", "before Linux 4.6", "no IP_LOCAL_PORT_RANGE", false),
            ("4.6", "one parity", "no IP_LOCAL_PORT_RANGE", true),
            ("6.2.16", "here it was not", "no IP_LOCAL_PORT_RANGE", true),
            ("6.3.0-rc1", "one parity", "until Linux 6.8", true),
            ("6.8.0-45-generic", "one parity", "in one pass", true),
            ("6.18.44", "measured on 6.18 with 28,232", "in one pass", true),
            ("10.0.0", "here it was not", "in one pass", true),
        ] {
            let meaning = meaning(release, None);
            assert!(meaning[0].contains(first) && meaning[1].contains(second), "{release}: {meaning:?}");
            assert_eq!(Version::of(release).unwrap().slows_at_half(), slows, "{release}");
        }
        assert!(meaning("x", None)[0].contains("not understood"));
        assert!(meaning("7.0.1", Some(128))[1].contains("step_width is 128"));
        assert_eq!(meaning("7.0.1", Some(0)).len(), 2);
    }
}
