//! What a password must be.
//!
//! Owns the rules and what they say. Refuses by naming every rule that is broken, so that nobody
//! has to guess their way through; never repeats the password or what it resembles. Demands no
//! capitals, digits or signs: those make passwords predictable, not strong (NIST SP 800-63B section
//! 5.1.1.2).

use super::{NoPassword, Password, common};

/// Fewest characters, where a configuration says nothing else.
pub const SHORTEST: usize = 12;

/// From which likeness on a password is too much like something known, from 0 to 1.
const LIKENESS: f64 = 0.7;

/// Shortest word of what is known of somebody that is looked for in a password.
const WORD: usize = 4;

/// Most characters of a text that are compared.
const COMPARED: usize = 128;

/// What is known of the owner of a password, and of the place where it is used.
#[derive(Clone, Copy, Default)]
pub struct About<'a> {
    /// Account name, name, e-mail address, name of the deployment: in any order.
    pub texts: &'a [&'a str],
    /// Passwords that nobody may have here.
    pub documented: Option<&'a Documented>,
}

/// Passwords that stand where anybody can read them, such as in a handbook or a demo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documented(Vec<String>);

impl Documented {
    /// Takes one up, in the form in which passwords are compared.
    ///
    /// # Errors
    ///
    /// [`NoPassword`]: nobody can have it anyhow.
    pub fn add(&mut self, text: &str) -> Result<(), NoPassword> {
        self.0.push(Password::read(text)?.text().to_lowercase());
        Ok(())
    }

    /// Whether `password` is one of them in capitals or small letters, or one with something hung on.
    #[must_use]
    pub fn knows(&self, password: &Password) -> bool {
        let lower = password.text().to_lowercase();
        self.0
            .iter()
            .any(|known| *known == lower || is_little_more(&lower, known))
    }
}

/// A rule that a password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer characters than this.
    #[error("it has fewer than {0} characters")]
    Short(usize),
    /// Nothing but digits.
    #[error("it is digits alone")]
    Numeric,
    /// Everybody's, or one of those with something hung on.
    #[error("it is one of the most common passwords, or one with something hung on")]
    Common,
    /// The account's name, or something else that is known, in other words.
    #[error("it is too much like what is known of you or of this place")]
    Similar,
    /// In the documentation, where everybody reads it.
    #[error("it stands in the documentation, or is one that does with something hung on")]
    Documented,
}

impl Weakness {
    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Short(_) => "take four words that have nothing to do with each other",
            Self::Numeric => "add words: a date or a number is found in seconds",
            Self::Common => "take one that nobody else has, such as four unrelated words",
            Self::Similar => "leave out your name, your address and the name of this place",
            Self::Documented => "take one that stands nowhere, such as four unrelated words",
        }
    }
}

/// A password that breaks no rule: what alone can be stored.
#[derive(Debug)]
#[must_use = "the password is sound, but not stored"]
pub struct Sound(Password);

impl Sound {
    pub(super) const fn password(&self) -> &Password {
        &self.0
    }
}

/// Judges a password that somebody wants to have. `shortest` is at least 8 whatever is asked for.
///
/// # Errors
///
/// Every rule that it breaks.
pub fn judge(
    password: Password,
    about: About<'_>,
    shortest: usize,
) -> Result<Sound, Vec<Weakness>> {
    let text = password.text();
    let shortest = shortest.max(8);
    let mut weak = Vec::new();
    if text.chars().count() < shortest {
        weak.push(Weakness::Short(shortest));
    }
    if text
        .chars()
        .all(|letter| letter.is_numeric() || letter.is_whitespace())
    {
        weak.push(Weakness::Numeric);
    }
    if is_common(text) {
        weak.push(Weakness::Common);
    }
    if is_like(text, about) {
        weak.push(Weakness::Similar);
    }
    if about.documented.is_some_and(|them| them.knows(&password)) {
        weak.push(Weakness::Documented);
    }
    if weak.is_empty() {
        Ok(Sound(password))
    } else {
        Err(weak)
    }
}

/// Whether a password is a common one, one that is repeated, or one between digits and signs.
fn is_common(text: &str) -> bool {
    let lower = text.to_lowercase();
    let core = lower.trim_matches(|letter: char| !letter.is_alphabetic());
    let repeats = |part: &str| {
        !part.is_empty() && lower.len() > part.len() && lower.replace(part, "").is_empty()
    };
    let start = |letters: usize| {
        let end = lower
            .char_indices()
            .nth(letters)
            .map_or(lower.len(), |(at, _)| at);
        lower.get(..end).unwrap_or_default()
    };
    common::knows(&lower)
        || common::knows(core)
        || (1..=4).any(|letters| repeats(start(letters)))
        || (5..=16).any(|letters| repeats(start(letters)) && common::knows(start(letters)))
}

