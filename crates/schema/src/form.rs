//! Forms: `application/x-www-form-urlencoded` (WHATWG URL section 5), strictly.
//!
//! Owns the grammar, the list of known fields and their text rules. Refuses what readers of forms
//! differ about: names that stand twice, pairs without `=`, empty pairs, raw semicolons (which some
//! take for `&`), and bytes that a browser would have escaped.

use crate::{
    load::{LoadError, within},
    pointer::{Pointers, Vocabulary, Walk},
    refusal::{Fault, Place, Refusal},
    text::TextRules,
};

/// Most fields that any rules may allow.
pub const MOST_FIELDS: usize = 10_000;

/// Bounds on the shape of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormLimits {
    /// Fields, 1 to [`MOST_FIELDS`].
    pub fields: usize,
    /// Bytes of a name, decoded.
    pub name: usize,
    /// Bytes of a value, decoded.
    pub value: usize,
}

impl FormLimits {
    /// Enough for what people fill in.
    pub const DEFAULT: Self = Self {
        fields: 200,
        name: 128,
        value: 65_536,
    };
}

/// A field that the route knows.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name, exactly as it stands in the form once decoded.
    pub name: Box<str>,
    /// Whether the form must have it.
    pub required: bool,
    /// Whether it may stand more than once, as boxes to tick do.
    pub repeats: bool,
    /// What its value may hold.
    pub text: TextRules,
}

/// What a form may say.
#[derive(Clone, Debug)]
pub struct FormRules {
    limits: FormLimits,
    text: TextRules,
    fields: Vec<Field>,
    unknown: bool,
    blocked: Pointers,
    vocabulary: Vocabulary,
}

impl FormRules {
    /// Rules with these limits, where values keep `text` and every field is welcome, once.
    ///
    /// # Errors
    ///
    /// No field, or more than [`MOST_FIELDS`].
    pub fn new(limits: FormLimits, text: TextRules) -> Result<Self, LoadError> {
        within("fields", limits.fields, 1, MOST_FIELDS)?;
        Ok(Self {
            limits,
            text,
            fields: Vec::new(),
            unknown: true,
            blocked: Pointers::default(),
            vocabulary: Vocabulary::default(),
        })
    }

    /// The same rules with known fields; `unknown` says whether others may stand beside them.
    ///
    /// # Errors
    ///
    /// A name that stands twice.
    pub fn with_fields(mut self, fields: Vec<Field>, unknown: bool) -> Result<Self, LoadError> {
        for (at, field) in fields.iter().enumerate() {
            if fields.iter().skip(at + 1).any(|it| it.name == field.name) {
                return Err(LoadError::Twice {
                    what: "field",
                    name: field.name.clone(),
                });
            }
        }
        self.vocabulary
            .extend(fields.iter().map(|field| &*field.name));
        self.fields = fields;
        self.unknown = unknown;
        self.consistent()
    }

    /// The same rules with fields whose presence refuses the form. They are pointers, because apps
    /// make objects of names: `/user/role` is `user[role]` as well as `user.role`. Names are
    /// compared by [`crate::text::fold`].
    ///
    /// # Errors
    ///
    /// A pointer that is none, or too many.
    pub fn with_blocked<'a>(
        mut self,
        pointers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, LoadError> {
        let pointers: Vec<&str> = pointers.into_iter().collect();
        self.vocabulary
            .extend(Pointers::exact(pointers.iter().copied())?.names());
        self.blocked = Pointers::folded(pointers)?;
        self.consistent()
    }

    fn consistent(self) -> Result<Self, LoadError> {
        let clash = self
            .fields
            .iter()
            .find(|field| self.blocking(&field.name).is_some());
        match clash {
            Some(field) => Err(LoadError::KnownAndBlocked(field.name.clone())),
            None => Ok(self),
        }
    }

    /// The rule that blocks a name.
    fn blocking(&self, name: &str) -> Option<&str> {
        if self.blocked.is_empty() {
            return None;
        }
        let mut walk = Walk::new(&self.blocked);
        // A rule blocks the field and all that lies in it, for the app makes one object of it.
        let segments = name
            .split(['[', '.'])
            .map(|it| it.trim_end_matches(']').trim());
        let found = segments.filter(|it| !it.is_empty()).find_map(|segment| {
            walk.key(segment);
            walk.found()
        });
        found.map(|found| self.blocked.written(found))
    }

