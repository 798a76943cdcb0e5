//! The walk over rows and cells, eight bytes at a time.
//!
//! Owns the state machine of RFC 4180. Bytes that cannot change its state are stepped over in words;
//! only delimiters, quotes and control bytes are looked at one by one.

use super::CsvFacts;
use crate::{
    refusal::{Cell, UploadRefusal},
    rules::{Csv, CsvLimits},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before the first byte of a row.
    RowStart,
    /// Before the first byte of another cell.
    CellStart,
    Bare,
    Quoted,
    /// Behind a quote within quotes: the end of the cell, or the first of two.
    Quote,
    /// Behind a carriage return outside quotes.
    Return,
    /// Behind a carriage return within quotes.
    QuotedReturn,
}

#[derive(Debug)]
pub(super) struct Scanner {
    delimiter: u8,
    layout: Option<usize>,
    limits: CsvLimits,
    at: At,
    row: u64,
    /// Delimiters of the row so far.
    column: u32,
    /// Bytes of the cell so far.
    cell: u64,
    opened: Cell,
    /// Columns of the header; zero while it is read.
    width: u32,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH: u64 = !LOW;

/// The high bit of every byte of `word` that the walk must look at: delimiter, quote, a control byte
/// or DEL. Exact: no byte beside such a byte is marked by a carry.
const fn marks(word: u64, delimiter: u64) -> u64 {
    let low = word & LOW;
    let ascii = !word & HIGH;
    let control = !(low + ONES * 0x60);
    let quote = !((low ^ (ONES * 0x22)) + LOW);
    let del = !((low ^ LOW) + LOW);
    let delimiter = !((low ^ delimiter) + LOW);
    (control | quote | del | delimiter) & ascii
}

impl Scanner {
    pub(super) const fn new(delimiter: u8, layout: Option<usize>, limits: &CsvLimits) -> Self {
        Self {
            delimiter,
            layout,
            limits: *limits,
            at: At::RowStart,
            row: 1,
            column: 0,
            cell: 0,
            opened: Cell { row: 1, column: 1 },
            width: 0,
        }
    }

    /// The cell being read.
    pub(super) const fn place(&self) -> Cell {
        Cell {
            row: self.row,
            column: self.column.saturating_add(1),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        let pattern = ONES * self.delimiter as u64;
        // Bytes since the last one that was looked at.
        let mut plain = 0_u64;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            let mut found = marks(u64::from_le_bytes(*word), pattern);
            if found == 0 {
                plain += 8;
                continue;
            }
            let mut next = 0;
            while found != 0 {
                let at = found.trailing_zeros() / 8;
                found &= found - 1;
                self.plain(plain + u64::from(at - next))?;
                plain = 0;
                next = at + 1;
                let byte = word.get(at as usize).copied().unwrap_or_default();
                self.special(byte)?;
            }
            plain = u64::from(8 - next);
        }
        for &byte in rest {
            let special = byte < 0x20 || byte == 0x7f || byte == b'"' || byte == self.delimiter;
            if special {
                self.plain(plain)?;
                plain = 0;
                self.special(byte)?;
            } else {
                plain += 1;
            }
        }
        self.plain(plain)
    }

    /// Takes `length` bytes that are neither delimiter, quote nor control.
    #[inline]
    fn plain(&mut self, length: u64) -> Result<(), UploadRefusal> {
        if length == 0 {
            return Ok(());
        }
        match self.at {
            At::Bare | At::Quoted => {}
            At::RowStart => {
                self.begin_row()?;
                self.at = At::Bare;
            }
            At::CellStart => self.at = At::Bare,
            At::Quote => return Err(UploadRefusal::CsvQuoteTail { at: self.place() }),
            At::Return | At::QuotedReturn => {
                return Err(UploadRefusal::CsvBareCr { at: self.place() });
            }
        }
        self.grow(length)
    }

    #[inline]
    fn grow(&mut self, length: u64) -> Result<(), UploadRefusal> {
        self.cell += length;
        if self.cell > u64::from(self.limits.cell) {
            let limit = self.limits.cell;
            return Err(UploadRefusal::CsvCell {
                at: self.place(),
                limit,
            });
        }
        Ok(())
    }

