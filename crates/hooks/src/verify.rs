//! Whether a delivery is genuine.
//!
//! Owns the one way to a [`Verified<Signature>`]. Refuses on the first fact that does not hold, and
//! compares every signature with every secret, in constant time and without stopping at a match.
//! Trusts keys and public URL.

use control::{Secret, Timestamp};
use seal::{Sha256, encode};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    delivery::Delivery,
    key::{Key, Material},
    message::{self, Message},
    reading,
    refusal::SignatureRefusal,
    scheme::{Atom, BodyDigest, Encoding, Freshness, Scheme, Unit},
    token::{self, TokenRule},
};

/// The most signatures of one delivery that are looked at.
pub const MAX_SIGNATURES: usize = 8;

/// The most bytes of a signature field that are looked at.
pub const MAX_SIGNATURE_BYTES: usize = 2048;

/// The most secrets of one source.
pub const MAX_SECRETS: usize = 8;

/// Proof that a check was made: only the check itself makes one, and it cannot be copied.
#[derive(Debug)]
pub struct Verified<T> {
    fact: T,
}

impl<T> Verified<T> {
    /// What was proven.
    #[must_use]
    pub const fn fact(&self) -> &T {
        &self.fact
    }
}

/// What a valid signature says of its delivery.
#[derive(Debug)]
pub struct Signature {
    digest: [u8; 32],
    sent: Option<Timestamp>,
}

impl Signature {
    /// SHA-256 over the source and the signed identity of the delivery: equal for repeats.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// When the provider says it was sent; `None` where the scheme signs no time.
    #[must_use]
    pub const fn sent(&self) -> Option<Timestamp> {
        self.sent
    }
}

/// Verifies `delivery` against every one of `secrets`, for a source without a name.
///
/// Decodes the secrets on every call; a route holds a [`crate::Source`], which has done so. A
/// secret that does not decode counts as none.
pub fn verify(
    scheme: &Scheme,
    secrets: &[Secret],
    delivery: &Delivery<'_>,
) -> Result<Verified<Signature>, SignatureRefusal> {
    let keys: Vec<Key> = secrets
        .iter()
        .filter_map(|secret| Key::verifying(scheme, secret).ok())
        .collect();
    verify_keys("", scheme, &keys, delivery)
}

/// Verifies `delivery` for the source called `source`; at most [`MAX_SECRETS`] keys are tried.
pub fn verify_keys(
    source: &str,
    scheme: &Scheme,
    keys: &[Key],
    delivery: &Delivery<'_>,
) -> Result<Verified<Signature>, SignatureRefusal> {
    if keys.is_empty() {
        return Err(SignatureRefusal::NoSecret);
    }
    if let Some(rule) = &scheme.token {
        return by_token(source, scheme, rule, keys, delivery);
    }
    let claims = claims(scheme, delivery)?;
    let variant = message::variant(scheme, delivery)?;
    let message = Message::of(&variant.message, delivery)?;
    let heads = message::url_heads(delivery.public_url);

    if !any_fits(keys, &claims, &message, &heads) {
        return Err(SignatureRefusal::Mismatch);
    }
    if let Some(bound) = &variant.body_digest {
        check_body(delivery, bound)?;
    }
    let sent = scheme
        .freshness
        .as_ref()
        .map(|freshness| check_age(delivery, freshness))
        .transpose()?;
    let [head, _] = &heads;
    let digest = identity(source, scheme, delivery, &message, head.as_bytes())?;
    Ok(Verified {
        fact: Signature { digest, sent },
    })
}

