//! Did you mean?
//!
//! Owns the choice of the one word a person most likely wanted. Refuses to guess wildly: a word
//! that differs in more than a third of its letters is no suggestion.

/// The candidate nearest to `word`, if one is near enough.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    candidates
        .into_iter()
        .map(|candidate| {
            let other = plain(candidate);
            let distance = strsim::osa_distance(&word, &other);
            // `host` for `hosts` and `timeout` for `idle_timeout` are near in another way.
            let part = word.len() >= 4
                && other.len() >= 4
                && (other.starts_with(&word) || word.starts_with(&other));
            (
                if part { distance.min(1) } else { distance },
                other.len(),
                candidate,
            )
        })
        .filter(|(distance, length, _)| *distance <= (word.len().max(*length) / 3).max(1))
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., candidate)| candidate)
}

fn plain(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .take(64)
        .collect()
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_word() {
        let keys = ["hosts", "public_url", "idle_timeout", "name"];
        for (word, meant) in [
            ("host", "hosts"),
            ("public-url", "public_url"),
            ("publicUrl", "public_url"),
            ("pulbic_url", "public_url"),
            ("nmae", "name"),
        ] {
            assert_eq!(nearest(word, keys), Some(meant), "{word}");
        }
    }

    #[test]
    fn another_word_finds_nothing() {
        assert_eq!(nearest("colour", ["hosts", "name"]), None);
        assert_eq!(nearest("x", ["ab"]), None);
        assert_eq!(nearest("name", []), None);
    }
}
