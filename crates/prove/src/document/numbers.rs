//! Every number with a unit in a sentence.
//!
//! Owns the finding of amounts in visible text: digits and number words, before their unit or, in
//! Swahili, behind it; ranges; halves; articles that count. It errs towards seeing a number: one it
//! sees wrongly makes a promise `broken` with a line to mend, one it misses would let an anchor
//! prove something other than the words.

use super::{
    quantity::{Number, Quantity, Unit},
    words::{self, Order},
};

/// An amount and the words it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// As written: `thirty days`.
    pub words: String,
    /// What it comes to; `None` when it has more digits than can be compared.
    pub quantity: Option<Quantity>,
}

/// Numbers that share one unit.
const LONGEST_LIST: usize = 16;

/// The amounts of `sentence`, in order.
#[must_use]
pub fn amounts(sentence: &str) -> Vec<Amount> {
    let tokens = tokens(sentence);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match unit_first(&tokens, at).or_else(|| number_first(&tokens, at)) {
            Some((amounts, next)) => {
                found.extend(amounts);
                at = next;
            }
            None => at += 1,
        }
    }
    found
}

/// A word, a run of digits, or a single sign that matters.
fn tokens(sentence: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = sentence.chars().peekable();
    while let Some(c) = chars.next() {
        let mut token = String::from(c);
        if c.is_ascii_digit() {
            while let Some(&next) = chars.peek() {
                let separator = matches!(next, '.' | ',' | '\'' | '\u{a0}' | '\u{202f}');
                let grouped = separator && {
                    let mut ahead = chars.clone();
                    ahead.next();
                    ahead.next().is_some_and(|c| c.is_ascii_digit())
                };
                if !next.is_ascii_digit() && !grouped {
                    break;
                }
                token.push(next);
                chars.next();
            }
        } else if c.is_alphabetic() {
            while let Some(&next) = chars.peek() {
                if !next.is_alphabetic() {
                    break;
                }
                token.push(next);
                chars.next();
            }
        } else if !matches!(c, '%' | '-' | '–' | '—' | '.' | ',' | '!' | '?' | ';') {
            continue;
        }
        tokens.push(token);
    }
    tokens
}

type Found = (Vec<Amount>, usize);

/// `siku 30`, `siku thelathini`, `saa ishirini na nne`, `siku 30 hadi 60`.
fn unit_first(tokens: &[String], at: usize) -> Option<Found> {
    let (unit, order) = words::unit(tokens.get(at)?)?;
    if order == Order::NumberFirst {
        return None;
    }
    let number = |at| digits(tokens, at).or_else(|| swahili(tokens, at));
    let (first, mut end) = number(at + 1)?;
    let mut numbers = vec![first];
    while numbers.len() < LONGEST_LIST
        && let Some((next, after)) = joined(tokens, end).and_then(number)
    {
        numbers.push(next);
        end = after;
    }
    let of = |number| amount(tokens, at, end, number, unit);
    Some((numbers.into_iter().map(of).collect(), end))
}

/// `30 days`, `thirty-day`, `30 to 60 days`, `30, 60 or 90 days`, `half an hour`, `within a second`.
fn number_first(tokens: &[String], at: usize) -> Option<Found> {
    let mut numbers = Vec::new();
    let mut next = at;
    loop {
        let (number, after) = number(tokens, next)?;
        numbers.push(number);
        if let Some((unit, end)) = unit_at(tokens, skip(tokens, after, "-")) {
            let of = |number| amount(tokens, at, end, number, unit);
            return Some((numbers.into_iter().map(of).collect(), end));
        }
        next = joined(tokens, after)?;
        if numbers.len() > LONGEST_LIST {
            return None;
        }
    }
}

fn unit_at(tokens: &[String], at: usize) -> Option<(Unit, usize)> {
    let (unit, order) = words::unit(tokens.get(at)?)?;
    (order != Order::UnitFirst).then_some((unit, at + 1))
}

