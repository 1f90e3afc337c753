//! How long something lasts, for a person who plans: `47m 3s`, `3d 4h`.

use std::fmt;

/// Seconds, printed in their two largest units; less than half a second prints `now`, a hundred years and more as such.
///
/// The choice not taken: [`Span`](super::Span), which prints every unit down to the nanosecond, since it is read again.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Lasting(pub f64);

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 5] = [("y", 365 * 86_400), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
        const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;
        if self.0 >= LONGEST {
            return f.pad("100 years or more");
        }
        let whole = self.0.round() as u64;
        let Some(first) = UNITS.iter().position(|(_, length)| whole >= *length) else { return f.pad("now") };
        let (name, length) = UNITS[first];
        let mut text = format!("{}{name}", whole / length);
        if let Some((name, next)) = UNITS.get(first + 1).filter(|(_, next)| whole % length >= *next) {
            text.push_str(&format!(" {}{name}", whole % length / next));
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units() {
        for (seconds, text) in [
            (0.2, "now"),
            (59.9, "1m"),
            (102.0, "1m 42s"),
            (2823.2, "47m 3s"),
            (3600.0, "1h"),
            (3605.0, "1h"),
            (100_000.0, "1d 3h"),
            (9e8, "28y 196d"),
            (9e18, "100 years or more"),
        ] {
            assert_eq!(Lasting(seconds).to_string(), text, "{seconds}");
        }
    }
}
