//! Why a body was turned away, and where.
//!
//! Owns the closed set of faults, their codes, statuses and sentences. Holds numbers, words of the
//! operator's own rules and places, never a byte of the body: a fault may be logged and shown
//! anywhere. A key of the body is named only where the rules of the route name it too.

use std::{borrow::Cow, fmt};

use control::{ControlId, Reason};

mod words;

/// The control that judges bodies.
pub const BODY: ControlId = ControlId("schema.body");

/// A body, or a part of a request that says something, that the rules of its route refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub fault: Fault,
    /// Where it is wrong.
    pub place: Place,
}

/// Where in a message something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The body as a whole.
    Body,
    /// A byte of the body as it was sent, counted from 0.
    Byte(u64),
    /// A place in a JSON body.
    Json {
        /// Line, from 1; 0 where only the pointer is known.
        line: u64,
        /// Character of the line, from 1; 0 where only the pointer is known.
        column: u64,
        /// JSON Pointer (RFC 6901) in which a key that no rule names is `?`.
        pointer: Box<str>,
    },
    /// A character of a plain text.
    Text {
        /// Line, from 1.
        line: u64,
        /// Character of the line, from 1.
        column: u64,
    },
    /// A field of a form.
    Field {
        /// Which pair of the form, from 1; 0 for a field that is not there.
        nth: u64,
        /// Its name, where the rules name it.
        name: Option<Box<str>>,
    },
    /// A parameter of the path or the query, by the name its rule gives it.
    Parameter(Box<str>),
    /// A header field.
    Header(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => write!(to, "the body"),
            Self::Byte(at) => write!(to, "byte {at} of the body"),
            Self::Json { line, pointer, .. } if *line == 0 => write!(to, "`{pointer}`"),
            Self::Json {
                line,
                column,
                pointer,
            } => write!(to, "line {line}, column {column} (`{pointer}`)"),
            Self::Text { line, column } => write!(to, "line {line}, column {column}"),
            Self::Field { nth, name } => match (nth, name) {
                (0, Some(name)) => write!(to, "field `{name}`"),
                (nth, Some(name)) => write!(to, "field `{name}`, the {}", ordinal(*nth)),
                (nth, None) => write!(to, "the {} field", ordinal(*nth)),
            },
            Self::Parameter(name) => write!(to, "parameter `{name}`"),
            Self::Header(name) => write!(to, "{name}"),
        }
    }
}

