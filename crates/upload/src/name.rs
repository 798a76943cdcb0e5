//! Names of files: which may be kept as they are, and which are refused.
//!
//! Owns the rule that a name is one plain name: no folder, no trick, nothing a file system, a shell
//! window or a spreadsheet reads otherwise. Refuses instead of repairing: a repaired name may meet
//! another file, and who sends `../x` did not mean `x`. The one thing that is cleaned is white space
//! around the name. Trusts nothing. Sources: the naming rules of Windows file systems, Unicode
//! Technical Report 36 on characters that hide or turn text.

use crate::refusal::NameFault;

/// The most bytes of a name, which is the limit of common file systems.
pub const LONGEST: usize = 255;

/// A file name that stood the rules.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FileName(String);

// A name may be personal ("diagnosis of ..."); it is not shown by accident.
impl std::fmt::Debug for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileName({} bytes)", self.0.len())
    }
}

impl FileName {
    /// Reads a name as it was sent. Spaces around it are dropped.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn read(name: &[u8]) -> Result<Self, NameFault> {
        if name.len() > LONGEST {
            return Err(NameFault::TooLong);
        }
        let name = std::str::from_utf8(name).map_err(|_| NameFault::Encoding)?;
        let name = name.trim_start_matches(' ');
        if name.trim_matches(' ').is_empty() {
            return Err(NameFault::Empty);
        }
        judge_characters(name)?;
        if name.contains("..") {
            return Err(NameFault::DotDot);
        }
        if name.starts_with('.') {
            return Err(NameFault::LeadingDot);
        }
        if name.ends_with(['.', ' ']) {
            return Err(NameFault::TrailingDot);
        }
        if is_encoded(name.as_bytes()) {
            return Err(NameFault::Encoded);
        }
        if is_device(name) {
            return Err(NameFault::Device);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the last dot; `None` without one.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        self.0.rsplit_once('.').map(|(_, extension)| extension)
    }

    /// The parts between the first and the last dot: what a double extension hides in.
    pub fn inner_extensions(&self) -> impl Iterator<Item = &str> {
        let stem = self.0.rsplit_once('.').map_or("", |(stem, _)| stem);
        stem.split('.').skip(1)
    }
}

fn judge_characters(name: &str) -> Result<(), NameFault> {
    for character in name.chars() {
        match character {
            // Division slash, fraction slash, big and full-width solidus and their reverses.
            '/' | '\\' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}'
            | '\u{29f9}' | '\u{fe68}' | '\u{ff0f}' | '\u{ff3c}' => {
                return Err(NameFault::Separator);
            }
            // One and two dot leaders and full-width dots, which normal forms turn into dots.
            '\u{2024}' | '\u{2025}' | '\u{2026}' | '\u{ff0e}' | '\u{fe52}' => {
                return Err(NameFault::DotDot);
            }
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => return Err(NameFault::Reserved),
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                return Err(NameFault::Control);
            }
            _ if is_invisible(character) => return Err(NameFault::Invisible),
            _ => {}
        }
    }
    Ok(())
}

/// Marks of direction, zero-width and other unseen characters, variation selectors, tags, unpaired
/// private use.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}'
    )
}

/// Whether a percent sign is followed by two hexadecimal digits, or by `u` as old scripts wrote.
fn is_encoded(name: &[u8]) -> bool {
    name.windows(3).any(|three| match three {
        [b'%', b'u' | b'U', digit] => digit.is_ascii_hexdigit(),
        [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    })
}

/// Windows opens the device whatever extension follows, and whatever the case.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_lowercase();
    if matches!(
        stem.as_str(),
        "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" | "clock$"
    ) {
        return true;
    }
    let Some(number) = stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"))
    else {
        return false;
    };
    matches!(
        number,
        "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "\u{b9}" | "\u{b2}" | "\u{b3}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_of_every_language_are_kept() {
        for name in [
            "data.csv",
            "Jan de Vries.wav",
            "ripoti ya siku.pdf",
            "données 2024.csv",
        ] {
            assert_eq!(FileName::read(name.as_bytes()).unwrap().as_str(), name);
        }
        assert_eq!(FileName::read(b"  a.csv").unwrap().as_str(), "a.csv");
    }

    #[test]
    fn every_trick_is_refused_by_its_rule() {
        let long = "a".repeat(256);
        for (name, fault) in [
            (&b""[..], NameFault::Empty),
            (b"   ", NameFault::Empty),
            (long.as_bytes(), NameFault::TooLong),
            (b"\xff.csv", NameFault::Encoding),
            (b"a/b.csv", NameFault::Separator),
            (b"..\\b.csv", NameFault::Separator),
            ("a\u{2215}b.csv".as_bytes(), NameFault::Separator),
            (b"..", NameFault::DotDot),
            (b"a..csv", NameFault::DotDot),
            ("a\u{ff0e}csv".as_bytes(), NameFault::DotDot),
            (b".env", NameFault::LeadingDot),
            (b"a.csv.", NameFault::TrailingDot),
            (b"a.csv ", NameFault::TrailingDot),
            (b"a\0.csv", NameFault::Control),
            (b"a\r\nb.csv", NameFault::Control),
            ("a\u{202e}vsc.exe".as_bytes(), NameFault::Invisible),
            ("a\u{200b}.csv".as_bytes(), NameFault::Invisible),
            (b"a%2fb.csv", NameFault::Encoded),
            (b"a%u002fb.csv", NameFault::Encoded),
            (b"a:b.csv", NameFault::Reserved),
            (b"NUL", NameFault::Device),
            (b"con.csv", NameFault::Device),
            (b"Lpt1.tar.csv", NameFault::Device),
        ] {
            assert_eq!(
                FileName::read(name),
                Err(fault),
                "{:?}",
                name.escape_ascii()
            );
        }
    }

    #[test]
    fn what_only_resembles_a_trick_is_kept() {
        for name in [
            "100%.csv",
            "console.csv",
            "com10.csv",
            "a.b.csv",
            "50% zz.csv",
        ] {
            assert!(FileName::read(name.as_bytes()).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_name_of_exactly_the_limit_is_kept() {
        assert!(FileName::read("a".repeat(LONGEST).as_bytes()).is_ok());
    }

    #[test]
    fn extensions_are_split_at_dots() {
        let name = FileName::read(b"a.exe.b.csv").unwrap();
        assert_eq!(name.extension(), Some("csv"));
        assert_eq!(name.inner_extensions().collect::<Vec<_>>(), ["exe", "b"]);
        assert_eq!(FileName::read(b"readme").unwrap().extension(), None);
    }
}
