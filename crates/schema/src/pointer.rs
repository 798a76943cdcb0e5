//! Places inside a value: JSON Pointers with wild cards, and the walk that knows which of them
//! stand where the reader is.
//!
//! Owns the parsing of pointers (RFC 6901) and their matching. Two segments are ours: `*` is any one
//! key or index and `**` any number of them, none included; a key that is itself an asterisk cannot
//! be named. Trusts the reader to enter and leave in step.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{load::LoadError, text};

/// Most pointers of one list.
pub const MAX_POINTERS: usize = 256;
/// Most segments of one pointer.
pub const MAX_SEGMENTS: usize = 32;
/// Longest pointer that is shown, in bytes.
const SHOWN: usize = 240;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Name(Box<str>),
    One,
    Any,
}

#[derive(Clone, Debug)]
struct Pointer {
    written: Box<str>,
    segments: Box<[Segment]>,
}

impl Pointer {
    fn parse(written: &str) -> Result<Self, LoadError> {
        let bad = |why| LoadError::Pointer {
            pointer: written.into(),
            why,
        };
        let inner = written
            .strip_prefix('/')
            .ok_or_else(|| bad("it does not begin with `/`"))?;
        let mut segments = Vec::new();
        for segment in inner.split('/') {
            let segment = match segment {
                "*" => Segment::One,
                "**" if segments.last() == Some(&Segment::Any) => {
                    return Err(bad("`**` stands twice in a row"));
                }
                "**" => Segment::Any,
                name => Segment::Name(
                    unescape(name)
                        .ok_or_else(|| bad("a `~` is not followed by 0 or 1"))?
                        .into(),
                ),
            };
            segments.push(segment);
        }
        if segments.last() == Some(&Segment::Any) {
            return Err(bad("`**` stands last, where it would name everything"));
        }
        if segments.len() > MAX_SEGMENTS {
            return Err(bad("it has more than 32 segments"));
        }
        Ok(Self {
            written: written.into(),
            segments: segments.into(),
        })
    }
}

/// A segment with `~0` and `~1` decoded (RFC 6901 section 4).
pub(crate) fn unescape(segment: &str) -> Option<String> {
    let mut parts = segment.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.strip_prefix('0').map(|rest| ('~', rest));
        let (character, rest) = rest.or_else(|| part.strip_prefix('1').map(|rest| ('/', rest)))?;
        name.push(character);
        name.push_str(rest);
    }
    Some(name)
}

/// A list of pointers that is matched in one walk.
#[derive(Clone, Debug, Default)]
pub struct Pointers {
    list: Vec<Pointer>,
    folded: bool,
}

impl Pointers {
    /// Pointers whose names are matched exactly.
    ///
    /// # Errors
    ///
    /// A pointer that is none, or more than [`MAX_POINTERS`].
    pub fn exact<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, LoadError> {
        let list: Vec<Pointer> = written
            .into_iter()
            .map(Pointer::parse)
            .collect::<Result<_, _>>()?;
        if list.len() > MAX_POINTERS {
            return Err(LoadError::TooMany {
                what: "pointers",
                limit: MAX_POINTERS,
            });
        }
        Ok(Self {
            list,
            folded: false,
        })
    }

    /// Pointers whose names are matched as [`text::fold`] compares them.
    ///
    /// # Errors
    ///
    /// As [`Pointers::exact`].
    pub fn folded<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, LoadError> {
        let mut pointers = Self::exact(written)?;
        pointers.folded = true;
        for segment in pointers
            .list
            .iter_mut()
            .flat_map(|it| it.segments.iter_mut())
        {
            if let Segment::Name(name) = segment {
                *name = text::fold(name).into();
            }
        }
        Ok(pointers)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The pointer at `at`, as it was written.
    pub(crate) fn written(&self, at: usize) -> &str {
        self.list.get(at).map_or("", |pointer| &pointer.written)
    }

    /// The names in all pointers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list
            .iter()
            .flat_map(|pointer| pointer.segments.iter())
            .filter_map(|segment| match segment {
                Segment::Name(name) => Some(&**name),
                Segment::One | Segment::Any => None,
            })
    }
}

/// One walk over a value, with the pointers that still fit at every level.
#[derive(Debug)]
pub(crate) struct Walk<'p> {
    pointers: &'p Pointers,
    /// Pointer and number of its segments that are behind, for all levels from the root.
    fits: Vec<(usize, usize)>,
    /// Where each level begins in `fits`.
    levels: Vec<usize>,
}

