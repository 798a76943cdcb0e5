//! Names of files as a request gives them.
//!
//! Owns the rule that a name is a plain way down from a root: segments that every reader takes for the
//! same. Refuses instead of repairing: who sends `a/../b` did not mean `b`. Knows no file system; that a
//! name leads nowhere else once links are followed is for [`crate::root`] to see. Sources: RFC 3986
//! section 2.1 for the decoding, the naming rules of Windows for drives, devices and ends, Unicode
//! Technical Report 36 for characters that hide or turn text.

/// The most bytes of a name, decoded.
pub const LONGEST: usize = 1024;
/// The most segments of a name.
pub const DEEPEST: usize = 32;
/// The most bytes of a segment, which is the limit of common file systems.
pub const SEGMENT: usize = 255;

/// Why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Nothing is named.
    #[error("it is empty")]
    Empty,
    /// More than [`LONGEST`] bytes, or a segment of more than [`SEGMENT`].
    #[error("it is too long")]
    TooLong,
    /// More than [`DEEPEST`] segments.
    #[error("it is too deep")]
    TooDeep,
    /// It does not begin here: a slash, a drive, a home folder.
    #[error("it does not begin here")]
    Absolute,
    /// Two slashes beside each other.
    #[error("it has an empty segment")]
    EmptySegment,
    /// A segment is `.` or `..`.
    #[error("it has a segment of dots")]
    Dots,
    /// A segment begins with a dot.
    #[error("a segment begins with a dot")]
    Hidden,
    /// A slash where one segment is asked for.
    #[error("it has a slash")]
    Slash,
    /// A backslash, or a character that is taken for a separator elsewhere.
    #[error("it has another separator")]
    Separator,
    /// A segment ends in a dot or a space, or begins with a space.
    #[error("a segment has a dot or a space at its end")]
    Edge,
    /// A control character, NUL included.
    #[error("it has a control character")]
    Control,
    /// A character that hides or turns text.
    #[error("it has a hidden character")]
    Invisible,
    /// Not UTF-8, overlong forms included.
    #[error("it is not UTF-8")]
    Encoding,
    /// A percent sign without two digits behind it.
    #[error("its encoding is broken")]
    Escape,
    /// Decoding it again would change it again.
    #[error("it is encoded twice")]
    Twice,
}

impl NameFault {
    /// Its stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "name-empty",
            Self::TooLong => "name-too-long",
            Self::TooDeep => "name-too-deep",
            Self::Absolute => "name-absolute",
            Self::EmptySegment => "name-empty-segment",
            Self::Dots => "name-dots",
            Self::Hidden => "name-hidden",
            Self::Slash => "name-slash",
            Self::Separator => "name-separator",
            Self::Edge => "name-edge",
            Self::Control => "name-control",
            Self::Invisible => "name-invisible",
            Self::Encoding => "name-not-utf8",
            Self::Escape => "name-escape",
            Self::Twice => "name-encoded-twice",
        }
    }
}

/// A way down from a root. Empty for the root itself, which only [`Name::below`] makes.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    text: Box<str>,
    folder: bool,
}

// A name may be personal; it is not shown by accident.
impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({} bytes)", self.text.len())
    }
}

impl Name {
    /// Reads what follows a route in a decoded path: `a/b.txt`, `a/` for a folder, nothing for the root
    /// itself. `hidden` allows segments that begin with a dot.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn below(decoded: &str, hidden: bool) -> Result<Self, NameFault> {
        if decoded.is_empty() {
            return Ok(Self {
                text: "".into(),
                folder: true,
            });
        }
        let folder = decoded.ends_with('/');
        let text = decoded.strip_suffix('/').unwrap_or(decoded);
        judge(text, hidden)?;
        Ok(Self {
            text: text.into(),
            folder,
        })
    }

    /// Reads a decoded value that names one file or folder.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn decoded(text: &str, hidden: bool) -> Result<Self, NameFault> {
        judge(text, hidden)?;
        Ok(Self {
            text: text.into(),
            folder: false,
        })
    }

    /// Reads a decoded value that is one segment: a name without any folder.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn plain(text: &str, hidden: bool) -> Result<Self, NameFault> {
        let name = Self::decoded(text, hidden)?;
        if name.text.contains('/') {
            return Err(NameFault::Slash);
        }
        Ok(name)
    }

    /// The name of `file` in this folder.
    ///
    /// # Errors
    ///
    /// When the two together are too long or too deep.
    pub fn child(&self, file: &Self) -> Result<Self, NameFault> {
        if self.text.is_empty() {
            return Ok(file.clone());
        }
        let text = format!("{}/{}", self.text, file.text);
        measure(&text)?;
        Ok(Self {
            text: text.into(),
            folder: file.folder,
        })
    }

    /// The folder it lies in; the root itself lies in itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        let above = self.text.rsplit_once('/').map_or("", |(above, _)| above);
        Self {
            text: above.into(),
            folder: true,
        }
    }

    /// The name, without a slash at its end; empty for the root itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its last segment; empty for the root itself.
    #[must_use]
    pub fn last(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it was written as a folder: with a slash at its end, or as the root itself.
    #[must_use]
    pub const fn is_folder(&self) -> bool {
        self.folder
    }
}

