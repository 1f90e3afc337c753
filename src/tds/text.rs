//! Text as TDS writes it: UTF-16LE behind a length in code units.

/// Appends UTF-16LE.
pub(super) fn put_utf16(out: &mut Vec<u8>, text: &str) {
    for unit in text.encode_utf16() {
        out.extend_from_slice(&unit.to_le_bytes());
    }
}

/// Appends a B_VARCHAR [MS-TDS 2.2.5.1.2]; text beyond 255 code units is cut, since its length has one byte.
pub(super) fn put_b_varchar(out: &mut Vec<u8>, text: &str) {
    let text = cut(text, usize::from(u8::MAX));
    out.push(u8::try_from(text.encode_utf16().count()).unwrap_or(u8::MAX));
    put_utf16(out, text);
}

/// Appends a US_VARCHAR [MS-TDS 2.2.5.1.2]; text beyond `limit` code units is cut.
pub(super) fn put_us_varchar(out: &mut Vec<u8>, text: &str, limit: u16) {
    let text = cut(text, usize::from(limit));
    let units = u16::try_from(text.encode_utf16().count()).unwrap_or(limit);
    out.extend_from_slice(&units.to_le_bytes());
    put_utf16(out, text);
}

/// The longest head of `text` that has at most `units` UTF-16 code units and splits no character.
fn cut(text: &str, units: usize) -> &str {
    // No character has more code units than bytes, so a short text needs no counting.
    if text.len() <= units {
        return text;
    }
    let mut seen = 0;
    for (at, character) in text.char_indices() {
        seen += character.len_utf16();
        if seen > units {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_code_units() {
        let mut out = Vec::new();
        put_b_varchar(&mut out, "é𝄞");
        assert_eq!(out, [3, 0xE9, 0, 0x34, 0xD8, 0x1E, 0xDD]);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(cut("a𝄞b", 2), "a");
        assert_eq!(cut("a𝄞b", 3), "a𝄞");
        let mut out = Vec::new();
        put_b_varchar(&mut out, &"x".repeat(300));
        assert_eq!((out[0], out.len()), (255, 511));
    }
}
