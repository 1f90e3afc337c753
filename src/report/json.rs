//! A document as JSON, for other programs.

use serde::Serialize;

use super::ReportError;
use crate::record::Summary;

/// The summary, indented, with a line's end after it.
///
/// # Errors
/// Only where a value has no JSON, which plain data always has.
pub fn json(summary: &Summary) -> Result<String, ReportError> {
    indented(summary)
}

/// Any document, indented, with a line's end after it.
pub(super) fn indented(document: &impl Serialize) -> Result<String, ReportError> {
    let mut text = serde_json::to_string_pretty(document)?;
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
