//! Path templates, matched segment by segment.
//!
//! Owns the splitting and decoding of a raw path. A parameter fills one segment, or stands between
//! fixed text in one (`report.{format}`); it never holds a slash and is never empty.

use crate::{
    form::digit,
    load::LoadError,
    refusal::{Fault, Refusal},
};

/// Most segments of a path.
const MOST: usize = 64;

/// A path of the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Fixed(Box<str>),
    Parameter {
        before: Box<str>,
        name: Box<str>,
        behind: Box<str>,
    },
}

impl Part {
    /// What the parameter holds in `segment`; `None` where it does not fit.
    fn value<'s>(&self, segment: &'s str) -> Option<&'s str> {
        match self {
            Self::Fixed(text) => (**text == *segment).then_some(""),
            Self::Parameter { before, behind, .. } => segment
                .strip_prefix(&**before)?
                .strip_suffix(&**behind)
                .filter(|value| !value.is_empty()),
        }
    }
}

impl Template {
    pub(super) fn parse(written: &str, at: &str) -> Result<Self, LoadError> {
        let bad = |why: &str| LoadError::Api {
            at: at.into(),
            why: why.into(),
        };
        let inner = written
            .strip_prefix('/')
            .ok_or_else(|| bad("a path begins with `/`"))?;
        let mut parts = Vec::new();
        for segment in inner.split('/') {
            let part = match segment.split_once('{') {
                None if segment.contains('}') => return Err(bad("a `}` without `{`")),
                None => Part::Fixed(segment.into()),
                Some((before, rest)) => {
                    let (name, behind) = rest
                        .split_once('}')
                        .ok_or_else(|| bad("a `{` without `}`"))?;
                    if name.is_empty() || behind.contains(['{', '}']) || before.contains('}') {
                        return Err(bad("a segment holds at most one named parameter"));
                    }
                    Part::Parameter {
                        before: before.into(),
                        name: name.into(),
                        behind: behind.into(),
                    }
                }
            };
            parts.push(part);
        }
        if parts.len() > MOST {
            return Err(bad("a path has at most 64 segments"));
        }
        Ok(Self(parts))
    }

    /// The order in which templates are tried: fixed segments before parameters, parameters with
    /// text around them before others.
    pub(super) fn order(&self) -> Vec<usize> {
        let weight = |part: &Part| match part {
            Part::Fixed(_) => 0,
            Part::Parameter { before, behind, .. } => {
                usize::MAX - before.len().saturating_add(behind.len())
            }
        };
        self.0.iter().map(weight).collect()
    }

    /// Whether two templates differ in nothing but the names of their parameters.
    pub(super) fn is_twin(&self, other: &Self) -> bool {
        let same = |(one, other): (&Part, &Part)| match (one, other) {
            (Part::Fixed(one), Part::Fixed(other)) => one == other,
            (
                Part::Parameter { before, behind, .. },
                Part::Parameter {
                    before: other_before,
                    behind: other_behind,
                    ..
                },
            ) => before == other_before && behind == other_behind,
            _ => false,
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Parameter { name, .. } => Some(&**name),
            Part::Fixed(_) => None,
        })
    }

    pub(super) fn fits(&self, segments: &[String]) -> bool {
        self.0.len() == segments.len()
            && self
                .0
                .iter()
                .zip(segments)
                .all(|(part, segment)| part.value(segment).is_some())
    }

    /// The parameters of a path that fits.
    pub(super) fn values<'a>(&'a self, segments: &'a [String]) -> Vec<(&'a str, &'a str)> {
        let parts = self.0.iter().zip(segments);
        parts
            .filter_map(|(part, segment)| match part {
                Part::Parameter { name, .. } => Some((&**name, part.value(segment)?)),
                Part::Fixed(_) => None,
            })
            .collect()
    }
}

/// The decoded segments of a path. `None` where it does not begin with `/` or is too long.
pub(super) fn segments(path: &[u8]) -> Option<Result<Vec<String>, Refusal>> {
    let inner = path.strip_prefix(b"/")?;
    let count = inner.split(|byte| *byte == b'/').count();
    if count > MOST {
        return None;
    }
    let segments = inner.split(|byte| *byte == b'/');
    Some(segments.map(|segment| decode(segment, false)).collect())
}

/// `%XX` is a byte, and in a query `+` is a space. An encoded slash in a path is refused: routers
/// differ about where it cuts.
pub(super) fn decode(raw: &[u8], in_query: bool) -> Result<String, Refusal> {
    let bad = || Refusal::whole(Fault::ParameterEscape);
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' if in_query => b' ',
            b'%' => {
                let pair = digit(rest.next()).zip(digit(rest.next()));
                let (high, low) = pair.ok_or_else(bad)?;
                let byte = high << 4 | low;
                if !in_query && matches!(byte, b'/' | b'\\') {
                    return Err(bad());
                }
                byte
            }
            0..=b' ' | 0x7f.. => return Err(bad()),
            other => *other,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| bad())
}
