//! The first row: gathered until it is whole, then held against the layouts.
//!
//! Owns the choice of delimiter and layout. A delimiter is not guessed from frequencies when layouts
//! are known: the right one is the one whose header is a known header.

use std::collections::HashSet;

use crate::{
    refusal::{Cell, UploadRefusal},
    rules::{Csv, Layout},
};

/// The most bytes of a header.
pub const HEADER: usize = 64 << 10;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Collects the first row.
#[derive(Debug, Default)]
pub(super) struct Gather {
    bytes: Vec<u8>,
    quoted: bool,
}

impl Gather {
    /// Takes bytes up to the end of the first row: how many, and whether that end was found.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(usize, bool), UploadRefusal> {
        let mut used = bytes.len();
        let mut complete = false;
        for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
            if bytes.get(at) == Some(&b'"') {
                self.quoted = !self.quoted;
            } else if !self.quoted {
                used = at + 1;
                complete = true;
                break;
            }
        }
        if self.bytes.len() + used > HEADER {
            return Err(UploadRefusal::CsvHeaderTooLong { limit: HEADER });
        }
        self.bytes
            .extend_from_slice(bytes.get(..used).unwrap_or_default());
        Ok((used, complete))
    }

    /// Whether the end would come within quotes.
    pub(super) const fn is_open(&self) -> bool {
        self.quoted
    }

    /// The row, without a byte order mark.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        if self.bytes.starts_with(MARK) {
            self.bytes.drain(..MARK.len());
        }
        self.bytes
    }
}

/// The delimiter, and the place of the layout among the rules.
pub(super) fn choose(header: &[u8], rules: &Csv) -> Result<(u8, Option<usize>), UploadRefusal> {
    let text = std::str::from_utf8(header);
    let text = text.map_err(|_| UploadRefusal::CsvEncoding {
        at: Cell { row: 1, column: 1 },
    })?;
    let line = text.trim_end_matches(['\r', '\n']);
    let mut closest: Option<(usize, u8, UploadRefusal)> = None;
    for &delimiter in rules.delimiters() {
        let cells = split(line, delimiter);
        if rules.layouts().is_empty() {
            let better = closest
                .as_ref()
                .is_none_or(|(most, ..)| cells.len() > *most);
            if better {
                closest = Some((cells.len(), delimiter, UploadRefusal::Unknown));
            }
            continue;
        }
        if let Some(column) = first_repeated(&cells) {
            let refusal = UploadRefusal::CsvColumnTwice { column };
            if cells.len() > 1
                && closest
                    .as_ref()
                    .is_none_or(|(most, ..)| cells.len() > *most)
            {
                closest = Some((cells.len(), delimiter, refusal));
            }
            continue;
        }
        for (place, layout) in rules.layouts().iter().enumerate() {
            match fit(&cells, layout) {
                Ok(()) => return Ok((delimiter, Some(place))),
                Err((known, refusal)) => {
                    if closest.as_ref().is_none_or(|(most, ..)| known > *most) {
                        closest = Some((known, delimiter, refusal));
                    }
                }
            }
        }
    }
    match closest {
        Some((_, delimiter, _)) if rules.layouts().is_empty() => {
            match first_repeated(&split(line, delimiter)) {
                Some(column) => Err(UploadRefusal::CsvColumnTwice { column }),
                None => Ok((delimiter, None)),
            }
        }
        Some((_, _, refusal)) => Err(refusal),
        None => Err(UploadRefusal::CsvColumnUnknown { column: 1 }),
    }
}

/// The cells of the header as one delimiter divides it, quotes taken off. Whether its quotes stand
/// where they may is judged when it is scanned as a row.
fn split(line: &str, delimiter: u8) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut closed = false;
    for character in line.chars() {
        if character == '"' {
            // The second of two quotes within quotes is a quote.
            if !quoted
                && closed
                && let Some(cell) = cells.last_mut()
            {
                cell.push('"');
            }
            closed = quoted;
            quoted = !quoted;
            continue;
        }
        closed = false;
        if character == char::from(delimiter) && !quoted {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(character);
        }
    }
    cells
}

fn first_repeated(cells: &[String]) -> Option<u32> {
    let mut seen = HashSet::with_capacity(cells.len());
    let at = cells.iter().position(|cell| !seen.insert(cell.as_str()))?;
    u32::try_from(at + 1).ok()
}

/// Whether the cells are the columns of a layout; otherwise how many are, and what is wrong.
fn fit(cells: &[String], layout: &Layout) -> Result<(), (usize, UploadRefusal)> {
    let columns = layout.columns();
    let place = |cell: &String| columns.iter().position(|column| column.name == *cell);
    let mut known = 0;
    let mut unknown = None;
    let mut last = None;
    let mut found = vec![false; columns.len()];
    for (at, cell) in cells.iter().enumerate() {
        let here = place(cell).filter(|here| !layout.ordered() || last.is_none_or(|it| it < *here));
        match here {
            Some(here) => {
                last = Some(here);
                known += 1;
                if let Some(found) = found.get_mut(here) {
                    *found = true;
                }
            }
            None => unknown = unknown.or(Some(at)),
        }
    }
    let missing = columns
        .iter()
        .zip(&found)
        .find(|(column, found)| column.required && !**found);
    if let Some((column, _)) = missing.filter(|_| unknown.is_none() || known > 0) {
        let (layout, column) = (layout.name().to_owned(), column.name.clone());
        return Err((known, UploadRefusal::CsvColumnMissing { layout, column }));
    }
    match unknown {
        Some(at) => {
            let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
            Err((known, UploadRefusal::CsvColumnUnknown { column }))
        }
        None => Ok(()),
    }
}
