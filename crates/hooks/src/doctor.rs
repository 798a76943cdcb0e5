//! Why a captured delivery does not verify.
//!
//! Owns the guesses: what people paste, proxies change and frameworks write anew, each tried under the
//! secrets that were given. Says which change would have made the delivery genuine, and shows no
//! secret and no body. Whoever asks has the secrets, so this tells nobody more than they know.

use control::{Secret, Timestamp};
use seal::encode;

use crate::{
    delivery::Delivery,
    key::Key,
    reading,
    refusal::SignatureRefusal,
    scheme::{Atom, Place, Scheme},
    verify::{moment, verify_keys},
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the delivery verifies as it is.
    pub genuine: bool,
    /// What it was refused for.
    pub refusal: Option<SignatureRefusal>,
    /// What is wrong, and what to do; the likeliest first.
    pub notes: Vec<String>,
}

/// Looks for what would make `delivery` genuine under one of `secrets`.
#[must_use]
pub fn examine(scheme: &Scheme, secrets: &[Secret], delivery: &Delivery<'_>) -> Finding {
    let case = Case {
        scheme,
        secrets,
        delivery: *delivery,
    };
    let Err(refusal) = case.judge(&case.delivery, secrets) else {
        return Finding {
            genuine: true,
            refusal: None,
            notes: Vec::new(),
        };
    };
    let mut notes = match refusal {
        SignatureRefusal::Missing | SignatureRefusal::Malformed => case.fields(),
        SignatureRefusal::Stale | SignatureRefusal::Future => vec![case.clock()],
        SignatureRefusal::Mismatch => case.mismatch(),
        SignatureRefusal::BodyDigestMismatch => case.bodies(),
        SignatureRefusal::NoSecret => vec![
            "no secret reads as one of this scheme: copy it again from the provider's console"
                .to_owned(),
        ],
        _ => Vec::new(),
    };
    if notes.is_empty() {
        notes.push(match refusal {
            SignatureRefusal::Mismatch => {
                "nothing that usually goes wrong explains it: it is another secret, or the body or \
                 a signed header was changed on its way"
                    .to_owned()
            }
            other => other.to_string(),
        });
    }
    Finding {
        genuine: false,
        refusal: Some(refusal),
        notes,
    }
}

/// One delivery under question.
struct Case<'a> {
    scheme: &'a Scheme,
    secrets: &'a [Secret],
    delivery: Delivery<'a>,
}