fn amount(tokens: &[String], from: usize, to: usize, number: Option<Number>, unit: Unit) -> Amount {
    Amount {
        words: tokens.get(from..to).unwrap_or_default().join(" "),
        quantity: number.and_then(|number| number.of(unit)),
    }
}

/// A number at `at` and where it ends. The inner `None` is a number too long to compare.
fn number(tokens: &[String], at: usize) -> Option<(Option<Number>, usize)> {
    digits(tokens, at)
        .or_else(|| half(tokens, at))
        .or_else(|| article(tokens, at))
        .or_else(|| spelled(tokens, at))
}

fn digits(tokens: &[String], at: usize) -> Option<(Option<Number>, usize)> {
    let token = tokens.get(at)?;
    token
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| (Number::read(token), at + 1))
}

fn half(tokens: &[String], at: usize) -> Option<(Option<Number>, usize)> {
    let word = lower(tokens, at)?;
    match word.as_str() {
        "half" | "halve" => {
            let next = lower(tokens, at + 1);
            let article = matches!(next.as_deref(), Some("a" | "an" | "-"));
            Some((Some(Number(500)), at + 1 + usize::from(article)))
        }
        "anderhalf" | "anderhalve" => Some((Some(Number(1_500)), at + 1)),
        _ => None,
    }
}

/// `a` and `een` count only behind a word that sets a bound, and `a second` only before a pause:
/// `asked for a second factor` names no time.
fn article(tokens: &[String], at: usize) -> Option<(Option<Number>, usize)> {
    let word = lower(tokens, at)?;
    if !matches!(word.as_str(), "a" | "an" | "een") {
        return None;
    }
    let bound = at
        .checked_sub(1)
        .and_then(|before| lower(tokens, before))
        .is_some_and(|before| words::counts_an_article(&before));
    let ordinal = lower(tokens, at + 1).as_deref() == Some("second")
        && tokens
            .get(at + 2)
            .is_some_and(|next| next.starts_with(char::is_alphabetic));
    (bound && !ordinal).then_some((Some(Number::whole(1)), at + 1))
}

fn spelled(tokens: &[String], at: usize) -> Option<(Option<Number>, usize)> {
    let word = lower(tokens, at)?;
    if word == "een" {
        return None;
    }
    let first = words::number(&word)?;
    // `twenty-four` and `twenty four`: the tokens are split at the dash.
    let next = skip(tokens, at + 1, "-");
    if let Some(second) = lower(tokens, next) {
        if let Some(both) = words::number(&format!("{word}-{second}")) {
            return Some((Some(both), next + 1));
        }
        if let (Some(times @ Number(100_000 | 1_000_000)), Number(1..=99_000)) =
            (words::number(&second), first)
        {
            return Some((Some(Number(first.0 / 1_000 * times.0)), next + 1));
        }
    }
    Some((Some(first), at + 1))
}

fn swahili(tokens: &[String], at: usize) -> Option<(Option<Number>, usize)> {
    let first = words::swahili_number(&lower(tokens, at)?)?;
    let more = (lower(tokens, at + 1).as_deref() == Some("na"))
        .then(|| words::swahili_number(&lower(tokens, at + 2)?))
        .flatten()
        .filter(|ones| first >= 10 && *ones < 10);
    match more {
        Some(ones) => Some((Some(Number::whole(first + ones)), at + 3)),
        None => Some((Some(Number::whole(first)), at + 1)),
    }
}

/// Where the number begins that shares its unit with the one that ends at `at`.
fn joined(tokens: &[String], at: usize) -> Option<usize> {
    let sign = tokens
        .get(at)
        .is_some_and(|token| matches!(token.as_str(), "-" | "–" | "—" | ","));
    let at = at + usize::from(sign);
    let word = lower(tokens, at).is_some_and(|word| words::joins_numbers(&word));
    (sign || word).then_some(at + usize::from(word))
}

fn skip(tokens: &[String], at: usize, sign: &str) -> usize {
    at + usize::from(tokens.get(at).is_some_and(|token| token == sign))
}

