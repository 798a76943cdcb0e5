//! Objects and the data of their streams.
//!
//! Owns the end of a stream, which is where `endstream` stands and where its length says, both; and
//! the objects within object streams (ISO 32000-1 section 7.5.7), which are inflated within a limit
//! and walked like the file itself.

use super::{
    Names, broken,
    lexer::{Hidden, Lexer, Token},
};
use crate::refusal::UploadRefusal;

/// The most bytes of an object stream as it lies in the file.
const CODED: usize = 8 << 20;

/// The most bytes of one inflated; what all together may take is for the lexer to count.
const INFLATED: usize = 16 << 20;

/// What matters of the dictionary that was read last.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// `First` or the type of an object stream was seen: some readers go by either alone.
    holds_objects: bool,
    flate: u32,
    other_filter: bool,
    parameters: bool,
    length: Option<u64>,
    key: Key,
    in_filter: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Length,
    Filter,
}

impl Object {
    pub(super) fn see(&mut self, token: Token, lexer: &mut Lexer<'_>) -> Result<(), UploadRefusal> {
        match token {
            Token::Name => self.name(lexer.text()),
            Token::Word => match lexer.text() {
                b"obj" | b"endobj" | b"trailer" => *self = Self::default(),
                b"stream" => {
                    if !lexer.is_top() {
                        return Err(UploadRefusal::PdfHidden {
                            offset: lexer.start(),
                        });
                    }
                    let object = std::mem::take(self);
                    object.stream(lexer)?;
                }
                // `5 0 R`: the length stands elsewhere.
                b"R" if self.key == Key::Length => (self.length, self.key) = (None, Key::Other),
                word if self.key == Key::Length && self.length.is_none() => {
                    self.length = std::str::from_utf8(word)
                        .ok()
                        .and_then(|it| it.parse().ok());
                }
                b"null" => {}
                // A filter that stands elsewhere is one we do not know.
                _ if self.key == Key::Filter => self.other_filter = true,
                _ => {}
            },
            Token::ArrayOpens => self.in_filter = self.key == Key::Filter,
            Token::ArrayCloses if self.in_filter => {
                (self.in_filter, self.key) = (false, Key::Other);
            }
            _ => {}
        }
        Ok(())
    }

    fn name(&mut self, name: &[u8]) {
        self.holds_objects |= matches!(name, b"ObjStm" | b"First");
        self.parameters |= matches!(name, b"DecodeParms" | b"DP");
        if self.key == Key::Filter && name != b"Length" {
            match name {
                b"FlateDecode" | b"Fl" => self.flate += 1,
                _ => self.other_filter = true,
            }
            if !self.in_filter {
                self.key = Key::Other;
            }
            return;
        }
        self.key = match name {
            b"Length" => {
                self.length = None;
                Key::Length
            }
            b"Filter" | b"F" => Key::Filter,
            _ => Key::Other,
        };
    }

    fn stream(&self, lexer: &mut Lexer<'_>) -> Result<(), UploadRefusal> {
        let start = lexer.start();
        let first = lexer.take()?;
        let second = if first == Some(b'\r') {
            lexer.take()?
        } else {
            first
        };
        if second != Some(b'\n') {
            return broken(start, "a stream does not begin on a line of its own");
        }
        let from = lexer.at();
        let data = self.data(lexer, start)?;
        let found = lexer.at() - from - b"endstream".len() as u64;
        if let Some(length) = self.length {
            // The line end before `endstream` is not of the data, where there is one.
            if length > found || found - length > 2 {
                return broken(start, "a stream has another length than it says");
            }
        }
        if self.holds_objects {
            self.objects(&data, start, lexer)
        } else {
            Ok(())
        }
    }

    /// Steps over data up to and over `endstream`; keeps it where objects are in it.
    fn data(&self, lexer: &mut Lexer<'_>, start: u64) -> Result<Vec<u8>, UploadRefusal> {
        const END: &[u8; 9] = b"endstream";
        let mut data = Vec::new();
        let mut hidden = Hidden::default();
        let mut matched = 0;
        while let Some(byte) = lexer.take()? {
            if hidden.see(byte) {
                return Err(UploadRefusal::PdfHidden { offset: lexer.at() });
            }
            if self.holds_objects {
                if data.len() >= CODED {
                    return Err(UploadRefusal::PdfHidden { offset: start });
                }
                data.push(byte);
            }
            // Its first letter, `e`, stands in it again: at 0 and 6; what breaks at `a` may begin anew.
            matched = match END.get(matched) {
                Some(next) if *next == byte => matched + 1,
                _ if byte == b'e' => 1,
                _ if matched == 7 && byte == b'n' => 2,
                _ => 0,
            };
            if matched == END.len() {
                data.truncate(data.len().saturating_sub(END.len()));
                return Ok(data);
            }
        }
        broken(start, "a stream has no end")
    }

    fn objects(&self, data: &[u8], start: u64, outer: &mut Lexer<'_>) -> Result<(), UploadRefusal> {
        let hidden = UploadRefusal::PdfHidden { offset: start };
        if self.other_filter || self.parameters || self.flate > 1 {
            return Err(hidden);
        }
        let inflated;
        let mut plain: &[u8] = data;
        if self.flate == 1 {
            let outcome = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(data, INFLATED);
            inflated = outcome.map_err(|_| hidden)?;
            plain = &inflated;
        }
        outer.inflate(plain.len(), start)?;
        let mut lexer = Lexer::new(&mut plain, 0, false);
        let mut inner = Self::default();
        let mut names = Names::default();
        while let Some(token) = lexer.next()? {
            // The place in the file is that of the stream.
            names.see(token, lexer.text(), start)?;
            inner.see(token, &mut lexer)?;
        }
        Ok(())
    }
}
