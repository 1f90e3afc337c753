//! A range of TCP ports: `40000-41999`, both ends included.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{ParseError, text_form};

/// A range of unprivileged TCP ports, both ends included, never empty; reads and prints `40000-41999`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortRange {
    low: u16,
    high: u16,
}

impl PortRange {
    /// Linux's range when nobody has changed it: 28,232 ports (`net.ipv4.ip_local_port_range`).
    pub const LINUX_DEFAULT: Self = Self { low: 32768, high: 60999 };

    /// A range from `low` to `high`, both included.
    ///
    /// # Errors
    /// When it is empty, or holds a privileged port (below 1024).
    pub fn new(low: u16, high: u16) -> Result<Self, ParseError> {
        if low > high {
            return Err(ParseError::new(format!("the port range {low}-{high} is empty")));
        }
        if low < 1024 {
            return Err(ParseError::new(format!("the port range {low}-{high} holds privileged ports (below 1024)")));
        }
        Ok(Self { low, high })
    }

    /// The first port.
    #[must_use]
    pub const fn low(self) -> u16 {
        self.low
    }

    /// The last port, itself included.
    #[must_use]
    pub const fn high(self) -> u16 {
        self.high
    }

    /// How many ports it holds; at least one.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.high as u32 - self.low as u32 + 1
    }

    /// Whether `port` lies in it.
    #[must_use]
    pub const fn holds(self, port: u16) -> bool {
        self.low <= port && port <= self.high
    }

    /// Every port of it, in order.
    #[must_use]
    pub const fn ports(self) -> RangeInclusive<u16> {
        self.low..=self.high
    }
}

/// The ports of a list as the kernel writes it, such as `8080,9148-9150`; what is no port is passed over.
#[must_use]
pub fn port_list(text: &str) -> BTreeSet<u16> {
    let ports = |entry: &str| {
        let (low, high) = entry.trim().split_once('-').unwrap_or((entry.trim(), entry.trim()));
        Some(low.parse::<u16>().ok()?..=high.parse::<u16>().ok()?)
    };
    text.split(',').filter_map(ports).flatten().collect()
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.low, self.high)
    }
}

impl FromStr for PortRange {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(format!("`{text}` is not a port range; write it as \"40000-41999\""));
        let (low, high) = text.split_once('-').ok_or_else(wrong)?;
        let low = low.trim().parse().map_err(|_| wrong())?;
        let high = high.trim().parse().map_err(|_| wrong())?;
        Self::new(low, high)
    }
}

text_form!(PortRange, r"^\s*[0-9]+\s*-\s*[0-9]+\s*$", "a range of ports, both ends included, such as \"40000-41999\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_both_ends() {
        let range: PortRange = "40000-41999".parse().unwrap();
        assert_eq!((range.count(), range.to_string().as_str()), (2000, "40000-41999"));
        assert!(range.holds(40000) && range.holds(41999) && !range.holds(42000));
        assert_eq!(PortRange::LINUX_DEFAULT.count(), 28_232);
    }

    #[test]
    fn reads_a_list() {
        assert_eq!(port_list("8080,9148-9150\n"), BTreeSet::from([8080, 9148, 9149, 9150]));
        assert_eq!(port_list("\n"), BTreeSet::new());
    }

    #[test]
    fn refuses_empty_privileged_and_nonsense() {
        for (text, reason) in [
            ("5000-4000", "empty"),
            ("80-5000", "privileged"),
            ("1-70000", "not a port range"),
            ("x", "not a port range"),
        ] {
            let error = text.parse::<PortRange>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