impl Case<'_> {
    fn judge(&self, delivery: &Delivery<'_>, secrets: &[Secret]) -> Result<(), SignatureRefusal> {
        let keys: Vec<Key> = secrets
            .iter()
            .filter_map(|secret| Key::minted(self.scheme, secret).ok())
            .collect();
        verify_keys("", self.scheme, &keys, delivery).map(|_| ())
    }

    /// Whether the signature fits, whatever its age.
    fn fits(&self, delivery: &Delivery<'_>, secrets: &[Secret]) -> bool {
        matches!(
            self.judge(delivery, secrets),
            Ok(()) | Err(SignatureRefusal::Stale | SignatureRefusal::Future)
        )
    }

    fn mismatch(&self) -> Vec<String> {
        let mut notes = self.of_secrets();
        notes.extend(self.bodies());
        notes.extend(self.urls());
        notes
    }

    /// Secrets as people paste them.
    fn of_secrets(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (at, secret) in self.secrets.iter().enumerate() {
            for (how, other) in respelled(secret.expose()) {
                if self.fits(&self.delivery, &[Secret::new(other)]) {
                    notes.push(format!("secret {} verifies {how}", at + 1));
                }
            }
        }
        notes
    }

    /// Bodies as middleware writes them anew.
    fn bodies(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (how, body) in rewritten(self.delivery.body) {
            let other = Delivery {
                body: &body,
                ..self.delivery
            };
            if self.fits(&other, self.secrets) {
                notes.push(format!(
                    "the body verifies {how}: something between the provider and this capture \
                     changed its bytes"
                ));
            }
        }
        notes
    }

    /// Addresses as the provider may have them.
    fn urls(&self) -> Vec<String> {
        let signs = |atom: &Atom| *atom == Atom::Url;
        if !self
            .scheme
            .variant
            .iter()
            .any(|v| v.message.iter().any(signs))
        {
            return Vec::new();
        }
        let mut notes = Vec::new();
        for (public_url, target) in addresses(&self.delivery) {
            let other = Delivery {
                public_url: &public_url,
                target: &target,
                ..self.delivery
            };
            if self.fits(&other, self.secrets) {
                notes.push(format!(
                    "it was signed for {public_url}{}: give the provider the URL of public_url, or \
                     correct public_url",
                    String::from_utf8_lossy(&target)
                ));
            }
        }
        notes
    }

    /// Signed fields that are not there or not of their shape.
    fn fields(&self) -> Vec<String> {
        let scheme = self.scheme;
        let mut places = vec![scheme.signature.from.clone()];
        if let [variant] = scheme.variant.as_slice() {
            places.extend(variant.message.iter().filter_map(|atom| match atom {
                Atom::JsonOrEmpty(_) => None,
                atom => atom.place(),
            }));
        }
        places.extend(scheme.freshness.iter().map(|it| it.from.clone()));
        let mut notes = Vec::new();
        for place in places {
            let fault = match reading::value(&self.delivery, &place) {
                Ok(Some(value)) if !value.is_empty() => continue,
                Ok(_) => "is not there",
                Err(SignatureRefusal::DuplicateHeader) => "stands twice",
                Err(_) => "cannot be read",
            };
            let note = format!("{} {fault}", named(&place));
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        if notes.is_empty() {
            notes.push(
                "the signature is there and not written as this scheme writes it: is it another \
                 provider's?"
                    .to_owned(),
            );
        }
        notes
    }

    /// How far the signed time is from the one it is judged at.
    fn clock(&self) -> String {
        let sent = self.scheme.freshness.as_ref().and_then(|freshness| {
            let written = reading::value(&self.delivery, &freshness.from).ok()??;
            Some((moment(&written, freshness.unit)?, freshness))
        });
        let Some((sent, freshness)) = sent else {
            return "the signed time is too far from the moment it is judged at: is the clock of this \
                    machine right, or is this an old capture?"
                .to_owned();
        };
        let seconds = apart(sent, self.delivery.now);
        let (side, bound) = if sent > self.delivery.now {
            ("in the future of", freshness.future)
        } else {
            ("before", freshness.past)
        };
        format!(
            "the signature is right and was made {seconds} seconds {side} the moment it is judged at \
             ({bound} are allowed): is the clock of this machine right, or is this an old capture? \
             --now judges it at another moment"
        )
    }
}

fn apart(one: Timestamp, other: Timestamp) -> u64 {
    one.millis().abs_diff(other.millis()) / 1000
}

fn named(place: &Place) -> String {
    match place {
        Place::Header(name) => format!("the header {name}"),
        Place::Query(name) => format!("the query parameter {name}"),
        Place::Param(param) => format!("`{}` in the header {}", param.name, param.header),
        Place::Json(pointer) => format!("{pointer} in the body"),
    }
}

/// A secret in other spellings, each with what to do.
fn respelled(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let trimmed = secret.trim_ascii();
    let unquoted = trimmed
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .or_else(|| trimmed.strip_prefix(b"'")?.strip_suffix(b"'"));
    let mut others = vec![("without the white space around it", trimmed.to_vec())];
    others.extend(unquoted.map(|it| ("without the quotation marks around it", it.to_vec())));
    for prefix in [&b"whsec_"[..], b"sha256=", b"Bearer ", b"Basic "] {
        if let Some(rest) = trimmed.strip_prefix(prefix) {
            others.push(("without its prefix", rest.to_vec()));
            let decoded = encode::unbase64(rest).ok();
            others.extend(decoded.map(|it| ("decoded behind its prefix", it)));
        }
    }
    others.push(("with `whsec_` in front", [b"whsec_", trimmed].concat()));
    others.extend(
        encode::unbase64(trimmed)
            .ok()
            .map(|it| ("decoded from base64", it)),
    );
    others.extend(
        encode::unhex(trimmed)
            .ok()
            .map(|it| ("decoded from hexadecimal", it)),
    );
    let encoded = encode::base64(trimmed).into_bytes();
    others.push(("encoded in base64", encoded));
    others.push(("encoded in hexadecimal", encode::hex(trimmed).into_bytes()));
    others.retain(|(_, other)| other != secret && !other.is_empty());
    others
}

