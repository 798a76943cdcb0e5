//! Tokens of a PDF (ISO 32000-1 section 7.2 to 7.3.5).
//!
//! Owns the division of bytes into names, words, strings and comments with flat memory: a token
//! keeps as many bytes as any name we look for could have, and strings keep none.

use std::io::Read;

use super::broken;
use crate::refusal::UploadRefusal;

/// The most bytes of a token that are kept; longer ones are none of ours.
const KEPT: usize = 64;

/// How deep arrays and dictionaries may lie within each other.
const DEPTH: u32 = 200;

/// The most bytes of all object streams of a file, inflated: what a small file can make us read.
const INFLATED: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `/Name`, escapes undone.
    Name,
    /// A number or keyword.
    Word,
    /// A string of either form.
    Text,
    DictionaryOpens,
    DictionaryCloses,
    ArrayOpens,
    ArrayCloses,
}

/// Finds `digit, white space, obj`: the beginning of an object where none may be.
#[derive(Debug, Default)]
pub(super) struct Hidden(u8);

impl Hidden {
    pub(super) const fn see(&mut self, byte: u8) -> bool {
        self.0 = match (self.0, byte) {
            (_, b'0'..=b'9') => 1,
            (1 | 2, 0 | 9 | 10 | 12 | 13 | 32) => 2,
            (2, b'o') => 3,
            (3, b'b') => 4,
            (4, b'j') => 5,
            _ => 0,
        };
        self.0 == 5
    }
}

