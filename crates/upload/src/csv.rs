//! CSV (RFC 4180), validated as it streams.
//!
//! Owns what a row and a cell are. Refuses every shape two readers take differently: a carriage
//! return alone, an empty line, a quote within a bare cell, text behind a closing quote, rows of
//! different lengths, bytes that are not UTF-8, control bytes. Memory is flat: the header is held
//! until it is known, of the rest a few counters. Rows and columns count as in a spreadsheet, the
//! header being row 1, so that a person finds the place.

mod header;
mod scan;
mod text;

use std::sync::Arc;

use crate::{
    refusal::{Cell, UploadRefusal},
    rules::Csv,
};

use header::Gather;
use scan::Scanner;
use text::Utf8;

pub use header::HEADER;

/// Validates one file.
#[derive(Debug)]
pub struct Validator {
    rules: Arc<Csv>,
    utf8: Utf8,
    state: State,
}

#[derive(Debug)]
enum State {
    Header(Gather),
    Rows(Scanner),
    Refused(UploadRefusal),
}

/// What an accepted file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvFacts {
    /// Rows, the header not counted.
    pub rows: u64,
    /// Columns.
    pub columns: u32,
    /// The delimiter that was found.
    pub delimiter: u8,
    /// The place of the layout among those of the rules; `None` when there are none.
    pub layout: Option<usize>,
}

impl Validator {
    /// A validator at the beginning of a file.
    #[must_use]
    pub fn new(rules: Arc<Csv>) -> Self {
        Self {
            rules,
            utf8: Utf8::default(),
            state: State::Header(Gather::default()),
        }
    }

    /// Reads the next bytes, in any division.
    ///
    /// # Errors
    ///
    /// The first fault; the same again after it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        let piece = self.utf8.push(bytes);
        // What stands before a broken character is judged first, so that its place is known.
        let outcome = self.step(piece.character.get(..piece.joined).unwrap_or_default());
        let outcome =
            outcome.and_then(|()| self.step(bytes.get(piece.from..piece.to).unwrap_or_default()));
        let outcome = outcome.and_then(|()| {
            if piece.broken {
                Err(UploadRefusal::CsvEncoding { at: self.place() })
            } else {
                Ok(())
            }
        });
        self.remember(outcome)
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// What only the end shows: an open quote, a broken character, too few rows.
    pub fn finish(&mut self) -> Result<CsvFacts, UploadRefusal> {
        if !self.utf8.is_whole() {
            return Err(UploadRefusal::CsvEncoding { at: self.place() });
        }
        if let State::Header(gather) = &mut self.state {
            let gather = std::mem::take(gather);
            let outcome = if gather.is_open() {
                self.unclosed(gather)
            } else {
                self.open(gather)
            };
            self.remember(outcome)?;
        }
        match &mut self.state {
            State::Rows(scanner) => scanner.finish(&self.rules),
            State::Refused(refusal) => Err(refusal.clone()),
            State::Header(_) => Err(UploadRefusal::Empty),
        }
    }

    fn step(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        match &mut self.state {
            State::Rows(scanner) => scanner.push(bytes),
            State::Refused(refusal) => Err(refusal.clone()),
            State::Header(gather) => {
                let (used, complete) = gather.push(bytes)?;
                if !complete {
                    return Ok(());
                }
                let gather = std::mem::take(gather);
                self.open(gather)?;
                match &mut self.state {
                    State::Rows(scanner) => scanner.push(bytes.get(used..).unwrap_or_default()),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Chooses delimiter and layout from the header, and reads it as the first row.
    fn open(&mut self, gather: Gather) -> Result<(), UploadRefusal> {
        let header = gather.into_bytes();
        if header.is_empty() {
            return Err(UploadRefusal::Empty);
        }
        let (delimiter, layout) = header::choose(&header, &self.rules)?;
        let mut scanner = Scanner::new(delimiter, layout, self.rules.limits());
        let outcome = scanner.push(&header);
        self.state = State::Rows(scanner);
        outcome
    }

    /// Finds the place of a quote that takes the rest of the file into the header.
    fn unclosed(&self, gather: Gather) -> Result<(), UploadRefusal> {
        let delimiter = self.rules.delimiters().first().copied().unwrap_or(b',');
        let mut scanner = Scanner::new(delimiter, None, self.rules.limits());
        scanner.push(&gather.into_bytes())?;
        scanner.finish(&self.rules).map(|_| ())
    }

    fn remember(&mut self, outcome: Result<(), UploadRefusal>) -> Result<(), UploadRefusal> {
        if let Err(refusal) = &outcome {
            self.state = State::Refused(refusal.clone());
        }
        outcome
    }

    fn place(&self) -> Cell {
        match &self.state {
            State::Rows(scanner) => scanner.place(),
            _ => Cell { row: 1, column: 1 },
        }
    }
}

#[cfg(test)]
mod tests;