/// A body in other writings.
fn rewritten(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut others = vec![
        ("with a line feed behind it", [body, b"\n"].concat()),
        ("with CR LF behind it", [body, b"\r\n"].concat()),
        (
            "without the white space around it",
            body.trim_ascii().to_vec(),
        ),
        ("when it is empty", Vec::new()),
    ];
    if let Ok(text) = std::str::from_utf8(body) {
        others.push((
            "with CR LF for line feeds",
            text.replace('\n', "\r\n").into_bytes(),
        ));
        others.push((
            "with line feeds for CR LF",
            text.replace("\r\n", "\n").into_bytes(),
        ));
        let slashes = text.replace('/', "\\/");
        others.push(("with its slashes escaped", slashes.into_bytes()));
        let unescaped = text.replace("\\/", "/");
        others.push(("with its slashes not escaped", unescaped.into_bytes()));
    }
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        let compact = serde_json::to_string(&value).unwrap_or_default();
        others.push(("written anew without spaces, keys sorted", ascii(&compact)));
        others.push((
            "written anew without spaces, keys sorted",
            compact.into_bytes(),
        ));
        let pretty = serde_json::to_vec_pretty(&value).unwrap_or_default();
        others.push(("written anew with indents", pretty));
    }
    if let Some((compact, spaced)) = spacing(body) {
        others.push(("without the spaces between its tokens", compact));
        others.push(("with a space behind every comma and colon", spaced));
    }
    others.retain(|(_, other)| other != body);
    others
}

/// The text with what is not ASCII as `\u` escapes, as many writers have it.
fn ascii(text: &str) -> Vec<u8> {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            written.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                written.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    written.into_bytes()
}

/// A JSON text with the order of its keys kept: without white space between tokens, and with the
/// spaces that Python's writer puts there.
fn spacing(body: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).ok()?;
    let (mut compact, mut spaced) = (Vec::new(), Vec::new());
    let (mut inside, mut escaped) = (false, false);
    for byte in body {
        if inside {
            inside = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            inside = *byte == b'"';
        }
        compact.push(*byte);
        spaced.push(*byte);
        if !inside && matches!(byte, b',' | b':') {
            spaced.push(b' ');
        }
    }
    Some((compact, spaced))
}

/// The address in other writings: public URL and target.
fn addresses(delivery: &Delivery<'_>) -> Vec<(String, Vec<u8>)> {
    let public = delivery.public_url;
    let mut publics = vec![public.to_owned()];
    if let Some(rest) = public.strip_prefix("https://") {
        publics.push(format!("http://{rest}"));
    } else if let Some(rest) = public.strip_prefix("http://") {
        publics.push(format!("https://{rest}"));
    }
    if let Ok(Some(host)) = delivery.header("host") {
        let host = String::from_utf8_lossy(host);
        publics.push(format!("https://{host}"));
        publics.push(format!("http://{host}"));
    }
    let target = delivery.target;
    let mut targets = vec![target.to_vec()];
    let query = target.iter().position(|byte| *byte == b'?');
    if let Some(path) = query.and_then(|at| target.get(..at)) {
        targets.push(path.to_vec());
    }
    match target.strip_suffix(b"/") {
        Some(bare) if !bare.is_empty() => targets.push(bare.to_vec()),
        _ if query.is_none() => targets.push([target, b"/"].concat()),
        _ => {}
    }
    let mut all = Vec::new();
    for public in &publics {
        for target in &targets {
            let same = public == delivery.public_url && target == delivery.target;
            let one = (public.clone(), target.clone());
            if !same && !all.contains(&one) {
                all.push(one);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
