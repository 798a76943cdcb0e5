//! All that a route says about bodies, and the judging of one.
//!
//! Owns the choice between the kinds of body a route takes, by media type, and the rules for the
//! app's answers. A route that takes several kinds says so once for each media type.

use std::sync::Arc;

use crate::{
    document::Schema,
    form::FormRules,
    intake::Sizes,
    json::JsonRules,
    load::LoadError,
    media::MediaType,
    refusal::{Fault, Place, Refusal},
    text::TextRules,
};

/// One kind of body that a route takes.
#[derive(Clone, Debug)]
pub enum Body {
    /// JSON (RFC 8259).
    Json {
        /// Media types; usually `application/json` alone.
        types: Vec<MediaType>,
        /// Grammar, limits, text and blocked fields.
        rules: JsonRules,
        /// A schema on top of them.
        schema: Option<Arc<Schema>>,
    },
    /// `application/x-www-form-urlencoded`.
    Form {
        /// Its rules.
        rules: FormRules,
    },
    /// Plain text.
    Text {
        /// Media types; usually `text/plain` alone.
        types: Vec<MediaType>,
        /// Its rules.
        rules: TextRules,
    },
    /// Bytes that are not read: type and size are all that is judged.
    Any {
        /// Media types.
        types: Vec<MediaType>,
    },
}

/// What a judged body was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No body.
    None,
    /// [`Body::Json`].
    Json,
    /// [`Body::Form`].
    Form,
    /// [`Body::Text`].
    Text,
    /// [`Body::Any`].
    Any,
}

/// Proof that a body was judged and let through. Only the judging makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    kind: Kind,
}

impl Judged {
    /// What it was taken for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The proof, for the parts of this crate that judge.
    pub(crate) const fn of(kind: Kind) -> Self {
        Self { kind }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Body {
    /// JSON of the one usual media type.
    ///
    /// # Errors
    ///
    /// None: the signature is that of its siblings.
    pub fn json(mut rules: JsonRules, schema: Option<Arc<Schema>>) -> Result<Self, LoadError> {
        if let Some(schema) = &schema {
            rules.vocabulary.extend(schema.names());
        }
        let types = vec![MediaType::new("application/json")?];
        Ok(Self::Json {
            types,
            rules,
            schema,
        })
    }

    /// Text of the one usual media type.
    ///
    /// # Errors
    ///
    /// None: the signature is that of its siblings.
    pub fn text(rules: TextRules) -> Result<Self, LoadError> {
        let types = vec![MediaType::new("text/plain")?];
        Ok(Self::Text { types, rules })
    }

    fn takes(&self, sent: &MediaType) -> bool {
        match self {
            Self::Json { types, .. } | Self::Text { types, .. } | Self::Any { types } => {
                types.iter().any(|media| media.covers(sent))
            }
            Self::Form { .. } => sent.as_str() == FORM,
        }
    }

    fn judge(&self, body: &[u8]) -> Result<Judged, Refusal> {
        let kind = match self {
            Self::Json { rules, schema, .. } => {
                rules.judge(body)?;
                if let Some(schema) = schema {
                    schema.judge_read(body)?;
                }
                Kind::Json
            }
            Self::Form { rules } => {
                rules.judge(body)?;
                Kind::Form
            }
            Self::Text { rules, .. } => {
                judge_text(rules, body)?;
                Kind::Text
            }
            Self::Any { .. } => Kind::Any,
        };
        Ok(Judged::of(kind))
    }
}

/// Judges a whole body of plain text.
fn judge_text(rules: &TextRules, body: &[u8]) -> Result<(), Refusal> {
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(Refusal {
            fault: Fault::ByteOrderMark,
            place: Place::Byte(0),
        });
    }
    let text = std::str::from_utf8(body).map_err(|error| Refusal {
        fault: Fault::NotUtf8,
        place: Place::Byte(crate::count(error.valid_up_to())),
    })?;
    rules.check(text).map_err(|(fault, at)| {
        let (line, column) = crate::line_and_column(text, at);
        let place = match fault {
            Fault::TextShort { .. } | Fault::TextLong { .. } | Fault::TextForm { .. } => {
                Place::Body
            }
            _ => Place::Text { line, column },
        };
        Refusal { fault, place }
    })
}

/// What a route takes.
#[derive(Clone, Debug)]
pub struct Rules {
    sizes: Sizes,
    empty: bool,
    bodies: Vec<Body>,
}

impl Rules {
    /// Rules for a route that takes these kinds of body; `empty` says whether none is as good.
    ///
    /// # Errors
    ///
    /// No kind at all, which [`Rules::none`] says better, or two kinds of one media type.
    pub fn new(sizes: Sizes, empty: bool, bodies: Vec<Body>) -> Result<Self, LoadError> {
        if bodies.is_empty() {
            return Err(LoadError::NoBody);
        }
        for (at, body) in bodies.iter().enumerate() {
            let types: &[MediaType] = match body {
                Body::Json { types, .. } | Body::Text { types, .. } | Body::Any { types } => types,
                Body::Form { .. } => &[MediaType::new(FORM)?],
            };
            if types.is_empty() {
                return Err(LoadError::NoBody);
            }
            let others = bodies.iter().skip(at + 1);
            for media in types {
                if others.clone().any(|other| other.takes(media)) {
                    return Err(LoadError::Twice {
                        what: "media type",
                        name: media.as_str().into(),
                    });
                }
            }
        }
        Ok(Self {
            sizes,
            empty,
            bodies,
        })
    }

    /// Rules for a route that takes no body.
    #[must_use]
    pub const fn none() -> Self {
        let sizes = Sizes {
            sent: 0,
            inflated: None,
        };
        Self {
            sizes,
            empty: true,
            bodies: Vec::new(),
        }
    }

    /// The bounds for taking a body in.
    #[must_use]
    pub const fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Judges a whole body, already inflated. `content_type` is the header field as it stands.
    ///
    /// # Errors
    ///
    /// The first thing that the rules refuse.
    pub fn judge(&self, content_type: Option<&[u8]>, body: &[u8]) -> Result<Judged, Refusal> {
        if self.bodies.is_empty() && !body.is_empty() {
            return Err(Refusal::whole(Fault::Unexpected));
        }
        if body.is_empty() {
            // A form or a text without a character is a body; JSON without one is not.
            let fits = content_type
                .map(|value| MediaType::parse(Some(value)))
                .transpose()?;
            let empty = fits
                .and_then(|media| self.find(&media))
                .filter(|body| matches!(body, Body::Form { .. } | Body::Text { .. }));
            return match empty {
                _ if self.empty => Ok(Judged::of(Kind::None)),
                Some(kind) => kind.judge(body),
                None => Err(Refusal::whole(Fault::Empty)),
            };
        }
        let media = MediaType::parse(content_type)?;
        let found = self.find(&media);
        let not_allowed = Refusal::header("Content-Type", Fault::TypeNotAllowed);
        found.ok_or(not_allowed)?.judge(body)
    }

    fn find(&self, media: &MediaType) -> Option<&Body> {
        self.bodies.iter().find(|body| body.takes(media))
    }
}

#[cfg(test)]
mod tests;
