//! The inverse of verification, for tests, the command line and `prove`.
//!
//! Owns the making of a delivery as a provider would make it. Signing and verifying share the
//! message builder and so share its bugs: what shows that both are right are the vectors in
//! `tests/vectors.rs`, which were made elsewhere.

mod body;

use control::{Secret, Timestamp};
use seal::{encode, jws::sign_hs256};

use crate::{
    delivery::Delivery,
    form,
    key::{Key, KeyFault, Material},
    message::{self, Message},
    reading,
    refusal::SignatureRefusal,
    scheme::{Atom, Encoding, Freshness, Param, Place, Scheme, Unit, Variant, Way},
    token,
};

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// Method it will be sent with.
    pub method: &'a str,
    /// The public URL of the receiving deployment, without a path.
    pub public_url: &'a str,
    /// Target it will be sent to: an absolute path with its query.
    pub target: &'a str,
    /// Media type it will be sent with; absent means the one the scheme asks for, if any.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// Identity of the message, for schemes that sign one.
    pub id: &'a str,
    /// When it is sent.
    pub at: Timestamp,
}

/// A signed delivery, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Target to send it to; a digest of the body may have been added to its query.
    pub target: String,
    /// Headers to send with it, content type included where there is one.
    pub headers: Vec<(String, String)>,
    /// The body to send instead, where the scheme writes a time or the signature into it.
    pub body: Option<Vec<u8>>,
}

/// A delivery cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignFault {
    /// The secret is not one this scheme signs with.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// No shape of delivery of this scheme has this content type.
    #[error("this scheme has no delivery with this content type")]
    NoVariant,
    /// The scheme writes into the body, and this one is no JSON object that could take it.
    #[error("this scheme writes into the body, which must be a JSON object")]
    Body,
    /// The delivery is not of a shape this scheme signs.
    #[error("the delivery cannot be signed: {0}")]
    Unfit(#[from] SignatureRefusal),
}

/// Signs with `secret` as the provider of `scheme` would.
pub fn sign(scheme: &Scheme, secret: &Secret, signing: &Signing<'_>) -> Result<Signed, SignFault> {
    let key = Key::signing(scheme, secret)?;
    let way = scheme.way.get(key.way()).ok_or(KeyFault::NotAKey)?;
    let variant = variant(scheme, signing).ok_or(SignFault::NoVariant)?;
    let mut signed = Signed {
        target: with_digest(signing, variant)?,
        headers: Vec::new(),
        body: None,
    };
    let content_type = signing.content_type.or(variant.content_type.as_deref());
    if let Some(content_type) = content_type {
        signed.put("Content-Type", content_type);
    }
    let time = scheme.freshness.iter().map(|freshness| &freshness.from);
    let signed_places: Vec<Place> = variant.message.iter().filter_map(Atom::place).collect();
    for place in time.chain(&signed_places) {
        let value = || field(scheme.freshness.as_ref(), place, signing);
        match place {
            Place::Header(name) => signed.put(name, &value()),
            Place::Param(param) => signed.put_param(param, &value()),
            Place::Json(pointer) if needed(variant, pointer, signed.body(signing))? => {
                signed.write(signing, pointer, &value())?;
            }
            // What stands in the target is the caller's, and in the body what is there already.
            Place::Query(_) | Place::Json(_) => {}
        }
    }
    let text = match (&scheme.token, key.material()) {
        (Some(rule), Material::Token { signs, .. }) => {
            let url = format!(
                "{}{}",
                signing.public_url.trim_end_matches('/'),
                signed.target
            );
            let claims = token::claims(rule, &url, signing.body, signing.id, signing.at);
            format!("{}{}", rule.prefix, sign_hs256(signs, "vouchsafe", &claims))
        }
        _ => signed.seal(signing, variant, way, &key)?,
    };
    let version = way.version.as_deref();
    let version = version.zip(scheme.signature.version_separator);
    let version = version.map_or(String::new(), |(version, at)| format!("{version}{at}"));
    let written = format!("{version}{}{text}", way.prefix);
    match &scheme.signature.from {
        Place::Header(name) => signed.join(name, scheme.signature.separator, &written),
        Place::Param(param) => signed.put_param(param, &written),
        Place::Query(name) => {
            let joint = if signed.target.contains('?') {
                '&'
            } else {
                '?'
            };
            let written = in_query(&written);
            signed.target = format!("{}{joint}{name}={written}", signed.target);
        }
        Place::Json(pointer) => signed.write(signing, pointer, &written)?,
    }
    Ok(signed)
}

/// Whether a value must be put into the body for a delivery to be whole.
fn needed(variant: &Variant, pointer: &str, body: &[u8]) -> Result<bool, SignatureRefusal> {
    let optional = Atom::JsonOrEmpty(pointer.to_owned());
    Ok(!variant.message.contains(&optional) && reading::json(body, pointer)?.is_none())
}

/// A value as it is written in a query: what `form` would read as something else is escaped.
fn in_query(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => {
                text.push('%');
                text.push_str(&encode::hex(&[byte]).to_ascii_uppercase());
            }
        }
    }
    text
}

impl Signed {
    /// The body as it will be sent.
    fn body<'a>(&'a self, signing: &Signing<'a>) -> &'a [u8] {
        self.body.as_deref().unwrap_or(signing.body)
    }

