//! Fields of a parsed head: where each lies, what its name is known as.
//!
//! Owns what is said of one field and of how often it stands in a head. Refuses nothing: the walk
//! over the lines, in `block`, did. Only that walk makes a field, so that its name is a token and
//! its value clean.

mod block;

use std::fmt;

pub use crate::identity::{same_folded, speaks_of_identity};
pub use crate::names::Name;

pub(crate) use block::{Block, Line};

use crate::refusal::FramingRefusal;
use crate::scan::Span;

/// The most fields a head may carry, whatever its limits say.
pub const MAX_FIELDS: usize = 100;

/// Where a field lies in its head.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: Name,
    identity: bool,
    /// Whether the name is letters, digits and dashes alone.
    plain: bool,
    /// Whether the line is name, colon, one space, value and line end, as we would write it.
    neat: bool,
    name: Span,
    value: Span,
}

const NOWHERE: Place = Place {
    kind: Name::Other,
    identity: false,
    plain: false,
    neat: false,
    name: Span { start: 0, end: 0 },
    value: Span { start: 0, end: 0 },
};

/// One field of a parsed head. Only parsing makes one, so its name is a token and its value clean.
#[derive(Clone, Copy)]
pub struct Field<'b> {
    place: &'b Place,
    bytes: &'b [u8],
}

impl<'b> Field<'b> {
    /// The known name, or [`Name::Other`].
    #[must_use]
    pub const fn kind(&self) -> Name {
        self.place.kind
    }

    /// The name as received.
    #[must_use]
    pub fn name(&self) -> &'b [u8] {
        self.place.name.of(self.bytes)
    }

    /// The value without surrounding white space.
    #[must_use]
    pub fn value(&self) -> &'b [u8] {
        self.place.value.of(self.bytes)
    }

    /// Where the value lies in the bytes the head was parsed from.
    #[must_use]
    pub const fn place(&self) -> Span {
        self.place.value
    }

    /// [`speaks_of_identity`] of the name, found while parsing.
    #[must_use]
    pub const fn speaks_of_identity(&self) -> bool {
        self.place.identity
    }

    /// Whether the name is letters, digits and dashes alone, found while parsing.
    #[must_use]
    pub const fn has_plain_name(&self) -> bool {
        self.place.plain
    }

    /// The whole line with its end, where it is written as we would write it.
    pub(crate) fn neat_line(&self) -> Option<&'b [u8]> {
        let (from, to) = (self.place.name.start, self.place.value.end + 2);
        self.place
            .neat
            .then(|| self.bytes.get(from as usize..to as usize))
            .flatten()
    }
}

impl fmt::Debug for Field<'_> {
    /// Names the field. Its value may be a credential and is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({}, ..)", self.name().escape_ascii())
    }
}

/// The fields of a head in the order they were sent.
#[derive(Clone, Debug)]
pub struct Fields<'b> {
    places: std::slice::Iter<'b, Place>,
    bytes: &'b [u8],
}

impl<'b> Iterator for Fields<'b> {
    type Item = Field<'b>;

    #[inline]
    fn next(&mut self) -> Option<Field<'b>> {
        let place = self.places.next()?;
        Some(Field {
            place,
            bytes: self.bytes,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// How often a field stands in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single<'b> {
    /// Not at all.
    Absent,
    /// Once.
    One(&'b [u8]),
    /// More than once: nothing may be concluded from any of them.
    Many,
}

impl<'b> Single<'b> {
    fn of(mut values: impl Iterator<Item = &'b [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Many,
        }
    }

    /// The value when there is exactly one.
    #[must_use]
    pub const fn one(self) -> Option<&'b [u8]> {
        match self {
            Self::One(value) => Some(value),
            Self::Absent | Self::Many => None,
        }
    }
}

/// The refusal of a byte that no grammar allows, or `otherwise` for one that is merely misplaced.
#[inline]
pub(crate) const fn foreign(byte: u8, otherwise: FramingRefusal) -> FramingRefusal {
    match byte {
        b'\n' => FramingRefusal::BareLf,
        b'\r' => FramingRefusal::BareCr,
        0 => FramingRefusal::Nul,
        0x01..=0x1f | 0x7f..=0xff => FramingRefusal::ControlByte,
        _ => otherwise,
    }
}
