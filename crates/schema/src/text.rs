//! Text rules: which characters may stand in a piece of text, and how many.
//!
//! Owns the classes of characters that are refused, counting, and the folding that compares names.
//! Refuses rather than repairs: what the app gets is what was sent. Trusts `str` for UTF-8 and the
//! tables of ICU for what a code point is.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory},
};

use crate::refusal::Fault;

/// Line breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// None: not CR, LF, NEL, nor the separators U+2028 and U+2029, which loggers and terminals
    /// take for a new line.
    One,
    /// LF and CR LF. A lone CR is refused: it writes over the line that a terminal shows.
    Many,
}

/// The normal form that text must be in (Unicode Standard Annex 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any.
    Any,
    /// Composed.
    Nfc,
    /// Composed, and without compatibility forms such as full-width letters.
    Nfkc,
}

/// What one piece of text may hold.
///
/// NUL, other control characters and noncharacters never pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRules {
    /// Line breaks.
    pub lines: Lines,
    /// Whether a tab may stand.
    pub tabs: bool,
    /// Whether bidirectional controls may stand: marks, embeddings, overrides and isolates.
    pub bidi: bool,
    /// Whether invisible characters may stand anywhere. Without it, joiners and variation selectors
    /// still may stand where scripts and emoji need them: directly behind a visible character that
    /// is not ASCII, and a variation selector behind a digit, `#` or `*` (keycaps).
    pub invisible: bool,
    /// Whether code points may stand that Unicode gives no meaning yet. Emoji that are newer than
    /// our tables are such.
    pub unassigned: bool,
    /// Whether code points for private use may stand.
    pub private: bool,
    /// Normal form.
    pub form: Form,
    /// Fewest characters (Unicode scalar values), white space at both ends not counted, so that a
    /// text of blanks is as good as none.
    pub min: usize,
    /// Most characters (Unicode scalar values), white space at both ends counted, so that blanks
    /// cannot fill a store.
    pub max: usize,
}

impl TextRules {
    /// What people write: lines, tabs, any length.
    pub const PROSE: Self = Self {
        lines: Lines::Many,
        tabs: true,
        bidi: false,
        invisible: false,
        unassigned: true,
        private: true,
        form: Form::Any,
        min: 0,
        max: usize::MAX,
    };

    /// One line of what people write.
    pub const LINE: Self = Self {
        lines: Lines::One,
        tabs: false,
        ..Self::PROSE
    };

    /// A field that decides something: one line, compatibility composed, nothing of unknown meaning.
    pub const POLICY: Self = Self {
        unassigned: false,
        private: false,
        form: Form::Nfkc,
        ..Self::LINE
    };

    /// The same rules with a length in characters.
    #[must_use]
    pub const fn length(mut self, min: usize, max: usize) -> Self {
        self.min = min;
        self.max = max;
        self
    }

    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// What is wrong, and the byte of `text` at which it stands; 0 for a fault of the whole.
    pub fn check(&self, text: &str) -> Result<(), (Fault, usize)> {
        if !is_plain(text.as_bytes()) {
            self.characters(text)?;
            self.normal(text)?;
        }
        self.count(text)
    }

    fn count(&self, text: &str) -> Result<(), (Fault, usize)> {
        // A character takes one to four bytes, so most texts need no counting.
        if text.len() > self.max && text.chars().nth(self.max).is_some() {
            let limit = crate::count(self.max);
            return Err((Fault::TextLong { limit }, 0));
        }
        if self.min > 0 {
            let inner = text.trim();
            let last = self.min.saturating_sub(1);
            if inner.chars().nth(last).is_none() {
                let limit = crate::count(self.min);
                return Err((Fault::TextShort { limit }, 0));
            }
        }
        Ok(())
    }