fn ordinal(number: u64) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// What may be wrong with a body. The fields are limits of the rules and words of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no body, and the route wants one.
    Empty,
    /// There is a body, and the route wants none.
    Unexpected,
    /// More bytes than the route takes, as sent or as inflated.
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// Fewer or more bytes came than Content-Length said.
    LengthMismatch,

    /// No Content-Type.
    TypeMissing,
    /// Content-Type is not one media type (RFC 9110 section 8.3.1).
    TypeMalformed,
    /// A media type that the route does not take.
    TypeNotAllowed,
    /// A charset other than UTF-8.
    Charset,

    /// A content coding other than `gzip` and `deflate` (RFC 9110 section 8.4.1).
    CodingUnknown,
    /// More than one content coding.
    CodingNested,
    /// Not a gzip or zlib stream (RFC 1952, RFC 1950, RFC 1951).
    CodingBroken,
    /// The stream ends before its end.
    CodingCut,
    /// The checksum or the length at the end of the stream is wrong.
    CodingChecksum,
    /// Bytes, or a second stream, behind the stream.
    CodingTrailing,
    /// The stream expands more than the rules allow.
    CodingRatio {
        /// Bytes out for each byte in.
        limit: u32,
    },

    /// Not UTF-8.
    NotUtf8,
    /// A byte order mark (RFC 8259 section 8.1 forbids sending it).
    ByteOrderMark,

    /// Not JSON (RFC 8259).
    JsonSyntax {
        /// What could have stood there.
        expected: &'static str,
    },
    /// Something behind the JSON value.
    JsonTrailing,
    /// A control character in a JSON string that is not escaped.
    JsonControl,
    /// An escape that JSON does not have.
    JsonEscape,
    /// Half of a surrogate pair.
    JsonSurrogate,
    /// Two keys of one object are the same.
    JsonDuplicate,
    /// Nested too deeply.
    JsonDepth {
        /// Objects and arrays inside one another.
        limit: u64,
    },
    /// Too many values in all.
    JsonValues {
        /// Values of every kind.
        limit: u64,
    },
    /// Too many keys in all.
    JsonKeys {
        /// Keys.
        limit: u64,
    },
    /// Too many keys in one object.
    JsonObject {
        /// Keys.
        limit: u64,
    },
    /// Too many items in one array.
    JsonArray {
        /// Items.
        limit: u64,
    },
    /// A key is too long.
    JsonKey {
        /// Bytes of UTF-8, unescaped.
        limit: u64,
    },
    /// A string is too long.
    JsonString {
        /// Bytes of UTF-8, unescaped.
        limit: u64,
    },
    /// A number has too many digits.
    JsonDigits {
        /// Digits before and behind the point.
        limit: u64,
    },
    /// The exponent of a number is too far from zero.
    JsonExponent {
        /// Powers of ten.
        limit: u64,
    },
    /// A number that a double cannot hold (RFC 8259 section 6).
    JsonRange,

    /// A zero character.
    TextNul,
    /// A control character.
    TextControl,
    /// A tab where none may stand.
    TextTab,
    /// A line break in what must be one line, or a lone carriage return.
    TextLineBreak,
    /// A character that turns the direction of text (Unicode Standard Annex 9).
    TextBidi,
    /// A character that is not seen.
    TextInvisible,
    /// A code point that is never a character.
    TextNoncharacter,
    /// A code point that no known version of Unicode gives a meaning.
    TextUnassigned,
    /// A code point for private use.
    TextPrivate,
    /// Text that is not in the normal form the rule asks for (Unicode Standard Annex 15).
    TextForm {
        /// `NFC` or `NFKC`.
        form: &'static str,
    },
    /// Fewer characters than the rule asks for, white space at both ends left out.
    TextShort {
        /// Characters.
        limit: u64,
    },
    /// More characters than the rule allows.
    TextLong {
        /// Characters.
        limit: u64,
    },

    /// A field that callers may not set.
    Blocked {
        /// The rule that blocks it.
        rule: Box<str>,
    },

    /// A `%` without two hexadecimal digits.
    FormEscape,
    /// A byte that a form writes as an escape.
    FormByte,
    /// A pair without name or without `=`.
    FormPair,
    /// Too many fields.
    FormFields {
        /// Fields.
        limit: u64,
    },
    /// A name is too long.
    FormName {
        /// Bytes, decoded.
        limit: u64,
    },
    /// A value is too long.
    FormValue {
        /// Bytes, decoded.
        limit: u64,
    },
    /// A field stands twice that may stand once.
    FormDuplicate,
    /// A field that the route does not know.
    FormUnknown,
    /// A field is missing.
    FormMissing,

    /// A rule of the schema is not kept.
    Schema {
        /// The keyword of JSON Schema.
        keyword: Cow<'static, str>,
        /// What the schema allows, in the schema's own words; empty where there is nothing to say.
        limit: Box<str>,
    },

    /// A path that the API description does not have.
    ApiPath,
    /// A method that the API description does not have for this path.
    ApiMethod,
    /// A status that the API description does not have for this operation.
    ApiStatus,
    /// A parameter is missing.
    ParameterMissing,
    /// A parameter stands twice that may stand once.
    ParameterDuplicate,
    /// A query parameter that the operation does not have.
    ParameterUnknown,
    /// A parameter that cannot be decoded.
    ParameterEscape,
    /// Too many query parameters.
    ParameterCount {
        /// Parameters.
        limit: u64,
    },
}

impl Refusal {
    /// Something wrong with the body as a whole.
    #[must_use]
    pub const fn whole(fault: Fault) -> Self {
        Self {
            fault,
            place: Place::Body,
        }
    }

    /// Something wrong with a header field.
    #[must_use]
    pub(crate) const fn header(name: &'static str, fault: Fault) -> Self {
        Self {
            fault,
            place: Place::Header(name),
        }
    }

    /// The word that ledger, metrics and clients know this fault by.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.fault.words().code
    }

    /// The HTTP status of the answer: 400 for what is not readable, 413 for what is too large, 415
    /// for a type or coding that is not taken, 422 for what is readable and not allowed.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.fault.words().status
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, place } = self;
        if *place == Place::Body {
            write!(to, "{fault}")
        } else {
            write!(to, "{place}: {fault}")
        }
    }
}

impl std::error::Error for Refusal {}

impl From<&Refusal> for control::Refusal {
    fn from(refusal: &Refusal) -> Self {
        let words = refusal.fault.words();
        Self::new(BODY, words.status, words.public, Reason(words.code))
    }
}

#[cfg(test)]
mod tests;
