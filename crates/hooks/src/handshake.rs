//! Questions that a provider asks of an endpoint before, or while, it delivers.
//!
//! Owns the rules of a scheme file that say which request is such a question, and the answer to it.
//! Refuses values that could be more than a value: one that is echoed is a line of visible ASCII,
//! one that is put under a key is of letters and digits, so that nobody gets a body signed by asking
//! for it. Trusts a scheme's lint for what may go unsigned.

use std::borrow::Cow;

use seal::encode;
use serde::Deserialize;

use crate::{
    delivery::Delivery,
    key::{Key, Material},
    reading,
    refusal::SignatureRefusal,
    scheme::Place,
};

/// Most bytes of a value that is sent back.
pub const MAX_VALUE: usize = 1024;

/// One question and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Handshake {
    /// Its name, for people.
    pub name: String,
    /// The method it comes with.
    pub method: String,
    /// Whether it is signed as a delivery is.
    pub signed: bool,
    /// What makes a request this question: all of it.
    #[serde(default)]
    pub when: Vec<Fact>,
    /// Where a token stands that only the provider and the operator know.
    #[serde(default)]
    pub token: Option<Place>,
    /// The value it wants back.
    #[serde(default)]
    pub value: Option<Place>,
    /// Status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Media type of the answer; absent where it has no body.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The answer's body, in order.
    #[serde(default)]
    pub body: Vec<Part>,
}

const fn ok() -> u16 {
    200
}

/// A place and what stands there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fact {
    /// The place.
    pub at: Place,
    /// The value; absent means any.
    #[serde(default)]
    pub is: Option<String>,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Fixed text.
    Lit(String),
    /// The value, as it stands.
    Value,
    /// HMAC-SHA256 of the value under the source's secret, in lower-case hexadecimal.
    HmacHex,
    /// The same in base64.
    HmacBase64,
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status, 200 to 299.
    pub status: u16,
    /// Media type of the body; absent where there is none.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Handshake {
    /// Whether a part of its answer is made with the source's secret.
    #[must_use]
    pub fn uses_secret(&self) -> bool {
        self.body
            .iter()
            .any(|part| matches!(part, Part::HmacHex | Part::HmacBase64))
    }

    /// Whether `delivery` is this question.
    fn is_asked(&self, delivery: &Delivery<'_>) -> Result<bool, SignatureRefusal> {
        if self.method != delivery.method {
            return Ok(false);
        }
        for fact in &self.when {
            // A delivery whose body is no JSON is not asking for anything in JSON.
            let found = match (reading::value(delivery, &fact.at), &fact.at) {
                (Err(_), Place::Json(_)) => None,
                (found, _) => found?,
            };
            let holds = match (&found, &fact.is) {
                (Some(found), Some(wanted)) => **found == *wanted.as_bytes(),
                (found, None) => found.is_some(),
                (None, Some(_)) => false,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn value<'a>(&self, delivery: &Delivery<'a>) -> Result<Cow<'a, [u8]>, SignatureRefusal> {
        let Some(place) = &self.value else {
            return Ok(Cow::Borrowed(b""));
        };
        let value = reading::value(delivery, place)?.ok_or(SignatureRefusal::Missing)?;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
        // In JSON a quotation mark or a backslash would end the text it is put into.
        let visible = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\<>&".contains(byte);
        let good = if self.uses_secret() {
            value.iter().all(plain)
        } else {
            value.iter().all(visible)
        };
        if good && (1..=MAX_VALUE).contains(&value.len()) {
            Ok(value)
        } else {
            Err(SignatureRefusal::Malformed)
        }
    }

    fn answer(&self, keys: &[Key], delivery: &Delivery<'_>) -> Result<Answer, SignatureRefusal> {
        let value = self.value(delivery)?;
        let mut body = Vec::new();
        for part in &self.body {
            match part {
                Part::Lit(text) => body.extend_from_slice(text.as_bytes()),
                Part::Value => body.extend_from_slice(&value),
                Part::HmacHex => body.extend(encode::hex(&tag(keys, &value)?).into_bytes()),
                Part::HmacBase64 => body.extend(encode::base64(&tag(keys, &value)?).into_bytes()),
            }
        }
        Ok(Answer {
            status: self.status,
            content_type: self.content_type.clone(),
            body,
        })
    }
}

/// The value under the first key, which is the one in use; those behind it are on their way out.
fn tag(keys: &[Key], value: &[u8]) -> Result<Vec<u8>, SignatureRefusal> {
    match keys.first().map(Key::material) {
        Some(Material::Hmac(key)) => Ok(key.sign(&[value]).as_bytes().to_vec()),
        _ => Err(SignatureRefusal::NoSecret),
    }
}

/// The answer to `delivery`, if it is one of `questions` that go unsigned, or of those that are signed,
/// as `signed` says. Every token is compared, in constant time.
pub(crate) fn answer(
    questions: &[Handshake],
    signed: bool,
    keys: &[Key],
    tokens: &[control::Secret],
    delivery: &Delivery<'_>,
) -> Result<Option<Answer>, SignatureRefusal> {
    for question in questions
        .iter()
        .filter(|question| question.signed == signed)
    {
        if !question.is_asked(delivery)? {
            continue;
        }
        if let Some(place) = &question.token {
            let given = reading::value(delivery, place)?.ok_or(SignatureRefusal::Missing)?;
            let mut fits = false;
            for token in tokens {
                fits |= seal::equal(token.expose(), &given);
            }
            if !fits {
                return Err(SignatureRefusal::Mismatch);
            }
        }
        return question.answer(keys, delivery).map(Some);
    }
    Ok(None)
}