    /// Judges a whole form.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong; missing fields come last.
    pub fn judge(&self, body: &[u8]) -> Result<(), Refusal> {
        self.read(body).map(|_| ())
    }

    /// Judges a whole form and gives its fields, in their order.
    pub(crate) fn read(&self, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        if !body.is_empty() {
            for (at, pair) in body.split(|byte| *byte == b'&').enumerate() {
                if at >= self.limits.fields {
                    let limit = crate::count(self.limits.fields);
                    return Err(Refusal::whole(Fault::FormFields { limit }));
                }
                pairs.push(self.pair(pair, crate::count(at + 1))?);
            }
        }
        self.repeated(&pairs)?;
        for field in self.fields.iter().filter(|field| field.required) {
            if !pairs.iter().any(|(name, _)| **name == *field.name) {
                return Err(Refusal {
                    fault: Fault::FormMissing,
                    place: Place::Field {
                        nth: 0,
                        name: Some(field.name.clone()),
                    },
                });
            }
        }
        Ok(pairs)
    }

    /// Judges one pair and gives its name and value.
    fn pair(&self, pair: &[u8], nth: u64) -> Result<(String, String), Refusal> {
        let unnamed = |fault| Refusal {
            fault,
            place: Place::Field { nth, name: None },
        };
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = equals
            .and_then(|at| Some((pair.get(..at)?, pair.get(at + 1..)?)))
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| unnamed(Fault::FormPair))?;
        let name =
            decode(name, self.limits.name, |limit| Fault::FormName { limit }).map_err(unnamed)?;
        let named = |fault| self.named(fault, nth, &name);
        TextRules::LINE
            .check(&name)
            .map_err(|(fault, _)| named(fault))?;
        if let Some(rule) = self.blocking(&name) {
            return Err(named(Fault::Blocked { rule: rule.into() }));
        }
        let field = self.fields.iter().find(|field| *field.name == *name);
        if field.is_none() && !self.unknown {
            return Err(named(Fault::FormUnknown));
        }
        let value =
            decode(value, self.limits.value, |limit| Fault::FormValue { limit }).map_err(named)?;
        let text = field.map_or(&self.text, |field| &field.text);
        text.check(&value).map_err(|(fault, _)| named(fault))?;
        Ok((name, value))
    }

    fn named(&self, fault: Fault, nth: u64, name: &str) -> Refusal {
        let name = self.vocabulary.knows(name).then(|| name.into());
        Refusal {
            fault,
            place: Place::Field { nth, name },
        }
    }

    /// Finds a name that stands twice and may not.
    fn repeated(&self, pairs: &[(String, String)]) -> Result<(), Refusal> {
        let mut sorted: Vec<(&str, usize)> = pairs
            .iter()
            .map(|(name, _)| name.as_str())
            .zip(1..)
            .collect();
        sorted.sort_unstable();
        let twin = sorted
            .array_windows()
            .filter(|[(one, _), (other, _)]| one == other)
            .filter(|[(name, _), _]| {
                let field = self.fields.iter().find(|field| *field.name == **name);
                !field.is_some_and(|field| field.repeats)
            })
            .map(|[_, (name, nth)]| (*nth, *name))
            .min();
        match twin {
            Some((nth, name)) => Err(self.named(Fault::FormDuplicate, crate::count(nth), name)),
            None => Ok(()),
        }
    }
}

/// `+` is a space and `%XX` a byte. Raw bytes must be printable ASCII, and no semicolon.
fn decode(raw: &[u8], limit: usize, too_long: impl Fn(u64) -> Fault) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(raw.len().min(limit.saturating_add(1)));
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        if bytes.len() == limit {
            return Err(too_long(crate::count(limit)));
        }
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = digit(rest.next()).zip(digit(rest.next()));
                let (high, low) = pair.ok_or(Fault::FormEscape)?;
                high << 4 | low
            }
            b';' | 0..=b' ' | 0x7f.. => return Err(Fault::FormByte),
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
