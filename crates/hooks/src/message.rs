//! The bytes a provider signed, rebuilt from a delivery.
//!
//! Owns the choice of a variant, the message it makes and the two ways of writing the public URL.
//! Refuses values that would let one signed text be read as two different deliveries. Trusts the
//! configured public URL; copies no body.

use std::borrow::Cow;

use crate::{
    delivery::Delivery,
    form, reading,
    refusal::SignatureRefusal,
    scheme::{Atom, Scheme, Unit, Variant},
    verify::moment,
};

/// A signed message in pieces; the head of its URL is put in later, for it is tried in two ways.
pub(crate) struct Message<'a>(Vec<Piece<'a>>);

enum Piece<'a> {
    Bytes(Cow<'a, [u8]>),
    UrlHead,
}

impl<'a> Message<'a> {
    /// The message `atoms` make of `delivery`.
    pub(crate) fn of(atoms: &'a [Atom], delivery: &Delivery<'a>) -> Result<Self, SignatureRefusal> {
        let mut pieces = Vec::with_capacity(atoms.len() + 1);
        for (at, atom) in atoms.iter().enumerate() {
            let bytes = match atom {
                Atom::Lit(text) => Cow::Borrowed(text.as_bytes()),
                Atom::Header(_) | Atom::Query(_) | Atom::Param(_) | Atom::Json(_) => {
                    present(placed(delivery, atom, atoms.get(at + 1))?)?
                }
                Atom::JsonOrEmpty(_) => placed(delivery, atom, atoms.get(at + 1))?,
                Atom::Body => Cow::Borrowed(delivery.body),
                Atom::Method => Cow::Borrowed(delivery.method.as_bytes()),
                Atom::Url => {
                    if delivery.target.first() != Some(&b'/') {
                        return Err(SignatureRefusal::Malformed);
                    }
                    pieces.push(Piece::UrlHead);
                    Cow::Borrowed(delivery.target)
                }
                Atom::SortedForm => Cow::Owned(form::sorted(delivery.body)?),
                Atom::BodySha256Hex => {
                    Cow::Owned(seal::encode::hex(&seal::sha256(delivery.body)).into_bytes())
                }
                Atom::BodySha256Base64 => {
                    Cow::Owned(seal::encode::base64(&seal::sha256(delivery.body)).into_bytes())
                }
            };
            pieces.push(Piece::Bytes(bytes));
        }
        Ok(Self(pieces))
    }

    /// The pieces in order, with `head` in front of the target.
    pub(crate) fn parts<'s>(&'s self, head: &'s [u8]) -> Vec<&'s [u8]> {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Bytes(bytes) => bytes.as_ref(),
                Piece::UrlHead => head,
            })
            .collect()
    }

    /// Whether the public URL is part of it.
    pub(crate) fn has_url(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::UrlHead))
    }
}

/// The value of an atom that is a place, empty where nothing stands there. It does not contain the
/// delimiter behind it: with `id.time.body`, an id of `a.1700000000` would let the front of a body
/// pass as the time.
fn placed<'a>(
    delivery: &Delivery<'a>,
    atom: &Atom,
    next: Option<&Atom>,
) -> Result<Cow<'a, [u8]>, SignatureRefusal> {
    let place = atom.place().ok_or(SignatureRefusal::Malformed)?;
    let value = reading::value(delivery, &place)?.unwrap_or_default();
    if let Some(Atom::Lit(text)) = next
        && !is_whole_moment(&value, text)
        && value
            .windows(text.len().max(1))
            .any(|window| window == text.as_bytes())
    {
        return Err(SignatureRefusal::Malformed);
    }
    Ok(value)
}

/// Whether a value is a moment that can only end where it ends, so that what it has of the delimiter
/// is no boundary: RFC 3339 ends with its zone, and without one its colons are all before the last
/// seconds.
fn is_whole_moment(value: &[u8], delimiter: &str) -> bool {
    let is = |unit| moment(value, unit).is_some();
    is(Unit::Rfc3339) || (delimiter == ":" && is(Unit::Rfc3339NoZone))
}

