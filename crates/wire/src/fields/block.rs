//! The field lines of one head, walked once as their bytes arrive (RFC 9112 section 5).
//!
//! Owns the table of fields and the state of the walk. Refuses folded lines, bare line ends,
//! control bytes, names that are no tokens and white space before a colon at the byte where each
//! becomes known. Trusts no byte, and looks at each one once however the head is divided.

use super::{Fields, MAX_FIELDS, NOWHERE, Place, Single, foreign, same_folded, speaks_of_identity};
use crate::connection::options;
use crate::head::{HeadLimits, Parsed};
use crate::identity::governs_message;
use crate::names::Name;
use crate::refusal::FramingRefusal;
use crate::scan::{Span, token_end, token_walk, value_end};

/// What a head is told of each field at the end of its line.
pub(crate) struct Line<'b> {
    pub(crate) kind: Name,
    pub(crate) value: &'b [u8],
    /// Whether a field of this known name came before.
    pub(crate) again: bool,
}

/// The parts of a line that ends with CR LF.
struct Found {
    name: Span,
    plain: bool,
    /// Behind the colon and the white space after it.
    value_start: usize,
    /// Where its CR stands.
    line_end: usize,
}

impl Found {
    /// The parts of the line that begins at `start`, if it is there to its end and nothing is wrong
    /// with it.
    #[inline(always)]
    fn whole(head: &[u8], start: usize) -> Option<Self> {
        let (name_end, plain) = token_walk(head, start);
        if name_end == start || head.get(name_end) != Some(&b':') {
            return None;
        }
        let mut value_start = name_end + 1;
        while let Some(b' ' | b'\t') = head.get(value_start) {
            value_start += 1;
        }
        let line_end = value_end(head, value_start);
        let Some([b'\r', b'\n']) = head.get(line_end..line_end + 2) else {
            return None;
        };
        Some(Self {
            name: Span::new(start, name_end),
            plain,
            value_start,
            line_end,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    LineStart,
    Name,
    ValueStart,
    Value,
    LineFeed,
    LastLineFeed,
}

/// All field lines of one head.
#[derive(Debug)]
pub(crate) struct Block {
    start: usize,
    at: usize,
    name_start: usize,
    name_end: usize,
    value_start: usize,
    seen: u64,
    phase: Phase,
    count: u16,
    places: [Place; MAX_FIELDS],
}

impl Block {
    pub(crate) const fn new() -> Self {
        Self {
            start: 0,
            at: 0,
            name_start: 0,
            name_end: 0,
            value_start: 0,
            seen: 0,
            phase: Phase::LineStart,
            count: 0,
            places: [NOWHERE; MAX_FIELDS],
        }
    }

    /// Forgets all fields and begins at the byte after a first line.
    pub(crate) fn begin(&mut self, start: usize) {
        self.start = start;
        self.at = start;
        self.seen = 0;
        self.phase = Phase::LineStart;
        self.count = 0;
    }

    /// Walks on, telling `note` of each field at the end of its line.
    pub(crate) fn advance(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
        mut note: impl FnMut(&Line<'_>) -> Result<(), FramingRefusal>,
    ) -> Result<Parsed, FramingRefusal> {
        // Nothing beyond the limit is looked at, so that a refusal never depends on how the bytes
        // were divided on their way.
        let largest = self.start.saturating_add(limits.block as usize);
        let head = bytes.get(..largest).unwrap_or(bytes);
        let most = MAX_FIELDS.min(usize::from(limits.fields));
        loop {
            if self.phase == Phase::LineStart {
                self.whole_lines(head, most, &mut note)?;
            }
            let Some(&byte) = self.next_byte(head) else {
                return if head.len() >= largest {
                    Err(FramingRefusal::BlockTooLarge)
                } else {
                    Ok(Parsed::Incomplete)
                };
            };
            match self.phase {
                Phase::LineStart => match byte {
                    b'\r' => {
                        self.at += 1;
                        self.phase = Phase::LastLineFeed;
                    }
                    b' ' | b'\t' => return Err(FramingRefusal::ObsFold),
                    _ if usize::from(self.count) >= most => {
                        return Err(FramingRefusal::TooManyFields);
                    }
                    _ => {
                        self.name_start = self.at;
                        self.phase = Phase::Name;
                    }
                },
                Phase::Name => {
                    if self.at == self.name_start || byte != b':' {
                        return Err(match byte {
                            b' ' | b'\t' => FramingRefusal::SpaceBeforeColon,
                            b'\r' => FramingRefusal::FieldName,
                            _ => foreign(byte, FramingRefusal::FieldName),
                        });
                    }
                    self.name_end = self.at;
                    self.at += 1;
                    self.phase = Phase::ValueStart;
                }
                Phase::ValueStart => {
                    self.value_start = self.at;
                    self.phase = Phase::Value;
                }
                Phase::Value => {
                    if byte != b'\r' {
                        return Err(foreign(byte, FramingRefusal::ControlByte));
                    }
                    self.at += 1;
                    self.phase = Phase::LineFeed;
                }
                Phase::LineFeed => {
                    if byte != b'\n' {
                        return Err(FramingRefusal::BareCr);
                    }
                    note(&self.keep_divided(head)?)?;
                    self.at += 1;
                    self.phase = Phase::LineStart;
                }
                Phase::LastLineFeed => {
                    return if byte == b'\n' {
                        Ok(Parsed::Complete { len: self.at + 1 })
                    } else {
                        Err(FramingRefusal::BareCr)
                    };
                }
            }
        }
    }

    /// Walks over lines that are whole and sound, the usual case, without stopping at each phase.
    /// Stops before any other line, which is left to the phases: they keep their place or refuse.
    #[inline(always)]
    fn whole_lines(
        &mut self,
        head: &[u8],
        most: usize,
        note: &mut impl FnMut(&Line<'_>) -> Result<(), FramingRefusal>,
    ) -> Result<(), FramingRefusal> {
        while usize::from(self.count) < most
            && let Some(found) = Found::whole(head, self.at)
        {
            note(&self.keep(head, &found)?)?;
            self.at = found.line_end + 2;
        }
        Ok(())
    }

    /// Puts a line into the table whose LF has just come, after the rest of it.
    #[cold]
    fn keep_divided<'h>(&mut self, head: &'h [u8]) -> Result<Line<'h>, FramingRefusal> {
        let name = head.get(self.name_start..self.name_end);
        let found = Found {
            name: Span::new(self.name_start, self.name_end),
            plain: name.is_some_and(|name| token_walk(name, 0).1),
            value_start: self.value_start,
            line_end: self.at - 1,
        };
        self.keep(head, &found)
    }

    /// Walks over what the phase allows and gives the byte after it.
    #[inline]
    fn next_byte<'h>(&mut self, head: &'h [u8]) -> Option<&'h u8> {
        match self.phase {
            Phase::Name => self.at = token_end(head, self.at),
            Phase::Value => self.at = value_end(head, self.at),
            Phase::ValueStart => {
                while let Some(b' ' | b'\t') = head.get(self.at) {
                    self.at += 1;
                }
            }
            Phase::LineStart | Phase::LineFeed | Phase::LastLineFeed => {}
        }
        head.get(self.at)
    }

    /// Puts a line into the table.
    #[inline(always)]
    fn keep<'h>(&mut self, head: &'h [u8], found: &Found) -> Result<Line<'h>, FramingRefusal> {
        let name = found.name.of(head);
        let written = head
            .get(found.value_start..found.line_end)
            .unwrap_or_default();
        let value = written.trim_ascii_end();
        let kind = Name::of_token(name);
        if kind == Name::Other && !found.plain && governs_message(name) {
            return Err(FramingRefusal::FramingAlias);
        }
        let Some(place) = self.places.get_mut(usize::from(self.count)) else {
            return Err(FramingRefusal::TooManyFields);
        };
        let colon = found.name.end as usize;
        *place = Place {
            kind,
            identity: match kind {
                Name::Other => speaks_of_identity(name),
                known => known.speaks_of_identity(),
            },
            plain: found.plain,
            neat: value.len() == written.len()
                && found.value_start == colon + 2
                && head.get(colon + 1) == Some(&b' '),
            name: found.name,
            value: Span::new(found.value_start, found.value_start + value.len()),
        };
        self.count += 1;
        let again = kind != Name::Other && self.has(kind);
        self.seen |= kind.bit();
        Ok(Line { kind, value, again })
    }

    /// Whether a field of that name was seen.
    #[inline]
    pub(crate) const fn has(&self, name: Name) -> bool {
        self.seen & name.bit() != 0
    }

    pub(crate) fn fields<'b>(&'b self, bytes: &'b [u8]) -> Fields<'b> {
        Fields {
            places: self
                .places
                .get(..usize::from(self.count))
                .unwrap_or_default()
                .iter(),
            bytes,
        }
    }

    pub(crate) fn values<'b>(
        &'b self,
        bytes: &'b [u8],
        name: Name,
    ) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        // A name that was not seen, the usual answer, costs no walk.
        let count = if self.has(name) { self.count } else { 0 };
        self.places
            .get(..usize::from(count))
            .unwrap_or_default()
            .iter()
            .filter(move |place| place.kind == name)
            .map(|place| place.value.of(bytes))
    }

    pub(crate) fn value<'b>(&'b self, bytes: &'b [u8], name: Name) -> Option<&'b [u8]> {
        self.values(bytes, name).next()
    }

    pub(crate) fn single<'b>(&'b self, bytes: &'b [u8], name: Name) -> Single<'b> {
        Single::of(self.values(bytes, name))
    }

    pub(crate) fn single_named<'b>(&'b self, bytes: &'b [u8], name: &[u8]) -> Single<'b> {
        Single::of(
            self.fields(bytes)
                .filter(|field| field.name().eq_ignore_ascii_case(name))
                .map(|field| field.value()),
        )
    }

    /// Whether any Connection field lists the name, case and underscores folded.
    pub(crate) fn connection_lists(&self, bytes: &[u8], name: &[u8]) -> bool {
        self.values(bytes, Name::Connection)
            .flat_map(options)
            .any(|option| same_folded(option, name))
    }
}
