//! The words for numbers and units in English, Dutch and Swahili.
//!
//! Owns the vocabulary alone. A number word that is missing here is a number the check cannot see,
//! so the lists go well beyond what a promise usually needs.

use super::quantity::{
    BYTE, DAY, GB, GIB, HOUR, KB, KIB, MB, MIB, MILLISECOND, MINUTE, MONTH, Number, PIECE, SECOND,
    TB, TIB, Unit, WEEK, YEAR,
};

/// Whether the number stands before its unit (English, Dutch) or behind it (Swahili).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    NumberFirst,
    UnitFirst,
    Either,
}

/// The unit a word names. `word` is as written; symbols keep their case.
pub(crate) fn unit(word: &str) -> Option<(Unit, Order)> {
    use Order::{Either, NumberFirst, UnitFirst};
    let symbol = match word {
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" | "u" => HOUR,
        "d" => DAY,
        "y" => YEAR,
        "B" => BYTE,
        "%" => PIECE,
        _ => return named_unit(&word.to_lowercase(), NumberFirst, UnitFirst, Either),
    };
    Some((symbol, NumberFirst))
}

fn named_unit(word: &str, first: Order, behind: Order, either: Order) -> Option<(Unit, Order)> {
    Some(match word {
        "millisecond" | "milliseconds" | "milliseconde" | "milliseconden" | "msec" => {
            (MILLISECOND, first)
        }
        "sec" | "secs" | "second" | "seconds" | "seconde" | "seconden" => (SECOND, first),
        "min" | "mins" | "minute" | "minutes" | "minuut" | "minuten" => (MINUTE, first),
        "hr" | "hrs" | "hour" | "hours" | "uur" | "uren" => (HOUR, first),
        "day" | "days" | "dag" | "dagen" | "etmaal" | "etmalen" => (DAY, first),
        "week" | "weeks" | "weken" => (WEEK, first),
        "fortnight" | "fortnights" => (Unit(WEEK.0, WEEK.1 * 2), first),
        "month" | "months" | "maand" | "maanden" => (MONTH, first),
        "quarter" | "quarters" | "kwartaal" | "kwartalen" => (Unit(MONTH.0, 3), first),
        "year" | "years" | "yr" | "yrs" | "jaar" | "jaren" => (YEAR, first),
        "decade" | "decades" => (Unit(YEAR.0, 120), first),
        "percent" | "procent" | "percentage" => (PIECE, first),
        "bit" | "bits" => (PIECE, first),
        "byte" | "bytes" => (BYTE, first),
        "kb" | "kilobyte" | "kilobytes" => (KB, first),
        "mb" | "megabyte" | "megabytes" => (MB, first),
        "gb" | "gigabyte" | "gigabytes" => (GB, first),
        "tb" | "terabyte" | "terabytes" => (TB, first),
        "kib" | "kibibyte" | "kibibytes" => (KIB, first),
        "mib" | "mebibyte" | "mebibytes" => (MIB, first),
        "gib" | "gibibyte" | "gibibytes" => (GIB, first),
        "tib" | "tebibyte" | "tebibytes" => (TIB, first),
        "milisekunde" => (MILLISECOND, behind),
        "sekunde" => (SECOND, behind),
        "dakika" => (MINUTE, behind),
        "saa" | "masaa" => (HOUR, behind),
        "siku" => (DAY, behind),
        "wiki" | "majuma" | "juma" => (WEEK, behind),
        "mwezi" | "miezi" => (MONTH, behind),
        "mwaka" | "miaka" => (YEAR, behind),
        "asilimia" => (PIECE, behind),
        "biti" => (PIECE, behind),
        "baiti" => (BYTE, behind),
        "kilobaiti" => (KB, either),
        "megabaiti" => (MB, either),
        "gigabaiti" => (GB, either),
        _ => return None,
    })
}

