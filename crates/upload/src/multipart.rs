//! multipart/form-data (RFC 7578, RFC 2046 section 5.1), read as it streams.
//!
//! Owns where a part begins and ends. Refuses what two readers could divide differently: bytes
//! before the first boundary or behind the last, a boundary after a line feed alone, padding on a
//! boundary line, a missing end, heads with anything a form upload does not need. Memory is flat: a
//! part's head is held, of its body nothing; data goes to the sink as slices of what was pushed.
//! Trusts no count or length of the client.

mod boundary;
mod head;

pub use boundary::Boundary;
pub use head::{HEAD, LINES, PartHead};

use memchr::memmem;

use crate::{refusal::UploadRefusal, rules::Limits};

/// Receives the parts. Every part is begun once, given any number of pieces, and ended once.
pub trait Sink {
    /// A part begins.
    ///
    /// # Errors
    ///
    /// Whatever the sink refuses ends the reading.
    fn begin(&mut self, head: &PartHead) -> Result<(), UploadRefusal>;

    /// The next bytes of the part that has begun.
    ///
    /// # Errors
    ///
    /// Whatever the sink refuses ends the reading.
    fn data(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal>;

    /// The part has ended.
    ///
    /// # Errors
    ///
    /// Whatever the sink refuses ends the reading.
    fn end(&mut self) -> Result<(), UploadRefusal>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before or within the first boundary, of which this many bytes were seen.
    First(usize),
    /// Behind a boundary.
    Behind,
    /// Behind a boundary and a carriage return.
    BehindReturn,
    /// Behind a boundary and one hyphen.
    BehindHyphen,
    Head,
    Body,
    /// Behind the closing boundary, with this many bytes of a line end.
    Closed(u8),
    Refused,
}

/// Reads one body.
#[derive(Debug)]
pub struct Multipart {
    /// `LF -- boundary`. Its line feed stands at the beginning and nowhere else, so a broken match
    /// can only begin again at the byte that broke it.
    needle: Vec<u8>,
    finder: memmem::Finder<'static>,
    limits: Limits,
    phase: Phase,
    /// Bytes of the body that were used.
    at: u64,
    part: u32,
    files: u32,
    fields: u32,
    head: Vec<u8>,
    /// Bytes of the needle that the data so far ends with, and whether a carriage return stands
    /// before them: held back until it is known whether they are data.
    held: usize,
    carriage: bool,
    /// Whether the held line feed is the one that ended the head, and so is no data.
    borrowed: bool,
    length: u64,
    announced: Option<u64>,
    /// The most bytes of the part, for parts that are no files.
    most: u64,
}

impl Multipart {
    /// A reader at the beginning of a body.
    #[must_use]
    pub fn new(boundary: &Boundary, limits: Limits) -> Self {
        let needle = [b"\n--", boundary.as_bytes()].concat();
        Self {
            finder: memmem::Finder::new(&needle).into_owned(),
            needle,
            limits,
            phase: Phase::First(1),
            at: 0,
            part: 0,
            files: 0,
            fields: 0,
            head: Vec::new(),
            held: 0,
            carriage: false,
            borrowed: false,
            length: 0,
            announced: None,
            most: u64::MAX,
        }
    }