fn lower(tokens: &[String], at: usize) -> Option<String> {
    tokens.get(at).map(|token| token.to_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(sentence: &str) -> Vec<String> {
        amounts(sentence)
            .into_iter()
            .map(|amount| amount.quantity.map_or("?".to_owned(), |q| q.to_string()))
            .collect()
    }

    #[test]
    fn english_amounts_are_seen() {
        assert_eq!(found("kept no longer than 30 days."), ["30d"]);
        assert_eq!(found("stops working within one second while"), ["1s"]);
        assert_eq!(
            found("a thirty-day limit, a 60-minute token"),
            ["30d", "1h"]
        );
        assert_eq!(found("twenty-four hours or ninety days"), ["1d", "90d"]);
        assert_eq!(
            found("between 30 and 60 days; 5–10 minutes; 5-10 s"),
            ["30d", "60d", "5m", "10m", "5s", "10s"]
        );
        assert_eq!(
            found("within an hour, half a year, half an hour"),
            ["1h", "6mo", "30m"]
        );
        assert_eq!(
            found("at most 10 MiB, 500MB, 10,000 bytes, 99.5%"),
            ["10MiB", "500MB", "10kB", "99.500"]
        );
        assert_eq!(found("at least 112 bits of it"), ["112"]);
        assert_eq!(found("three hundred days"), ["300d"]);
        assert_eq!(found("in ten (10) days"), ["10d"]);
        assert_eq!(found("a 30- to 60-day limit"), ["30d", "60d"]);
        assert_eq!(found("after 30, 60 and 90 days"), ["30d", "60d", "90d"]);
        assert_eq!(found("in 2026, a year of 30 days"), ["30d"]);
    }

    #[test]
    fn dutch_amounts_are_seen() {
        assert_eq!(found("niet langer dan dertig dagen bewaard"), ["30d"]);
        assert_eq!(found("binnen één seconde, na een uur"), ["1s", "1h"]);
        assert_eq!(
            found("vierentwintig uur; tweeëntwintig dagen; anderhalf uur"),
            ["1d", "22d", "90m"]
        );
        assert_eq!(found("hoogstens 1,5 uur of 10.000 bytes"), ["90m", "10kB"]);
    }

    #[test]
    fn swahili_amounts_stand_behind_their_unit() {
        assert_eq!(found("si zaidi ya siku 30"), ["30d"]);
        assert_eq!(found("kwa siku thelathini tu"), ["30d"]);
        assert_eq!(
            found("saa ishirini na nne; sekunde moja; miezi mitatu; mwaka mmoja; miaka miwili"),
            ["1d", "1s", "3mo", "1y", "2y"]
        );
        assert_eq!(found("siku 30 hadi 60, saa 2"), ["30d", "60d", "2h"]);
        assert_eq!(found("asilimia 10 na baiti 500"), ["10", "500B"]);
    }

    #[test]
    fn what_is_no_amount_is_left_alone() {
        for sentence in [
            "refused with 403 before we look",
            "signed with HMAC-SHA256 over TLS 1.2",
            "once a day a mentor is asked for a second factor",
            "the second day of the week",
            "een dag per week komt iemand langs",
            "section 5, step one",
        ] {
            assert_eq!(found(sentence), Vec::<String>::new(), "{sentence}");
        }
    }

    #[test]
    fn a_number_too_long_to_compare_is_still_seen() {
        assert_eq!(found("for 99999999999999999999 days"), ["?"]);
    }

    proptest! {
        #[test]
        fn a_number_before_its_unit_is_found_in_any_surroundings(
            before in "[a-z ,.]{0,20}", amount in 2u32..1000, after in "[ ,.;][a-z ,.]{0,20}"
        ) {
            let sentence = format!("{before} {amount} days{after}");
            let expected = Quantity::read(&format!("{amount}d"));
            prop_assert!(amounts(&sentence).iter().any(|a| a.quantity == expected));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = amounts(&text);
        }
    }
}
