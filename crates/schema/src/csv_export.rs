//! CSV that people download: cells that a spreadsheet would take for a formula are made text.
//!
//! Owns the reading of CSV (RFC 4180, and what spreadsheets read beyond it), the list of what
//! begins a formula (OWASP, "CSV Injection"), and the writing of a neutralised cell: in quotes, with
//! an apostrophe in front. Everything else keeps its value. Refuses UTF-16 and zero bytes, in which
//! cells cannot be told. Streams: memory is flat, and pieces may end anywhere.
//!
//! The length of the body changes, so a caller drops Content-Length and anything computed over the
//! body. One thing is not promised: a spreadsheet that is told to split at another character than
//! the file does finds cells that are none of ours.

use crate::refusal::{Fault, Place, Refusal};

mod cell;

use cell::Verdict;

/// Most bytes of the first line that are looked at to find the delimiter.
const FIRST_LINE: usize = 8192;
/// Most bytes of a cell that are held until it is known; a longer beginning counts as a formula.
const HELD: usize = 64;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What stands between cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// A comma.
    Comma,
    /// A semicolon.
    Semicolon,
    /// A tab.
    Tab,
    /// Whichever of the three the first line has most of outside quotes, the comma where they are
    /// level; or the one that a first line `sep=;` names.
    Detect,
}

/// How cells are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvRules {
    /// Between cells.
    pub delimiter: Delimiter,
    /// Whether a cell that is wholly a number, such as `-12.5`, `+31` or `-1,5e3`, stays as it is.
    pub numbers: bool,
}

impl CsvRules {
    /// The delimiter is detected and numbers stay.
    pub const DEFAULT: Self = Self {
        delimiter: Delimiter::Detect,
        numbers: true,
    };
}

enum State {
    /// The delimiter, or a byte order mark, is still to be found in what is held.
    First,
    /// Before the first byte of a cell.
    Start,
    /// In a cell without quotes around it.
    Plain,
    /// In a cell, between quotes.
    Quoted,
    /// Behind a quote of a quoted cell: its end, or the first of a pair.
    Behind,
}

enum Mode {
    /// The beginning of the cell is held until it is known.
    Open,
    /// Written as it is.
    Kept,
    /// Written in quotes behind an apostrophe.
    Neutralised,
}

/// One file in the course of being written.
pub struct CsvExport {
    rules: CsvRules,
    delimiter: u8,
    state: State,
    mode: Mode,
    /// Whether the cell began with a quote.
    quoted: bool,
    held: Vec<u8>,
    at: u64,
    changed: u64,
}

impl std::fmt::Debug for CsvExport {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("CsvExport")
            .field("rules", &self.rules)
            .field("at", &self.at)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}

impl CsvExport {
    /// A file that begins.
    #[must_use]
    pub const fn new(rules: CsvRules) -> Self {
        Self {
            rules,
            delimiter: b',',
            state: State::First,
            mode: Mode::Open,
            quoted: false,
            held: Vec::new(),
            at: 0,
            changed: 0,
        }
    }