    #[inline]
    fn special(&mut self, byte: u8) -> Result<(), UploadRefusal> {
        match (self.at, byte) {
            (At::Return, b'\n') => {
                self.at = At::Bare;
                self.end_row()
            }
            (At::QuotedReturn, b'\n') => {
                self.at = At::Quoted;
                self.grow(1)
            }
            (At::Return | At::QuotedReturn, _) => {
                Err(UploadRefusal::CsvBareCr { at: self.place() })
            }
            (At::Quoted, b'"') => {
                self.at = At::Quote;
                Ok(())
            }
            (At::Quoted, b'\r') => {
                self.at = At::QuotedReturn;
                self.grow(1)
            }
            (At::Quoted, b'\n' | b'\t') => self.grow(1),
            (At::Quoted, byte) if byte == self.delimiter => self.grow(1),
            (_, byte) if byte == self.delimiter => self.end_cell(),
            (At::Quote, b'"') => {
                self.at = At::Quoted;
                self.grow(1)
            }
            (At::RowStart, b'\n' | b'\r') => Err(UploadRefusal::CsvEmptyLine { row: self.row }),
            (At::RowStart | At::CellStart, b'"') => {
                if self.at == At::RowStart {
                    self.begin_row()?;
                }
                self.opened = self.place();
                self.at = At::Quoted;
                Ok(())
            }
            (At::Bare, b'"') => Err(UploadRefusal::CsvQuoteInside { at: self.place() }),
            (_, b'\n') => self.end_row(),
            (_, b'\r') => {
                self.at = At::Return;
                Ok(())
            }
            // A tab that is no delimiter is text.
            (_, b'\t') => self.plain(1),
            _ => Err(UploadRefusal::CsvControl { at: self.place() }),
        }
    }

    fn begin_row(&self) -> Result<(), UploadRefusal> {
        let limit = self.limits.rows.high();
        if self.row.saturating_sub(1) > limit {
            return Err(UploadRefusal::CsvRows { limit });
        }
        Ok(())
    }

    #[inline]
    fn end_cell(&mut self) -> Result<(), UploadRefusal> {
        if self.at == At::RowStart {
            self.begin_row()?;
        }
        self.column += 1;
        self.cell = 0;
        self.at = At::CellStart;
        if self.column >= self.limits.columns {
            let limit = self.limits.columns;
            return Err(UploadRefusal::CsvColumns {
                row: self.row,
                limit,
            });
        }
        // Refused at the first cell too many, so that a long row is not read to its end.
        if self.width != 0 && self.column >= self.width {
            return Err(self.ragged());
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), UploadRefusal> {
        if self.width == 0 {
            self.width = self.column + 1;
        } else if self.column + 1 != self.width {
            return Err(self.ragged());
        }
        self.row += 1;
        self.column = 0;
        self.cell = 0;
        self.at = At::RowStart;
        Ok(())
    }

    const fn ragged(&self) -> UploadRefusal {
        let found = self.column + 1;
        UploadRefusal::CsvRagged {
            row: self.row,
            found,
            expected: self.width,
        }
    }

    pub(super) fn finish(&mut self, rules: &Csv) -> Result<CsvFacts, UploadRefusal> {
        match self.at {
            At::Quoted | At::QuotedReturn => {
                return Err(UploadRefusal::CsvQuoteOpen { at: self.opened });
            }
            At::Return => return Err(UploadRefusal::CsvBareCr { at: self.place() }),
            // The last row needs no line end (RFC 4180 section 2.2).
            At::Bare | At::Quote | At::CellStart => self.end_row()?,
            At::RowStart => {}
        }
        let rows = self.row.saturating_sub(2);
        let limit = rules.limits().rows.low();
        if rows < limit {
            return Err(UploadRefusal::CsvFewRows { found: rows, limit });
        }
        Ok(CsvFacts {
            rows,
            columns: self.width,
            delimiter: self.delimiter,
            layout: self.layout,
        })
    }
}