fn present(value: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, SignatureRefusal> {
    if value.is_empty() {
        return Err(SignatureRefusal::Missing);
    }
    Ok(value)
}

/// The variant `delivery` is of. What decides is signed; the media type only has to agree.
pub(crate) fn variant<'s>(
    scheme: &'s Scheme,
    delivery: &Delivery<'_>,
) -> Result<&'s Variant, SignatureRefusal> {
    let mut chosen = None;
    for variant in &scheme.variant {
        if has_query_facts(variant, delivery)? {
            chosen = Some(variant);
            break;
        }
    }
    let chosen = chosen.ok_or(SignatureRefusal::Malformed)?;
    if !chosen.methods.is_empty() && !chosen.methods.iter().any(|m| m == delivery.method) {
        return Err(SignatureRefusal::WrongMethod);
    }
    let sent = delivery.header("content-type")?.map(media_type);
    if chosen.content_type.is_none() || is_of(chosen, sent) {
        return Ok(chosen);
    }
    // It looks like a shape whose body is bound by a digest, and the digest is not there.
    let unbound = scheme
        .variant
        .iter()
        .any(|other| other.body_digest.is_some() && is_of(other, sent));
    Err(if unbound {
        SignatureRefusal::BodyDigestMissing
    } else {
        SignatureRefusal::WrongContentType
    })
}

fn has_query_facts(variant: &Variant, delivery: &Delivery<'_>) -> Result<bool, SignatureRefusal> {
    for name in &variant.with_query {
        if form::query(delivery.target, name)?.is_none() {
            return Ok(false);
        }
    }
    for name in &variant.without_query {
        if form::query(delivery.target, name)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_of(variant: &Variant, sent: Option<&[u8]>) -> bool {
    match (&variant.content_type, sent) {
        (Some(wanted), Some(sent)) => wanted.as_bytes().eq_ignore_ascii_case(sent),
        _ => false,
    }
}

/// A media type without its parameters.
fn media_type(value: &[u8]) -> &[u8] {
    form::split_once(value, b';')
        .map_or(value, |(before, _)| before)
        .trim_ascii()
}

/// Ways a provider may have written `public_url` when it signed: as configured first, then with
/// the port it left out or without the port it has.
///
/// Twilio's libraries try both because its own senders differ (twilio-node `validateRequest`).
pub(crate) fn url_heads(public_url: &str) -> [String; 2] {
    let configured = public_url.trim_end_matches('/');
    let (scheme, rest) = configured.split_once("://").unwrap_or(("", configured));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, host) = authority.split_at(host_at);
    // In `[::1]:8080` only the colon behind the bracket starts a port.
    let name_end = host.rfind(']').map_or(0, |at| at + 1);
    let port_at = host
        .get(name_end..)
        .and_then(|tail| tail.find(':'))
        .map(|at| at + name_end);
    let other = match port_at.and_then(|at| host.get(..at)) {
        Some(name) => format!("{scheme}://{user}{name}{path}"),
        None => {
            let port = if scheme.eq_ignore_ascii_case("http") {
                80
            } else {
                443
            };
            format!("{scheme}://{user}{host}:{port}{path}")
        }
    };
    [configured.to_owned(), other]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_tried_with_and_without_its_port() {
        for (configured, other) in [
            ("https://a.example", "https://a.example:443"),
            ("https://a.example/", "https://a.example:443"),
            ("http://a.example", "http://a.example:80"),
            ("https://a.example:443", "https://a.example"),
            ("http://127.0.0.1:41234", "http://127.0.0.1"),
            ("https://u:p@a.example", "https://u:p@a.example:443"),
            ("https://u:p@a.example:1234", "https://u:p@a.example"),
            ("http://[::1]", "http://[::1]:80"),
            ("http://[::1]:8080", "http://[::1]"),
        ] {
            let [first, second] = url_heads(configured);
            assert_eq!(first, configured.trim_end_matches('/'));
            assert_eq!(second, other);
        }
    }
}