    /// Reads the next bytes, in any division.
    ///
    /// # Errors
    ///
    /// The first fault, of the body or of the sink. Nothing is read after it.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), UploadRefusal> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.step(rest, sink) {
                Ok(used) => {
                    self.at = self.at.saturating_add(used as u64);
                    rest = rest.get(used..).unwrap_or_default();
                }
                Err(refusal) => {
                    self.phase = Phase::Refused;
                    return Err(refusal);
                }
            }
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Unfinished`] before the closing boundary.
    pub fn finish(&self) -> Result<(), UploadRefusal> {
        match self.phase {
            Phase::Closed(0 | 2) => Ok(()),
            Phase::Closed(_) => Err(UploadRefusal::Epilogue),
            _ => Err(UploadRefusal::Unfinished { part: self.part }),
        }
    }

    /// How many bytes were used; at least one.
    fn step(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize, UploadRefusal> {
        let first = bytes.first().copied().unwrap_or_default();
        match self.phase {
            Phase::First(seen) => {
                if self.needle.get(seen) != Some(&first) {
                    return Err(UploadRefusal::Preamble);
                }
                let whole = seen + 1 == self.needle.len();
                self.phase = if whole {
                    Phase::Behind
                } else {
                    Phase::First(seen + 1)
                };
                Ok(1)
            }
            Phase::Behind | Phase::BehindReturn | Phase::BehindHyphen => {
                self.behind(first)?;
                Ok(1)
            }
            Phase::Head => self.read_head(bytes, sink),
            Phase::Body => self.read_body(bytes, sink),
            Phase::Closed(seen) => {
                self.phase = match (seen, first) {
                    (0, b'\r') => Phase::Closed(1),
                    (1, b'\n') => Phase::Closed(2),
                    _ => return Err(UploadRefusal::Epilogue),
                };
                Ok(1)
            }
            Phase::Refused => Err(UploadRefusal::Unfinished { part: self.part }),
        }
    }

    fn behind(&mut self, byte: u8) -> Result<(), UploadRefusal> {
        self.phase = match (self.phase, byte) {
            (Phase::Behind, b'\r') => Phase::BehindReturn,
            (Phase::Behind, b'-') => Phase::BehindHyphen,
            (Phase::BehindReturn, b'\n') => {
                self.part = self.part.saturating_add(1);
                self.head.clear();
                // The line end of the boundary is the first half of an empty head's end.
                self.head.extend_from_slice(b"\r\n");
                Phase::Head
            }
            (Phase::BehindHyphen, b'-') if self.part == 0 => return Err(UploadRefusal::NoParts),
            (Phase::BehindHyphen, b'-') => Phase::Closed(0),
            _ => {
                return Err(UploadRefusal::BoundaryLine {
                    part: self.part.saturating_add(1),
                });
            }
        };
        Ok(())
    }

    fn read_head(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize, UploadRefusal> {
        let before = self.head.len();
        let room = (HEAD + 2).saturating_sub(before);
        let fresh = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        self.head.extend_from_slice(fresh);
        let from = before.saturating_sub(3);
        let searched = self.head.get(from..).unwrap_or_default();
        let Some(at) = memmem::find(searched, b"\r\n\r\n") else {
            return if fresh.len() < bytes.len() || fresh.is_empty() {
                Err(UploadRefusal::PartHeadTooLarge {
                    part: self.part,
                    limit: HEAD,
                })
            } else {
                Ok(fresh.len())
            };
        };
        let end = from + at;
        let lines = self.head.get(2..end).unwrap_or_default();
        let mut head = PartHead::read(lines, self.part)?;
        let used = end + 4 - before;
        head.start = self.at.saturating_add(used as u64);
        self.count(&head)?;
        self.announced = head.length;
        self.length = 0;
        // A boundary straight behind the head would be one without a line end of its own.
        (self.held, self.carriage, self.borrowed) = (1, false, true);
        self.phase = Phase::Body;
        sink.begin(&head)?;
        Ok(used)
    }

    fn count(&mut self, head: &PartHead) -> Result<(), UploadRefusal> {
        if head.file_name.is_some() {
            self.files += 1;
            self.most = u64::MAX;
            let limit = self.limits.files;
            return if self.files > limit {
                Err(UploadRefusal::TooManyFiles { limit })
            } else {
                Ok(())
            };
        }
        self.fields += 1;
        self.most = self.limits.field;
        let limit = self.limits.fields;
        if self.fields > limit {
            Err(UploadRefusal::TooManyFields { limit })
        } else {
            Ok(())
        }
    }

    fn read_body(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize, UploadRefusal> {
        if self.held > 0 || self.carriage {
            return self.go_on(bytes, sink);
        }
        if let Some(at) = self.finder.find(bytes) {
            let data = bytes.get(..at).unwrap_or_default();
            let Some((b'\r', data)) = data.split_last() else {
                // What stands before it is judged first, however the body was divided.
                self.give(data, sink)?;
                return Err(UploadRefusal::BoundaryLine { part: self.part });
            };
            self.give(data, sink)?;
            self.end_part(sink)?;
            return Ok(at + self.needle.len());
        }
        let near = bytes.len().saturating_sub(self.needle.len() - 1);
        let tail = bytes.get(near..).unwrap_or_default();
        let begun = memchr::memrchr(b'\n', tail)
            .map(|at| near + at)
            .filter(|at| {
                self.needle
                    .starts_with(bytes.get(*at..).unwrap_or_default())
            });
        let mut end = begun.unwrap_or(bytes.len());
        self.held = bytes.len() - end;
        if end > 0 && bytes.get(end - 1) == Some(&b'\r') {
            self.carriage = true;
            end -= 1;
        }
        self.give(bytes.get(..end).unwrap_or_default(), sink)?;
        Ok(bytes.len())
    }

    /// Decides over what is held back, byte by byte.
    fn go_on(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<usize, UploadRefusal> {
        let mut used = 0;
        for byte in bytes {
            if self.needle.get(self.held) != Some(byte) {
                break;
            }
            used += 1;
            self.held += 1;
            if self.held == self.needle.len() {
                if !self.carriage || self.borrowed {
                    return Err(UploadRefusal::BoundaryLine { part: self.part });
                }
                self.end_part(sink)?;
                return Ok(used);
            }
        }
        if used == bytes.len() {
            return Ok(used);
        }
        let (held, carriage, borrowed) = (self.held, self.carriage, self.borrowed);
        (self.held, self.carriage, self.borrowed) = (0, false, false);
        if carriage {
            self.give(b"\r", sink)?;
        }
        let needle = std::mem::take(&mut self.needle);
        let outcome = self.give(
            needle.get(usize::from(borrowed)..held).unwrap_or_default(),
            sink,
        );
        self.needle = needle;
        outcome?;
        // The byte that broke the match is looked at again, with nothing held.
        let rest = bytes.get(used..).unwrap_or_default();
        Ok(used + self.read_body(rest, sink)?)
    }

    fn give(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), UploadRefusal> {
        if data.is_empty() {
            return Ok(());
        }
        self.length = self.length.saturating_add(data.len() as u64);
        if self.length > self.most {
            return Err(UploadRefusal::FieldTooLarge {
                part: self.part,
                limit: self.most,
            });
        }
        sink.data(data)
    }

    fn end_part(&mut self, sink: &mut impl Sink) -> Result<(), UploadRefusal> {
        if self
            .announced
            .is_some_and(|announced| announced != self.length)
        {
            return Err(UploadRefusal::PartHeadSyntax { part: self.part });
        }
        (self.held, self.carriage, self.borrowed) = (0, false, false);
        self.phase = Phase::Behind;
        sink.end()
    }
}

#[cfg(test)]
mod tests;