/// Decodes what a query, a form or a path segment carries, exactly once. `plus` says whether a plus sign
/// is a space (forms and queries, WHATWG URL section 5.1).
///
/// # Errors
///
/// A broken escape, bytes that are not UTF-8, and what a second decoding would change.
pub fn decode(encoded: &[u8], plus: bool) -> Result<String, NameFault> {
    if encoded.len() > LONGEST * 3 {
        return Err(NameFault::TooLong);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let (high, low) = (bytes.next().and_then(digit), bytes.next().and_then(digit));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(NameFault::Escape);
                };
                high << 4 | low
            }
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| NameFault::Encoding)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn judge(text: &str, hidden: bool) -> Result<(), NameFault> {
    if text.is_empty() {
        return Err(NameFault::Empty);
    }
    measure(text)?;
    let again = text
        .as_bytes()
        .windows(3)
        .any(|three| matches!(three, &[b'%', a, b] if digit(a).is_some() && digit(b).is_some()));
    if again {
        return Err(NameFault::Twice);
    }
    for character in text.chars() {
        judge_character(character)?;
    }
    if text.starts_with(['/', '~']) {
        return Err(NameFault::Absolute);
    }
    text.split('/')
        .try_for_each(|segment| judge_segment(segment, hidden))
}

fn measure(text: &str) -> Result<(), NameFault> {
    if text.len() > LONGEST {
        return Err(NameFault::TooLong);
    }
    let mut segments = 0;
    for segment in text.split('/') {
        segments += 1;
        if segment.len() > SEGMENT {
            return Err(NameFault::TooLong);
        }
    }
    if segments > DEEPEST {
        return Err(NameFault::TooDeep);
    }
    Ok(())
}

fn judge_character(character: char) -> Result<(), NameFault> {
    match character {
        // Reversed solidus, and what normal forms or old code pages turn into a separator or a dot.
        '\\' | '\u{a5}' | '\u{20a9}' | '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}'
        | '\u{29f8}' | '\u{29f9}' | '\u{fe68}' | '\u{ff0f}' | '\u{ff3c}' | '\u{2024}'
        | '\u{2025}' | '\u{2026}' | '\u{ff0e}' | '\u{fe52}' => Err(NameFault::Separator),
        // A drive, a stream of a file, a scheme.
        ':' => Err(NameFault::Absolute),
        // Marks that turn text, that take no room, that end a line, and the ends of planes.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{ffff}'
        | '\u{e0000}'..='\u{e007f}' => Err(NameFault::Invisible),
        character if character.is_control() => Err(NameFault::Control),
        _ => Ok(()),
    }
}

