//! The summary as a JSON document, for other programs.

use super::ReportError;
use crate::record::Summary;

/// The summary, indented, with a line's end after it.
///
/// # Errors
/// Only where a value has no JSON, which plain data always has.
pub fn json(summary: &Summary) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(summary)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;

    #[test]
    fn reads_back_as_the_same_summary() {
        let (_, summary) = fixture::judged();
        let text = super::json(&summary).unwrap();
        assert_eq!(serde_json::from_str::<crate::record::Summary>(&text).unwrap(), summary);
        insta::assert_snapshot!(text);
    }
}