    fn normal(&self, text: &str) -> Result<(), (Fault, usize)> {
        let (normalizer, form) = match self.form {
            Form::Any => return Ok(()),
            Form::Nfc => (ComposingNormalizerBorrowed::new_nfc(), "NFC"),
            Form::Nfkc => (ComposingNormalizerBorrowed::new_nfkc(), "NFKC"),
        };
        if normalizer.is_normalized(text) {
            return Ok(());
        }
        Err((Fault::TextForm { form }, 0))
    }

    fn characters(&self, text: &str) -> Result<(), (Fault, usize)> {
        let mut characters = text.char_indices().peekable();
        let mut before = None;
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if let Some(fault) = self.fault(character, before, next) {
                return Err((fault, at));
            }
            before = Some(character);
        }
        Ok(())
    }

    fn fault(&self, character: char, before: Option<char>, next: Option<char>) -> Option<Fault> {
        match character {
            ' '..='~' => None,
            '\0' => Some(Fault::TextNul),
            '\t' => (!self.tabs).then_some(Fault::TextTab),
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                let fits = self.lines == Lines::Many
                    && (character == '\n' || character == '\r' && next == Some('\n'));
                (!fits).then_some(Fault::TextLineBreak)
            }
            '\u{1}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Some(Fault::TextControl),
            // Letters of Latin, and the bulk of kana and Han, need no look into the tables.
            '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' => None,
            '\u{3041}'..='\u{3096}' | '\u{4e00}'..='\u{9ffc}' => None,
            _ => self.rare(character, before),
        }
    }

    fn rare(&self, character: char, before: Option<char>) -> Option<Fault> {
        if is_noncharacter(character) {
            return Some(Fault::TextNoncharacter);
        }
        if CodePointSetData::new::<BidiControl>().contains(character) {
            return (!self.bidi).then_some(Fault::TextBidi);
        }
        if is_invisible(character) {
            let fits = self.invisible || joins(character, before);
            return (!fits).then_some(Fault::TextInvisible);
        }
        match CodePointMapData::<GeneralCategory>::new().get(character) {
            GeneralCategory::Unassigned if !self.unassigned => Some(Fault::TextUnassigned),
            GeneralCategory::PrivateUse if !self.private => Some(Fault::TextPrivate),
            _ => None,
        }
    }
}

/// Whether all bytes are printable ASCII: no rule about characters can refuse them.
fn is_plain(bytes: &[u8]) -> bool {
    // Without an early exit the compiler makes vector code of it.
    let odd = |found: bool, byte: &u8| found | !(0x20..0x7f).contains(byte);
    bytes
        .chunks(256)
        .all(|chunk| !chunk.iter().fold(false, odd))
}

fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

/// Characters without a picture of their own; the anchors of interlinear notes hide text too.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{fff9}'..='\u{fffb}')
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Whether an invisible character stands where scripts and emoji use it.
fn joins(character: char, before: Option<char>) -> bool {
    let Some(before) = before else {
        return false;
    };
    let visible = !before.is_ascii()
        && !before.is_whitespace()
        && (matches!(before, '\u{fe0f}') || !is_invisible(before));
    match character {
        '\u{200c}' | '\u{200d}' | '\u{e0100}'..='\u{e01ef}' => visible,
        '\u{fe00}'..='\u{fe0f}' => {
            (visible && before != '\u{fe0f}') || matches!(before, '0'..='9' | '#' | '*')
        }
        _ => false,
    }
}

/// `text` as names are compared: compatibility composed and without case, so that `Host`, `ＨＯＳＴ`
/// and `hoſt` are one name.
///
/// Case goes up before it goes down, which makes more names equal than Unicode's own folding does;
/// for a list of what is refused that is the safe side.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    let composer = ComposingNormalizerBorrowed::new_nfkc();
    let seen: String = composer
        .normalize(text)
        .chars()
        .filter(|character| !is_invisible(*character))
        .collect();
    let cased = seen.to_uppercase().to_lowercase();
    Cow::Owned(composer.normalize(&cased).into_owned())
}

#[cfg(test)]
mod tests;