fn judge_segment(segment: &str, hidden: bool) -> Result<(), NameFault> {
    match segment {
        "" => Err(NameFault::EmptySegment),
        "." | ".." => Err(NameFault::Dots),
        _ if segment.starts_with('.') && !hidden => Err(NameFault::Hidden),
        _ if segment.ends_with(['.', ' ']) || segment.starts_with(' ') => Err(NameFault::Edge),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_ways_down_are_names() {
        for good in [
            "a",
            "a.txt",
            "a/b/c.tar.gz",
            "über/straße.csv",
            "a b",
            "100%",
            "a..b",
            "a~",
        ] {
            let name = Name::below(good, false).unwrap_or_else(|fault| panic!("{good}: {fault}"));
            assert_eq!((name.as_str(), name.is_folder()), (good, false));
            assert!(Name::decoded(good, false).is_ok());
        }
        let folder = Name::below("a/b/", false).unwrap();
        assert_eq!((folder.as_str(), folder.is_folder()), ("a/b", true));
        let root = Name::below("", false).unwrap();
        assert_eq!((root.as_str(), root.is_folder()), ("", true));
    }

    #[test]
    fn each_trick_is_refused_by_its_rule() {
        for (bad, fault) in [
            ("/etc/passwd", NameFault::Absolute),
            ("~/x", NameFault::Absolute),
            ("C:/x", NameFault::Absolute),
            ("a:stream", NameFault::Absolute),
            ("..", NameFault::Dots),
            (".", NameFault::Dots),
            ("../x", NameFault::Dots),
            ("a/../b", NameFault::Dots),
            ("a/./b", NameFault::Dots),
            ("a/..", NameFault::Dots),
            (".env", NameFault::Hidden),
            ("a/.git/config", NameFault::Hidden),
            ("...", NameFault::Hidden),
            ("a//b", NameFault::EmptySegment),
            ("..\\x", NameFault::Separator),
            ("\\\\host\\share", NameFault::Separator),
            ("..\u{2215}x", NameFault::Separator),
            ("\u{ff0e}\u{ff0e}/x", NameFault::Separator),
            ("a.", NameFault::Edge),
            ("a ", NameFault::Edge),
            (" a", NameFault::Edge),
            ("a./b", NameFault::Edge),
            ("a\0b", NameFault::Control),
            ("a\nb", NameFault::Control),
            ("a\u{202e}fdp.exe", NameFault::Invisible),
            ("a\u{200b}", NameFault::Invisible),
            ("%2e%2e/x", NameFault::Twice),
            ("a%2fb", NameFault::Twice),
        ] {
            assert_eq!(Name::below(bad, false), Err(fault), "{bad:?}");
            assert_eq!(Name::decoded(bad, false), Err(fault), "{bad:?}");
        }
        assert_eq!(Name::decoded("", false), Err(NameFault::Empty));
        assert_eq!(Name::decoded("a/", false), Err(NameFault::EmptySegment));
        assert_eq!(Name::below("/", false), Err(NameFault::Empty));
        assert_eq!(Name::below("a//", false), Err(NameFault::EmptySegment));
        assert_eq!(Name::plain("a/b", false), Err(NameFault::Slash));
        assert!(Name::plain("a", false).is_ok());
        assert!(Name::below(".well-known/x", true).is_ok());
        assert_eq!(Name::below("..", true), Err(NameFault::Dots));
    }

    #[test]
    fn a_name_has_an_end_and_a_bottom() {
        let fits = vec!["a"; DEEPEST].join("/");
        assert!(Name::below(&fits, false).is_ok());
        assert_eq!(
            Name::below(&format!("{fits}/a"), false),
            Err(NameFault::TooDeep)
        );
        let long = "a".repeat(SEGMENT);
        assert!(Name::below(&long, false).is_ok());
        assert_eq!(
            Name::below(&format!("{long}a"), false),
            Err(NameFault::TooLong)
        );
        let longest = [long.as_str(); 5].join("/");
        assert_eq!(Name::below(&longest, false), Err(NameFault::TooLong));
        let (deep, file) = (Name::below(&fits, false), Name::plain("x", false));
        let child = deep.and_then(|deep| deep.child(&file?));
        assert_eq!(child, Err(NameFault::TooDeep));
    }

    #[test]
    fn a_value_is_decoded_once() {
        assert_eq!(decode(b"a%20b+c", true).as_deref(), Ok("a b c"));
        assert_eq!(decode(b"a+c", false).as_deref(), Ok("a+c"));
        for (bad, fault) in [
            (&b"%"[..], NameFault::Escape),
            (b"%2", NameFault::Escape),
            (b"%u002e", NameFault::Escape),
            (b"%c0%ae%c0%ae%c0%af", NameFault::Encoding),
            (b"\xff", NameFault::Encoding),
        ] {
            assert_eq!(decode(bad, true), Err(fault));
        }
        let twice = decode(b"%252e%252e%252fx", true).unwrap();
        assert_eq!(Name::decoded(&twice, false), Err(NameFault::Twice));
    }

    #[test]
    fn a_name_is_not_shown_by_accident() {
        let name = Name::plain("diagnosis.pdf", false).unwrap();
        assert!(!format!("{name:?}").contains("diagnosis"));
    }

    proptest! {
        #[test]
        fn what_is_a_name_never_leaves_its_root(text in "[a-z./%2eE~: \\\\\u{202e}]{0,24}", hidden: bool) {
            crate::fuzz::holds(&text, hidden);
        }

        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            crate::fuzz::name(&bytes);
        }
    }
}