const ENGLISH: &[(&str, u32)] = &[
    ("zero", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
];

const DUTCH: &[(&str, u32)] = &[
    ("nul", 0),
    ("één", 1),
    ("een", 1),
    ("twee", 2),
    ("drie", 3),
    ("vier", 4),
    ("vijf", 5),
    ("zes", 6),
    ("zeven", 7),
    ("acht", 8),
    ("negen", 9),
    ("tien", 10),
    ("elf", 11),
    ("twaalf", 12),
    ("dertien", 13),
    ("veertien", 14),
    ("vijftien", 15),
    ("zestien", 16),
    ("zeventien", 17),
    ("achttien", 18),
    ("negentien", 19),
    ("twintig", 20),
    ("dertig", 30),
    ("veertig", 40),
    ("vijftig", 50),
    ("zestig", 60),
    ("zeventig", 70),
    ("tachtig", 80),
    ("negentig", 90),
];

/// Stems that take a noun-class prefix: `moja`, `mmoja`; `mbili`, `miwili`; `tatu`, `mitatu`.
const SWAHILI_STEMS: &[(&str, u32)] = &[
    ("moja", 1),
    ("mbili", 2),
    ("wili", 2),
    ("tatu", 3),
    ("nne", 4),
    ("tano", 5),
    ("nane", 8),
];

const SWAHILI: &[(&str, u32)] = &[
    ("sifuri", 0),
    ("sita", 6),
    ("saba", 7),
    ("tisa", 9),
    ("kumi", 10),
    ("ishirini", 20),
    ("thelathini", 30),
    ("arobaini", 40),
    ("arubaini", 40),
    ("hamsini", 50),
    ("sitini", 60),
    ("sabini", 70),
    ("themanini", 80),
    ("tisini", 90),
    ("mia", 100),
];

fn look_up(list: &[(&str, u32)], word: &str) -> Option<u32> {
    list.iter()
        .find(|(name, _)| *name == word)
        .map(|(_, number)| *number)
}

/// The number one word names in English or Dutch. `word` is in small letters; compounds such as
/// `twenty-four` and `vierentwintig` are one word.
pub(crate) fn number(word: &str) -> Option<Number> {
    let plain = |word: &str| look_up(ENGLISH, word).or_else(|| look_up(DUTCH, word));
    let found = plain(word)
        .or(match word {
            "hundred" | "honderd" => Some(100),
            "thousand" | "duizend" => Some(1_000),
            _ => None,
        })
        .or_else(|| {
            let (tens, ones) = word.split_once('-')?;
            sum(look_up(ENGLISH, tens)?, look_up(ENGLISH, ones)?)
        })
        .or_else(|| dutch_compound(word));
    found.map(Number::whole)
}

fn sum(tens: u32, ones: u32) -> Option<u32> {
    (tens >= 20 && (1..10).contains(&ones)).then_some(tens + ones)
}

fn dutch_compound(word: &str) -> Option<u32> {
    ["en", "ën"].iter().find_map(|joint| {
        word.match_indices(joint).find_map(|(at, joint)| {
            let ones = look_up(DUTCH, word.get(..at)?)?;
            let tens = look_up(DUTCH, word.get(at + joint.len()..)?)?;
            sum(tens, ones)
        })
    })
}

/// The number one word names in Swahili, with or without its noun-class prefix.
pub(crate) fn swahili_number(word: &str) -> Option<u32> {
    let stem = || {
        ["", "m", "mi", "ma", "wa", "vi", "ki", "i"]
            .iter()
            .find_map(|prefix| look_up(SWAHILI_STEMS, word.strip_prefix(prefix)?))
    };
    look_up(SWAHILI, word).or_else(stem)
}

/// Whether the word before `a`, `an` or `een` makes it a number: `within an hour`, `na een dag`.
pub(crate) fn counts_an_article(before: &str) -> bool {
    matches!(
        before,
        "within"
            | "after"
            | "for"
            | "than"
            | "least"
            | "most"
            | "exceeding"
            | "until"
            | "binnen"
            | "na"
            | "dan"
            | "minstens"
            | "hoogstens"
            | "maximaal"
            | "minimaal"
            | "ten"
    )
}

/// Whether the word joins two numbers that share one unit.
pub(crate) fn joins_numbers(word: &str) -> bool {
    matches!(
        word,
        "to" | "and" | "or" | "tot" | "en" | "of" | "à" | "hadi" | "mpaka" | "na" | "au"
    )
}