/// Whether a password resembles something known: a text or one of its words, or little more than that.
fn is_like(text: &str, about: About<'_>) -> bool {
    let lower: String = text.to_lowercase().chars().take(COMPARED).collect();
    about.texts.iter().any(|known| {
        let known: String = known.to_lowercase().chars().take(COMPARED).collect();
        let words = known.split(|letter: char| !letter.is_alphanumeric());
        words.chain([known.as_str()]).any(|word| {
            if word.chars().count() < WORD {
                return false;
            }
            let backwards: String = word.chars().rev().collect();
            is_little_more(&lower, word)
                || strsim::normalized_levenshtein(&lower, word) >= LIKENESS
                || strsim::normalized_levenshtein(&lower, &backwards) >= LIKENESS
        })
    })
}

/// Whether `text` is `word` with fewer than 8 further characters. Too short a word is in many a text.
fn is_little_more(text: &str, word: &str) -> bool {
    if word.chars().count() < WORD {
        return false;
    }
    let rest = text.replace(word, "");
    rest.len() < text.len() && rest.chars().count() < 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: About<'static> = About {
        texts: &[
            "j.vandermeer",
            "Johanna van der Meer",
            "johanna@helpline.example",
            "helpline",
        ],
        documented: None,
    };

    fn weak(text: &str) -> Vec<Weakness> {
        judge(Password::read(text).unwrap(), KNOWN, SHORTEST)
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn a_password_of_unrelated_words_is_sound_with_no_sign_or_capital() {
        for text in [
            "copper lantern walks slowly",
            "tram-violin-october-sand",
            "qx7 vlinder onder het bed",
            "\u{1f600}\u{1f600} regen in de tuin",
        ] {
            assert_eq!(weak(text), [], "{text}");
        }
    }

    #[test]
    fn each_rule_is_named_and_all_of_them_at_once() {
        assert_eq!(weak("zx9 plonk v"), [Weakness::Short(12)]);
        assert_eq!(weak("829104756301"), [Weakness::Numeric]);
        assert_eq!(weak("8291 0475 6301"), [Weakness::Numeric]);
        assert_eq!(
            weak("123456"),
            [Weakness::Short(12), Weakness::Numeric, Weakness::Common]
        );
        assert_eq!(weak("vandermeer"), [Weakness::Short(12), Weakness::Similar]);
    }

    #[test]
    fn a_common_password_with_something_hung_on_is_common() {
        for text in [
            "password1234",
            "!!Password!!99",
            "123qwertyuiop321",
            "passwordpassword",
            "aaaaaaaaaaaaaaaa",
            "abcabcabcabcabc",
            "Iloveyou2026!!",
        ] {
            assert_eq!(weak(text), [Weakness::Common], "{text}");
        }
    }

    #[test]
    fn what_is_known_of_somebody_is_no_password() {
        for text in [
            "johanna-vandermeer",
            "J.VanDerMeer2026",
            "johanna@helpline.example",
            "reemrednav.j",
            "helpline2026",
            "helpline-2026!",
        ] {
            assert_eq!(weak(text), [Weakness::Similar], "{text}");
        }
        // A word of it among enough others is fine.
        assert_eq!(weak("johanna eats purple gravel"), []);
    }

    #[test]
    fn what_stands_in_the_documentation_is_no_password() {
        let mut documented = Documented::default();
        for text in ["Correct Demo Staple", "xy", "\u{ff44}emo-secret-nine"] {
            documented.add(text).unwrap();
        }
        assert_eq!(documented.add("a\nb"), Err(NoPassword::Control));
        let about = About {
            documented: Some(&documented),
            ..About::default()
        };
        let weak = |text: &str| {
            let judged = judge(Password::read(text).unwrap(), about, SHORTEST);
            judged.err().unwrap_or_default()
        };
        for text in [
            "Correct Demo Staple",
            "correct demo staple",
            "correct demo staple2026!",
            "DEMO-secret-nine",
        ] {
            assert_eq!(weak(text), [Weakness::Documented], "{text}");
        }
        assert_eq!(weak("xy"), [Weakness::Short(12), Weakness::Documented]);
        // A word of it among enough others is fine, and so is what is too short to mean anything.
        assert_eq!(weak("galaxy copper lantern"), []);
        assert_eq!(weak("correct demo staple on a purple river"), []);
    }

    #[test]
    fn fewer_than_eight_characters_are_never_enough() {
        let short = judge(Password::read("zx9plok").unwrap(), About::default(), 1);
        assert_eq!(short.unwrap_err(), [Weakness::Short(8)]);
        assert!(judge(Password::read("zx9plokv").unwrap(), About::default(), 1).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC{1,600}", known in "\\PC{0,300}") {
            if let Ok(password) = Password::read(&text) {
                let judged = judge(password, About { texts: &[&known], documented: None }, SHORTEST);
                let long = Password::read(&text).unwrap().text().chars().count() >= SHORTEST;
                prop_assert!(judged.is_err() || long);
            }
        }
    }
}