    /// Takes the next bytes and appends what is to be sent.
    ///
    /// # Errors
    ///
    /// A zero byte, or the byte order mark of UTF-16.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if let Some(zero) = memchr::memchr(0, input) {
            return Err(Refusal {
                fault: Fault::TextNul,
                place: Place::Byte(self.at + crate::count(zero)),
            });
        }
        self.at += crate::count(input.len());
        let mut rest = input;
        if matches!(self.state, State::First) {
            while let Some((byte, behind)) = rest.split_first() {
                self.held.push(*byte);
                rest = behind;
                if self.held.len() >= FIRST_LINE || matches!(byte, b'\n' | b'\r') {
                    self.first(out)?;
                    break;
                }
            }
        }
        self.cells(rest, out);
        Ok(())
    }

    /// Ends the file. A cell whose quote was never closed is closed.
    ///
    /// # Errors
    ///
    /// The byte order mark of UTF-16, in a file of one line.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<u64, Refusal> {
        if matches!(self.state, State::First) {
            self.first(out)?;
        }
        if !matches!(self.state, State::Start) {
            self.end(out);
        }
        Ok(self.changed)
    }

    /// Cells that were neutralised so far.
    #[must_use]
    pub const fn changed(&self) -> u64 {
        self.changed
    }

    /// Finds the delimiter in the first line, which is held, and reads it.
    fn first(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let held = std::mem::take(&mut self.held);
        if held.starts_with(b"\xff\xfe") || held.starts_with(b"\xfe\xff") {
            return Err(Refusal {
                fault: Fault::NotUtf8,
                place: Place::Byte(0),
            });
        }
        let line = match held.strip_prefix(BYTE_ORDER_MARK) {
            Some(line) => {
                out.extend_from_slice(BYTE_ORDER_MARK);
                line
            }
            None => &held,
        };
        self.delimiter = match self.rules.delimiter {
            Delimiter::Comma => b',',
            Delimiter::Semicolon => b';',
            Delimiter::Tab => b'\t',
            Delimiter::Detect => detect(line),
        };
        self.state = State::Start;
        self.cells(line, out);
        Ok(())
    }

    fn cells(&mut self, mut rest: &[u8], out: &mut Vec<u8>) {
        while let Some(byte) = rest.first().copied() {
            let plain = self.run(rest);
            if let Some((run, behind)) = rest.split_at_checked(plain)
                && plain > 0
            {
                out.extend_from_slice(run);
                rest = behind;
                continue;
            }
            self.byte(byte, out);
            rest = rest.get(1..).unwrap_or_default();
        }
    }

    /// How many bytes of a cell that is known are written as they are.
    fn run(&self, rest: &[u8]) -> usize {
        let special = match (&self.state, &self.mode) {
            (State::Plain, Mode::Kept) if !self.quoted => {
                memchr::memchr3(self.delimiter, b'\r', b'\n', rest)
            }
            (State::Quoted, Mode::Kept | Mode::Neutralised) => memchr::memchr(b'"', rest),
            _ => Some(0),
        };
        special.unwrap_or(rest.len())
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        let ends = byte == self.delimiter || matches!(byte, b'\r' | b'\n');
        match self.state {
            State::First => {}
            State::Start if ends => out.push(byte),
            State::Start if byte == b'"' => {
                self.quoted = true;
                self.state = State::Quoted;
            }
            State::Start => {
                self.state = State::Plain;
                self.value(byte, out);
            }
            State::Plain | State::Behind if ends => {
                self.end(out);
                out.push(byte);
            }
            State::Plain => self.value(byte, out),
            State::Quoted if byte == b'"' => self.state = State::Behind,
            State::Quoted => self.value(byte, out),
            State::Behind if byte == b'"' => {
                self.state = State::Quoted;
                self.value(byte, out);
            }
            // Something behind the closing quote belongs to the cell, as spreadsheets read it; it is
            // written inside the quotes, where every reader does.
            State::Behind => {
                self.state = State::Plain;
                self.value(byte, out);
            }
        }
    }

    /// Takes a byte of the value of a cell.
    fn value(&mut self, byte: u8, out: &mut Vec<u8>) {
        if !matches!(self.mode, Mode::Open) {
            self.write(byte, out);
            return;
        }
        self.held.push(byte);
        match cell::judge(&self.held, self.rules.numbers, false) {
            Verdict::Text => self.know(Mode::Kept, out),
            Verdict::Formula => self.know(Mode::Neutralised, out),
            Verdict::Unknown if self.held.len() >= HELD => self.know(Mode::Neutralised, out),
            Verdict::Unknown => {}
        }
    }

    /// Writes the beginning of a cell that is known now.
    fn know(&mut self, mode: Mode, out: &mut Vec<u8>) {
        self.mode = mode;
        if matches!(self.mode, Mode::Neutralised) {
            self.changed += 1;
            out.extend_from_slice(b"\"'");
        } else if self.quoted {
            out.push(b'"');
        }
        let mut held = std::mem::take(&mut self.held);
        for byte in held.drain(..) {
            self.write(byte, out);
        }
        self.held = held;
    }

    fn in_quotes(&self) -> bool {
        self.quoted || matches!(self.mode, Mode::Neutralised)
    }

    fn write(&self, byte: u8, out: &mut Vec<u8>) {
        if byte == b'"' && self.in_quotes() {
            out.push(byte);
        }
        out.push(byte);
    }

    /// Ends a cell.
    fn end(&mut self, out: &mut Vec<u8>) {
        if matches!(self.mode, Mode::Open) {
            let formula = cell::judge(&self.held, self.rules.numbers, true) == Verdict::Formula;
            let mode = if formula {
                Mode::Neutralised
            } else {
                Mode::Kept
            };
            self.know(mode, out);
        }
        if self.in_quotes() {
            out.push(b'"');
        }
        self.state = State::Start;
        self.mode = Mode::Open;
        self.quoted = false;
    }
}

/// The delimiter that a first line seems to have.
fn detect(line: &[u8]) -> u8 {
    let named = line.strip_prefix(b"sep=").map(<[u8]>::trim_ascii_end);
    // A tab is white space: the line is then no longer than its name.
    match named {
        Some(b"") if line.starts_with(b"sep=\t") => return b'\t',
        Some([one @ (b',' | b';')]) => return *one,
        _ => {}
    }
    let mut quoted = false;
    let mut counts = [0_usize; 3];
    for byte in line {
        quoted ^= *byte == b'"';
        let [commas, semicolons, tabs] = &mut counts;
        match byte {
            b',' if !quoted => *commas += 1,
            b';' if !quoted => *semicolons += 1,
            b'\t' if !quoted => *tabs += 1,
            _ => {}
        }
    }
    let [commas, semicolons, tabs] = counts;
    if tabs > commas && tabs > semicolons {
        b'\t'
    } else if semicolons > commas {
        b';'
    } else {
        b','
    }
}

#[cfg(test)]
mod tests;