pub(super) struct Lexer<'a> {
    source: &'a mut dyn Read,
    buffer: Vec<u8>,
    from: usize,
    /// Place of `buffer[from]` in the file.
    at: u64,
    /// Whether a mark of an object within other things is looked for: not within object streams,
    /// which no index points into.
    top: bool,
    text: Vec<u8>,
    start: u64,
    last: Option<u64>,
    end_mark: Option<u64>,
    depth: u32,
    inflated: usize,
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
    )
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a mut dyn Read, at: u64, top: bool) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            from: 0,
            at,
            top,
            text: Vec::with_capacity(KEPT),
            start: at,
            last: None,
            end_mark: None,
            depth: 0,
            inflated: 0,
        }
    }

    /// The bytes of the last name or word.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where the last token began.
    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// Where the last token of all began.
    pub(super) const fn last_token(&self) -> Option<u64> {
        self.last
    }

    /// Where the last `%%EOF` stands.
    pub(super) const fn end_mark(&self) -> Option<u64> {
        self.end_mark
    }

    pub(super) const fn is_top(&self) -> bool {
        self.top
    }

    /// Counts an object stream against what all of them may take.
    pub(super) fn inflate(&mut self, bytes: usize, start: u64) -> Result<(), UploadRefusal> {
        self.inflated = self.inflated.saturating_add(bytes);
        if self.inflated > INFLATED {
            return Err(UploadRefusal::PdfHidden { offset: start });
        }
        Ok(())
    }

    pub(super) fn peek(&mut self) -> Result<Option<u8>, UploadRefusal> {
        if self.from >= self.buffer.len() {
            self.buffer.resize(64 << 10, 0);
            let read = self.source.read(&mut self.buffer);
            let read = read.map_err(|_| UploadRefusal::SpoolFailed)?;
            self.buffer.truncate(read);
            self.from = 0;
        }
        Ok(self.buffer.get(self.from).copied())
    }

    pub(super) fn take(&mut self) -> Result<Option<u8>, UploadRefusal> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.from += 1;
            self.at += 1;
        }
        Ok(byte)
    }

    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn next(&mut self) -> Result<Option<Token>, UploadRefusal> {
        loop {
            let start = self.at;
            let Some(byte) = self.take()? else {
                return if self.depth == 0 || !self.top {
                    Ok(None)
                } else {
                    broken(start, "a dictionary or array is open at the end")
                };
            };
            if is_space(byte) {
                continue;
            }
            if byte == b'%' {
                self.comment(start)?;
                continue;
            }
            self.start = start;
            self.last = Some(start);
            return self.token(byte).map(Some);
        }
    }

    fn token(&mut self, byte: u8) -> Result<Token, UploadRefusal> {
        match byte {
            b'/' => self.name(),
            b'(' => self.string(),
            b'[' => self.open(Token::ArrayOpens),
            b']' => self.close(Token::ArrayCloses),
            b'<' if self.peek()? == Some(b'<') => {
                self.take()?;
                self.open(Token::DictionaryOpens)
            }
            b'<' => self.hexadecimal(),
            b'>' if self.peek()? == Some(b'>') => {
                self.take()?;
                self.close(Token::DictionaryCloses)
            }
            b'>' | b')' => broken(self.start, "a string or dictionary is closed twice"),
            // Braces are of functions, which stand in streams.
            b'{' | b'}' => broken(self.start, "a brace outside a stream"),
            _ => self.word(byte),
        }
    }

    const fn open(&mut self, token: Token) -> Result<Token, UploadRefusal> {
        self.depth += 1;
        if self.depth > DEPTH {
            broken(self.start, "nested too deep")
        } else {
            Ok(token)
        }
    }

    const fn close(&mut self, token: Token) -> Result<Token, UploadRefusal> {
        match self.depth.checked_sub(1) {
            Some(depth) => self.depth = depth,
            None => return broken(self.start, "closed and never opened"),
        }
        Ok(token)
    }

    fn keep(&mut self, byte: u8) {
        if self.text.len() < KEPT {
            self.text.push(byte);
        }
    }

    fn word(&mut self, first: u8) -> Result<Token, UploadRefusal> {
        self.text.clear();
        self.keep(first);
        while let Some(byte) = self.peek()? {
            if is_space(byte) || is_delimiter(byte) {
                break;
            }
            self.take()?;
            self.keep(byte);
        }
        Ok(Token::Word)
    }

    fn name(&mut self) -> Result<Token, UploadRefusal> {
        self.text.clear();
        while let Some(byte) = self.peek()? {
            if is_space(byte) || is_delimiter(byte) {
                break;
            }
            self.take()?;
            self.keep(byte);
        }
        let decoded = unescape(&self.text);
        self.text = decoded;
        Ok(Token::Name)
    }

    fn string(&mut self) -> Result<Token, UploadRefusal> {
        let mut hidden = Hidden::default();
        let mut depth = 1_u32;
        let mut escaped = false;
        while depth > 0 {
            let Some(byte) = self.take()? else {
                return broken(self.start, "a string is open at the end");
            };
            if hidden.see(byte) && self.top {
                return Err(UploadRefusal::PdfHidden { offset: self.at });
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth = depth.saturating_add(1),
                b')' => depth -= 1,
                _ => {}
            }
        }
        Ok(Token::Text)
    }

    fn hexadecimal(&mut self) -> Result<Token, UploadRefusal> {
        loop {
            match self.take()? {
                Some(b'>') => return Ok(Token::Text),
                Some(byte) if byte.is_ascii_hexdigit() || is_space(byte) => {}
                _ => return broken(self.start, "a hexadecimal string is malformed"),
            }
        }
    }

    fn comment(&mut self, start: u64) -> Result<(), UploadRefusal> {
        let mut hidden = Hidden::default();
        self.text.clear();
        while let Some(byte) = self.peek()? {
            if matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.take()?;
            self.keep(byte);
            if hidden.see(byte) && self.top {
                return Err(UploadRefusal::PdfHidden { offset: self.at });
            }
        }
        if self.text.starts_with(b"%EOF") {
            self.end_mark = Some(start);
            if self.text.trim_ascii_end() != b"%EOF" {
                self.last = Some(start + 1);
            }
        }
        Ok(())
    }
}

/// Undoes `#xx` (section 7.3.5). What is no escape stays as it is.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| {
            behind
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (first, digit(0), digit(1)) {
            (b'#', Some(high), Some(low)) => {
                out.push(u8::try_from(high << 4 | low).unwrap_or_default());
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}
