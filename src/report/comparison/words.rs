//! The figures of a comparison as text.

use crate::record::{Change, ComparisonRow};
use crate::units::Count;

/// Three digits that count; thousands in groups.
pub(super) fn figure(value: f64) -> String {
    let size = value.abs();
    let sign = if value < 0.0 { "-" } else { "" };
    match size {
        size if size < 1e-9 => "0".to_owned(),
        size if size < 0.0995 => format!("{sign}{size:.4}"),
        size if size < 9.995 => format!("{sign}{size:.2}"),
        size if size < 99.95 => format!("{sign}{size:.1}"),
        size => format!("{sign}{}", Count(size.round() as u64)),
    }
}

/// A value that may be missing.
pub(super) fn value(value: Option<f64>) -> String {
    value.map_or_else(|| "·".to_owned(), figure)
}

/// `+12 %`; a dot where there is none. What is a hundred times as much says so and no more: the end of an interval of few
/// repetitions may lie anywhere, and the JSON document has its digits.
pub(super) fn percent(value: Option<f64>) -> String {
    match value {
        None => "·".to_owned(),
        Some(value) if value.abs() < 0.05 => "0 %".to_owned(),
        Some(value) if value.abs() < 9.95 => format!("{value:+.1} %"),
        Some(value) if value >= 9_999.5 => "> +9,999 %".to_owned(),
        Some(value) => format!("{}{} %", if value < 0.0 { "-" } else { "+" }, Count(value.abs().round() as u64)),
    }
}

/// `-3 to +25 %`; a dot without an interval.
pub(super) fn interval(low: Option<f64>, high: Option<f64>) -> String {
    low.zip(high).map_or_else(
        || "·".to_owned(),
        |(low, high)| format!("{} to {}", percent(Some(low)).trim_end_matches(" %"), percent(Some(high))),
    )
}

/// What a change is called.
pub(super) const fn change(row: &ComparisonRow) -> &'static str {
    match row.change {
        Change::Regressed => "REGRESSED",
        Change::Improved => "improved",
        Change::Unchanged if row.below_floor => "below floor",
        Change::Unchanged if row.not_alike => "not alike",
        Change::Unchanged => "",
        Change::Missing => "missing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (number, text) in
            [(0.0, "0"), (0.0123, "0.0123"), (0.5, "0.50"), (12.34, "12.3"), (-1900.4, "-1,900"), (28_232.0, "28,232")]
        {
            assert_eq!(figure(number), text);
        }
        for (number, text) in
            [(0.01, "0 %"), (3.21, "+3.2 %"), (-12.5, "-13 %"), (1234.0, "+1,234 %"), (4e7, "> +9,999 %")]
        {
            assert_eq!(percent(Some(number)), text);
        }
        assert_eq!(interval(Some(-3.04), Some(25.4)), "-3.0 to +25 %");
    }
}