impl<'p> Walk<'p> {
    pub(crate) fn new(pointers: &'p Pointers) -> Self {
        let mut walk = Self {
            pointers,
            fits: Vec::new(),
            levels: Vec::new(),
        };
        if !pointers.is_empty() {
            walk.levels.push(0);
            for at in 0..pointers.list.len() {
                walk.fit(0, at, 0);
            }
        }
        walk
    }

    /// Adds a fit to the level that begins at `start`; behind `**` the next segment fits as well.
    fn fit(&mut self, start: usize, pointer: usize, behind: usize) {
        // Fits of one pointer stand together, so that only its own are looked through.
        let known = |fits: &[(usize, usize)], behind| {
            let level = fits.get(start..).unwrap_or_default();
            let own = level.iter().rev().take_while(|fit| fit.0 == pointer);
            own.into_iter().any(|fit| fit.1 == behind)
        };
        if !known(&self.fits, behind) {
            self.fits.push((pointer, behind));
        }
        let segments = self.pointers.list.get(pointer).map(|it| &it.segments);
        let any = segments.and_then(|it| it.get(behind)) == Some(&Segment::Any);
        if any && !known(&self.fits, behind + 1) {
            self.fits.push((pointer, behind + 1));
        }
    }

    /// Goes to the value under a key.
    pub(crate) fn key(&mut self, key: &str) {
        self.enter(|folded| {
            if folded {
                text::fold(key)
            } else {
                Cow::Borrowed(key)
            }
        });
    }

    /// Goes to the value at an index.
    pub(crate) fn index(&mut self, index: usize) {
        self.enter(|_| Cow::Owned(index.to_string()));
    }

    fn enter<'n>(&mut self, name: impl FnOnce(bool) -> Cow<'n, str>) {
        let Some(start) = self.levels.last().copied() else {
            return;
        };
        let end = self.fits.len();
        self.levels.push(end);
        if start == end {
            return;
        }
        let name = name(self.pointers.folded);
        for at in start..end {
            let Some(&(pointer, behind)) = self.fits.get(at) else {
                continue;
            };
            let segments = self.pointers.list.get(pointer).map(|it| &it.segments);
            match segments.and_then(|it| it.get(behind)) {
                Some(Segment::Name(wanted)) if **wanted == *name => {
                    self.fit(end, pointer, behind + 1);
                }
                Some(Segment::One) => self.fit(end, pointer, behind + 1),
                Some(Segment::Any) => self.fit(end, pointer, behind),
                Some(Segment::Name(_)) | None => {}
            }
        }
    }

    /// Goes back to the value around.
    pub(crate) fn leave(&mut self) {
        if let Some(start) = self.levels.pop() {
            self.fits.truncate(start);
        }
    }

    /// The first pointer that names the place where the walk is.
    pub(crate) fn found(&self) -> Option<usize> {
        let start = self.levels.last().copied()?;
        let whole = |at: usize| self.pointers.list.get(at).map(|it| it.segments.len());
        self.fits
            .get(start..)?
            .iter()
            .filter(|(pointer, behind)| whole(*pointer) == Some(*behind))
            .map(|(pointer, _)| *pointer)
            .min()
    }
}

/// The names that rules and schemas use: a refusal may repeat these and no others.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary(BTreeSet<Box<str>>);

impl Vocabulary {
    /// Adds names.
    pub(crate) fn extend<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.0.extend(names.into_iter().map(Box::from));
    }

    /// Whether a rule uses this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// All of them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// A pointer in which unknown names are `?`, cut at 240 bytes.
    pub(crate) fn show<'s>(&self, steps: impl IntoIterator<Item = Step<'s>>) -> Box<str> {
        let mut shown = String::new();
        for step in steps {
            if shown.len() > SHOWN {
                shown.push_str("/…");
                break;
            }
            shown.push('/');
            match step {
                Step::Index(index) => shown.push_str(&index.to_string()),
                Step::Key(key) if self.knows(key) => {
                    shown.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Step::Key(_) => shown.push('?'),
            }
        }
        shown.into()
    }
}

/// One step from a value to a value inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'s> {
    Key(&'s str),
    Index(usize),
}

#[cfg(test)]
mod tests;