    /// Writes a value into the body.
    fn write(&mut self, signing: &Signing<'_>, at: &str, text: &str) -> Result<(), SignFault> {
        let written = body::put(self.body(signing), at, text).ok_or(SignFault::Body)?;
        self.body = Some(written);
        Ok(())
    }

    /// Adds a header that is not there yet.
    fn put(&mut self, name: &str, value: &str) {
        if !self
            .headers
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Adds `name=value` to a header that is a list of them.
    fn put_param(&mut self, param: &Param, value: &str) {
        let entry = format!("{}={value}", param.name);
        let has = |(name, text): &(String, String)| {
            name.eq_ignore_ascii_case(&param.header)
                && text.split(param.separator).any(|old| {
                    old.split_once('=')
                        .is_some_and(|(name, _)| name == param.name)
                })
        };
        if !self.headers.iter().any(has) {
            self.join(&param.header, Some(param.separator), &entry);
        }
    }

    /// Adds an entry to a header that is a list, or the header.
    fn join(&mut self, header: &str, separator: Option<char>, entry: &str) {
        let list = self
            .headers
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(header));
        match (list, separator) {
            (Some((_, list)), Some(separator)) => {
                list.push(separator);
                list.push_str(entry);
            }
            _ => self.put(header, entry),
        }
    }

    /// The encoded signature over this delivery as it stands.
    fn seal(
        &self,
        signing: &Signing<'_>,
        variant: &Variant,
        way: &Way,
        key: &Key,
    ) -> Result<String, SignFault> {
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let delivery = Delivery {
            method: signing.method,
            public_url: signing.public_url,
            target: self.target.as_bytes(),
            headers: &headers,
            body: self.body(signing),
            now: signing.at,
        };
        let message = Message::of(&variant.message, &delivery)?;
        let [head, _] = message::url_heads(signing.public_url);
        let parts = message.parts(head.as_bytes());
        let bytes = match key.material() {
            Material::Hmac(secret) => secret.sign(&parts).as_bytes().to_vec(),
            Material::Private(private) => private
                .sign(&parts.concat())
                .ok_or(SignFault::Key(KeyFault::NotAKey))?,
            Material::Static(secret) => secret.expose().to_vec(),
            Material::Public(_) => return Err(KeyFault::PublicHalf.into()),
            Material::Token { .. } => return Err(KeyFault::NotAKey.into()),
        };
        match way.encoding {
            Encoding::Hex => Ok(encode::hex(&bytes)),
            Encoding::Base64 => Ok(encode::base64(&bytes)),
            Encoding::Base64Url => Ok(encode::base64url(&bytes)),
            Encoding::Utf8 => String::from_utf8(bytes).map_err(|_| KeyFault::NotAKey.into()),
        }
    }
}

/// The variant that goes with a content type; the first where none is given.
fn variant<'s>(scheme: &'s Scheme, signing: &Signing<'_>) -> Option<&'s Variant> {
    let media_type = signing
        .content_type
        .map(|text| text.split(';').next().unwrap_or(text).trim());
    scheme
        .variant
        .iter()
        .find(|variant| match (&variant.content_type, media_type) {
            (Some(wanted), Some(given)) => wanted.eq_ignore_ascii_case(given),
            _ => true,
        })
}

/// The target, with the body's digest where the variant wants it in the query and it is not there.
/// Fails where whoever verifies would not look through the query.
fn with_digest(signing: &Signing<'_>, variant: &Variant) -> Result<String, SignatureRefusal> {
    let target = signing.target;
    let Some((name, encoding)) = variant.body_digest.as_ref().and_then(|d| match &d.from {
        Place::Query(name) => Some((name, d.encoding)),
        Place::Header(_) | Place::Param(_) | Place::Json(_) => None,
    }) else {
        return Ok(target.to_owned());
    };
    if form::query(target.as_bytes(), name)?.is_some() {
        return Ok(target.to_owned());
    }
    let digest = seal::sha256(signing.body);
    let written = match encoding {
        // Padding and `+` of base64 would be read as something else in a query.
        Encoding::Base64 => encode::base64(&digest)
            .replace('+', "%2B")
            .replace('=', "%3D"),
        Encoding::Base64Url => encode::base64url(&digest),
        Encoding::Hex | Encoding::Utf8 => encode::hex(&digest),
    };
    let joint = if target.contains('?') { '&' } else { '?' };
    let target = format!("{target}{joint}{name}={written}");
    form::query(target.as_bytes(), name)?;
    Ok(target)
}

/// The value of a signed place: the time where it is the one that says it, else the identity.
fn field(freshness: Option<&Freshness>, place: &Place, signing: &Signing<'_>) -> String {
    let of_time = |freshness: &&Freshness| match (&freshness.from, place) {
        (Place::Header(a), Place::Header(b)) => a.eq_ignore_ascii_case(b),
        (a, b) => a == b,
    };
    match freshness.filter(of_time).map(|freshness| freshness.unit) {
        Some(Unit::Seconds) => signing.at.seconds().to_string(),
        Some(Unit::Milliseconds) => signing.at.millis().to_string(),
        Some(Unit::Rfc3339) => signing.at.to_string(),
        Some(Unit::Rfc3339NoZone) => signing.at.to_string().trim_end_matches('Z').to_owned(),
        None => signing.id.to_owned(),
    }
}
