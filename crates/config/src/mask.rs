//! Hiding what looks like a secret in text that will be shown.
//!
//! Owns the copy of the source that faults print. A masked byte range keeps its length in
//! characters, so that columns stay true. Refuses to guess cleverly: ranges that the readers name
//! are hidden, and so is any long run of letters and digits that could be a token.

use crate::fault::Span;

/// Runs at least this long with both letters and digits are taken for tokens.
const TOKEN: usize = 20;

/// `text` with the ranges and every token-like run replaced by asterisks.
pub(crate) fn masked(text: &str, ranges: &[Span]) -> String {
    let mut hidden = vec![false; text.len()];
    for range in ranges {
        let end = range.end.min(text.len());
        if let Some(bytes) = hidden.get_mut(range.start.min(end)..end) {
            bytes.fill(true);
        }
    }
    for run in tokens(text) {
        if let Some(bytes) = hidden.get_mut(run.start..run.end) {
            bytes.fill(true);
        }
    }
    text.char_indices()
        .flat_map(|(at, c)| {
            let hide = hidden.get(at).copied().unwrap_or(false);
            if !hide || c == '\n' || c == '\r' {
                Some(c).into_iter().chain(stars(0))
            } else {
                // As many asterisks as the character has bytes: byte offsets stay true as well.
                None.into_iter().chain(stars(c.len_utf8()))
            }
        })
        .collect()
}

fn stars(count: usize) -> std::iter::RepeatN<char> {
    std::iter::repeat_n('*', count)
}

/// Whether `text` holds something that could be a token.
pub(crate) fn holds_token(text: &str) -> bool {
    tokens(text).next().is_some()
}

fn tokens(text: &str) -> impl Iterator<Item = Span> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let length = rest.iter().take_while(|byte| in_token(**byte)).count();
            let run = rest.get(..length).unwrap_or_default();
            let start = at;
            at += length.max(1);
            let mixed =
                run.iter().any(u8::is_ascii_digit) && run.iter().any(u8::is_ascii_alphabetic);
            if length >= TOKEN && mixed {
                return Some(Span::from(start..start + length));
            }
        }
        None
    })
}

fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_' | b'-' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_ranges_and_tokens_are_hidden_and_bytes_keep_their_place() {
        let text = "a = \"é1\"\nb = \"ghp_16C7e42F292c6912E7710c838347Ae178B4a\"\n";
        let start = text.find("\"é").unwrap();
        let shown = masked(
            text,
            &[Span {
                start,
                end: start + 5,
            }],
        );
        assert_eq!(shown.len(), text.len());
        assert!(shown.starts_with("a = *****\nb = \"***"), "{shown}");
        assert!(!shown.contains("16C7"));
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let text = "public_url = \"https://coach.school.example/student-outreach\"";
        assert_eq!(masked(text, &[]), text);
        assert_eq!(masked("abc", &[Span { start: 9, end: 99 }]), "abc");
    }
}