/// Verifies a delivery whose signature is a token over its digest.
fn by_token(
    source: &str,
    scheme: &Scheme,
    rule: &TokenRule,
    keys: &[Key],
    delivery: &Delivery<'_>,
) -> Result<Verified<Signature>, SignatureRefusal> {
    let variant = message::variant(scheme, delivery)?;
    let said = token::judge(scheme, rule, keys, delivery)?;
    let mut digest = Sha256::new();
    for part in [source, &scheme.name, &variant.name].map(str::as_bytes) {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.update(&said.identity);
    Ok(Verified {
        fact: Signature {
            digest: digest.finish(),
            sent: said.sent,
        },
    })
}

/// A signature as claimed: the way it says it was made in, and its bytes.
struct Claim {
    way: usize,
    bytes: Vec<u8>,
}

/// The signatures of every place that may hold one. Unknown versions are passed over, as the
/// provider may add one any day; a known version that does not decode fits nothing.
fn claims(scheme: &Scheme, delivery: &Delivery<'_>) -> Result<Vec<Claim>, SignatureRefusal> {
    let mut read = Claims::default();
    let rule = &scheme.signature;
    for place in std::iter::once(&rule.from).chain(&rule.also) {
        match reading::value(delivery, place)? {
            Some(written) if !written.is_empty() => read.take(scheme, &written)?,
            _ => {}
        }
    }
    match read {
        Claims { list, .. } if !list.is_empty() => Ok(list),
        Claims { known: true, .. } => Err(SignatureRefusal::Malformed),
        Claims { looked: 0, .. } => Err(SignatureRefusal::Missing),
        _ => Err(SignatureRefusal::UnknownVersion),
    }
}

/// The claims read so far.
#[derive(Default)]
struct Claims {
    list: Vec<Claim>,
    /// How many entries were looked at.
    looked: usize,
    /// Whether one of them was of a version that the scheme knows.
    known: bool,
}

impl Claims {
    /// Splits and decodes one signature field.
    fn take(&mut self, scheme: &Scheme, written: &[u8]) -> Result<(), SignatureRefusal> {
        if written.len() > MAX_SIGNATURE_BYTES {
            return Err(SignatureRefusal::TooMany);
        }
        let rule = &scheme.signature;
        let separates = |byte: &u8| rule.separator.is_some_and(|at| *byte == at as u8);
        for entry in written.split(separates) {
            if self.looked == MAX_SIGNATURES {
                return Err(SignatureRefusal::TooMany);
            }
            self.looked += 1;
            // Some providers write a space behind their comma.
            let entry = if rule.separator.is_some() {
                entry.trim_ascii()
            } else {
                entry
            };
            let (version, value) = match rule.version_separator {
                None => (None, entry),
                Some(at) => match crate::form::split_once(entry, at as u8) {
                    Some((version, value)) => (Some(version), value),
                    None => continue,
                },
            };
            self.claim(scheme, version, value);
        }
        Ok(())
    }

    /// Takes the value of one signature under every way of its version.
    fn claim(&mut self, scheme: &Scheme, version: Option<&[u8]>, value: &[u8]) {
        for (way, rule) in scheme.way.iter().enumerate() {
            if rule.version.as_ref().map(String::as_bytes) != version {
                continue;
            }
            self.known = true;
            let bytes = value
                .strip_prefix(rule.prefix.as_bytes())
                .and_then(|text| undo(rule.encoding, text));
            self.list.extend(bytes.map(|bytes| Claim { way, bytes }));
        }
    }
}

fn undo(encoding: Encoding, text: &[u8]) -> Option<Vec<u8>> {
    let bytes = match encoding {
        Encoding::Hex => encode::unhex(text).ok(),
        Encoding::Base64 => encode::unbase64(text).ok(),
        Encoding::Base64Url => encode::unbase64url(text).ok(),
        Encoding::Utf8 => Some(text.to_vec()),
    };
    bytes.filter(|bytes| !bytes.is_empty())
}

/// Whether any claim fits any key, over the message with either head. Nothing stops early: the
/// time taken does not say which secret or signature was the right one.
fn any_fits(keys: &[Key], claims: &[Claim], message: &Message<'_>, heads: &[String; 2]) -> bool {
    let heads = heads.iter().take(if message.has_url() { 2 } else { 1 });
    let mut fits = false;
    for head in heads {
        let parts = message.parts(head.as_bytes());
        for key in keys.iter().take(MAX_SECRETS) {
            let claimed = claims.iter().filter(|claim| claim.way == key.way());
            match key.material() {
                Material::Hmac(secret) => {
                    let tag = secret.sign(&parts);
                    claimed.for_each(|claim| fits |= tag.matches(&claim.bytes));
                }
                Material::Public(public) => {
                    let whole = parts.concat();
                    claimed.for_each(|claim| fits |= public.verify(&whole, &claim.bytes));
                }
                Material::Static(secret) => {
                    claimed.for_each(|claim| fits |= seal::equal(secret.expose(), &claim.bytes));
                }
                // A token is judged apart, and what signs verifies nothing.
                Material::Private(_) | Material::Token { .. } => {}
            }
        }
    }
    fits
}

fn check_body(delivery: &Delivery<'_>, bound: &BodyDigest) -> Result<(), SignatureRefusal> {
    let written =
        reading::value(delivery, &bound.from)?.ok_or(SignatureRefusal::BodyDigestMissing)?;
    let claimed = undo(bound.encoding, &written).ok_or(SignatureRefusal::BodyDigestMissing)?;
    if seal::equal(&seal::sha256(delivery.body), &claimed) {
        Ok(())
    } else {
        Err(SignatureRefusal::BodyDigestMismatch)
    }
}

fn check_age(
    delivery: &Delivery<'_>,
    freshness: &Freshness,
) -> Result<Timestamp, SignatureRefusal> {
    let written = reading::value(delivery, &freshness.from)?.ok_or(SignatureRefusal::Missing)?;
    let sent = moment(&written, freshness.unit).ok_or(SignatureRefusal::Malformed)?;
    let age = i128::from(delivery.now.millis()) - i128::from(sent.millis());
    if age > i128::from(freshness.past) * 1000 {
        Err(SignatureRefusal::Stale)
    } else if -age > i128::from(freshness.future) * 1000 {
        Err(SignatureRefusal::Future)
    } else {
        Ok(sent)
    }
}

/// Reads a time. Decimal digits alone: a sign, a space or an exponent is another text than the one
/// a provider writes.
pub(crate) fn moment(written: &[u8], unit: Unit) -> Option<Timestamp> {
    let text = std::str::from_utf8(written).ok()?;
    if matches!(unit, Unit::Rfc3339 | Unit::Rfc3339NoZone) {
        // With a zone of its own behind it, a second one does not parse.
        let zoned = match unit {
            Unit::Rfc3339NoZone => format!("{text}Z"),
            _ => text.to_owned(),
        };
        let at = OffsetDateTime::parse(&zoned, &Rfc3339).ok()?;
        let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
        return i64::try_from(millis).ok().map(Timestamp::from_millis);
    }
    let digits = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.then(|| text.parse().ok()).flatten()?;
    Some(match unit {
        Unit::Milliseconds => Timestamp::from_millis(number),
        Unit::Seconds | Unit::Rfc3339 | Unit::Rfc3339NoZone => Timestamp::from_seconds(number),
    })
}

/// SHA-256 over the source and what makes the delivery the same as another. Never over anything
/// that is not signed, and always over the URL as configured, whichever way it was signed.
fn identity(
    source: &str,
    scheme: &Scheme,
    delivery: &Delivery<'_>,
    message: &Message<'_>,
    head: &[u8],
) -> Result<[u8; 32], SignatureRefusal> {
    let mut digest = Sha256::new();
    let mut sized = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    sized(source.as_bytes());
    sized(scheme.name.as_bytes());
    let mut atoms = Vec::with_capacity(scheme.dedupe.by.len());
    for atom in &scheme.dedupe.by {
        match Message::of(std::slice::from_ref(atom), delivery) {
            Ok(one) => atoms.push(one.parts(head).concat()),
            // An id inside a signed body may be missing: then the whole message is what it is.
            Err(_) if matches!(atom, Atom::Json(_)) => {
                atoms.clear();
                sized(b"message");
                break;
            }
            Err(refusal) => return Err(refusal),
        }
    }
    if atoms.is_empty() {
        for part in message.parts(head) {
            digest.update(part);
        }
    } else {
        atoms.iter().for_each(|atom| sized(atom));
    }
    Ok(digest.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_decimal_digits_and_nothing_else() {
        assert_eq!(
            moment(b"1614265330", Unit::Seconds),
            Some(Timestamp::from_seconds(1_614_265_330))
        );
        for bad in [
            "",
            "+1614265330",
            " 1614265330",
            "1e9",
            "-1",
            "1614265330.0",
            "17000000000000000",
        ] {
            assert_eq!(moment(bad.as_bytes(), Unit::Seconds), None, "{bad}");
        }
        assert_eq!(
            moment(b"1614265330123", Unit::Milliseconds),
            Some(Timestamp::from_millis(1_614_265_330_123))
        );
        assert_eq!(
            moment(b"2021-02-25T15:02:10", Unit::Rfc3339NoZone),
            Some(Timestamp::from_seconds(1_614_265_330))
        );
        for zoned in ["2021-02-25T15:02:10Z", "2021-02-25T15:02:10+01:00"] {
            assert_eq!(moment(zoned.as_bytes(), Unit::Rfc3339NoZone), None);
        }
        assert_eq!(moment(b"2021-02-25T15:02:10", Unit::Rfc3339), None);
        assert_eq!(
            moment(b"2021-02-25T15:02:10Z", Unit::Rfc3339),
            Some(Timestamp::from_seconds(1_614_265_330))
        );
    }
}
