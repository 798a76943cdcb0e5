//! Deliveries that no provider sent, and deliveries sent twice.
//!
//! A twin is signed with a secret that the instance mints for one ticket. An attack carries an
//! equal ticket of its own and differs in one property.

mod source;

use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target, Timestamp,
    probe::{Guard, Observed, Reply, RouteFact, TargetError},
    sheet::Met,
};

pub(super) use self::source::Source;
use super::{
    draft::{Draft, Echo, canary},
    named_route,
};

/// Attacks `webhook.signed`.
pub(super) struct Signature;
/// Attacks `webhook.raw-body`.
pub(super) struct RawBody;
/// Attacks `webhook.replay`.
pub(super) struct Replay;

/// Seconds by which an old message is old: beyond the tolerance of every scheme.
const OLD: i64 = 3600;

fn now() -> Timestamp {
    SystemClock::new().now()
}

impl Probe for Signature {
    fn promise(&self) -> &'static str {
        "webhook.signed"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        if let Guard::Open(_) = route.guard {
            return open(at, route, sheet);
        }
        let source = Source::of(at, route)?;
        let mut sent = Vec::new();
        for kind in [
            Forgery::NoSignature,
            Forgery::OtherSecret,
            Forgery::OtherBody,
            Forgery::OtherTarget,
            Forgery::Old,
            Forgery::NoFields,
        ] {
            let (mark, other) = (canary(at)?, canary(at)?);
            let twin = Met::status(&source.genuine(&canary(at)?, &other, now())?, &[200]);
            let Some(attack) = kind.send(&source, &mark)? else {
                continue;
            };
            sheet.pair(kind.name(), Met::status(&attack, &[source.refusal()]), twin);
            sent.push(mark);
        }
        side_effects(at, &sent, sheet)
    }
}

/// A route that promises a signature and asks for none: an unsigned message ends at the echo.
fn open(at: &dyn Target, route: &RouteFact, sheet: &mut Sheet) -> Result<(), TargetError> {
    let mark = canary(at)?;
    let draft = Draft::new(at, "POST", &route.path).body(
        "application/x-www-form-urlencoded",
        format!("Body={mark}").as_bytes(),
    );
    let attack = draft.ticketed(at)?.send(at)?;
    let twin = Met::when(true, "the route asks for no signature");
    sheet.pair(
        Forgery::NoSignature.name(),
        Met::status(&attack, &[403]),
        twin,
    );
    Ok(())
}

/// What is wrong with a message.
#[derive(Clone, Copy)]
enum Forgery {
    NoSignature,
    OtherSecret,
    OtherBody,
    OtherTarget,
    Old,
    NoFields,
}

impl Forgery {
    const fn name(self) -> &'static str {
        match self {
            Self::NoSignature => "no signature",
            Self::OtherSecret => "signed with another secret",
            Self::OtherBody => "signature of another body",
            Self::OtherTarget => "signature for another address",
            Self::Old => "signed an hour ago",
            Self::NoFields => "no signature and none of the fields",
        }
    }

    /// Sends it; `None` where the scheme does not sign the property in question.
    fn send(self, source: &Source<'_>, mark: &str) -> Result<Option<Reply>, TargetError> {
        let (content_type, body) = source.message(mark);
        let plain = || vec![("Content-Type".to_owned(), content_type.to_owned())];
        let path = source.path.as_str();
        let reply = match self {
            Self::NoSignature => source.forged(&body, |_| Ok(plain()))?,
            Self::NoFields => source.forged(b"", |_| Ok(plain()))?,
            Self::OtherSecret => {
                let (_, other) = source.mint(path, &body)?;
                source.forged(&body, |_| {
                    Ok(source.sign(&other, path, &body, mark, now())?.headers)
                })?
            }
            Self::OtherBody => {
                let (_, other) = source.message("another");
                source.forged(&body, |secret| {
                    Ok(source.sign(secret, path, &other, mark, now())?.headers)
                })?
            }
            Self::OtherTarget => {
                if !source.signs_target() {
                    return Ok(None);
                }
                let other = format!("{path}/other");
                source.forged(&body, |secret| {
                    Ok(source.sign(secret, &other, &body, mark, now())?.headers)
                })?
            }
            Self::Old => {
                let old = Timestamp::from_millis(now().millis() - OLD * 1000);
                let sample = |when| {
                    source
                        .sign(SAMPLE, path, &body, mark, when)
                        .map(|signed| signed.headers)
                };
                if sample(old).ok() == sample(now()).ok() {
                    return Ok(None);
                }
                source.forged(&body, |secret| {
                    Ok(source.sign(secret, path, &body, mark, old)?.headers)
                })?
            }
        };
        Ok(Some(reply))
    }
}

/// A secret that signs nothing: it only shows whether a scheme's headers depend on the time.
const SAMPLE: &[u8] = b"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Nothing of the refused messages may have arrived.
fn side_effects(at: &dyn Target, sent: &[String], sheet: &mut Sheet) -> Result<(), TargetError> {
    for mark in sent {
        match at.observe(mark)? {
            Observed::NoObserver => {
                sheet.unproven("no [[observe]] says where the app keeps its messages");
                return Ok(());
            }
            Observed::Looked { places, found } => {
                let saw = match found.first() {
                    Some(place) => format!("found in {place}"),
                    None => "no trace".to_owned(),
                };
                let looked = Met::when(places > 0, format!("{places} places read"));
                sheet.pair(
                    "a refused message in the app's records",
                    Met::when(found.is_empty(), saw),
                    looked,
                );
            }
        }
    }
    Ok(())
}

impl Probe for RawBody {
    fn promise(&self) -> &'static str {
        "webhook.raw-body"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        if let Guard::Open(_) = route.guard {
            return open(at, route, sheet);
        }
        let source = Source::of(at, route)?;
        let path = source.path.clone();
        let mark = canary(at)?;
        let (_, body) = source.message(&mark);
        for (name, altered) in [
            ("the same meaning in other bytes", respelled(&body)),
            ("white space in front", [b" ", &*body].concat()),
            ("a line end behind", [&*body, b"\r\n"].concat()),
        ] {
            let twin = Met::status(&source.genuine(&canary(at)?, &canary(at)?, now())?, &[200]);
            let attack = source.forged(&altered, |secret| {
                Ok(source.sign(secret, &path, &body, &mark, now())?.headers)
            })?;
            sheet.pair(name, Met::status(&attack, &[source.refusal()]), twin);
        }
        if asked.value("other").is_some() {
            let other = named_route(at, asked, "other")?.path.clone();
            let twin = Met::status(&source.genuine(&canary(at)?, &canary(at)?, now())?, &[200]);
            let mark = canary(at)?;
            let (_, body) = source.message(&mark);
            let (ticket, secret) = source.mint(&other, &body)?;
            // The other source's secret, spelled so that this scheme can sign with it at all.
            let signed = source
                .sign(&secret, &path, &body, &mark, now())
                .or_else(|_| {
                    let wrapped = format!("whsec_{}", seal::encode::base64(&secret));
                    source.sign(wrapped.as_bytes(), &path, &body, &mark, now())
                })?;
            let attack = source.draft(&ticket, &body, &signed.headers).send(at)?;
            sheet.pair(
                format!("signed with the secret of {other}"),
                Met::status(&attack, &[source.refusal()]),
                twin,
            );
        }
        Ok(())
    }
}

/// The same form or JSON, one harmless byte apart.
fn respelled(body: &[u8]) -> Vec<u8> {
    match body.first() {
        Some(b'{') => [b"{ ", body.get(1..).unwrap_or_default()].concat(),
        _ => [body, b"&"].concat(),
    }
}

impl Probe for Replay {
    fn promise(&self) -> &'static str {
        "webhook.replay"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let source = Source::of(at, named_route(at, asked, "route")?)?;
        let (mark, id, when) = (canary(at)?, canary(at)?, now());
        let first = source.genuine(&mark, &id, when)?;
        let again = source.genuine(&mark, &id, when)?;
        let forwarded = |reply: &Reply| Echo::of(reply).is_some();
        let met = match again.answer() {
            Some(answer) if (200..300).contains(&answer.status) => Met::when(
                !forwarded(&again),
                if forwarded(&again) {
                    "forwarded again"
                } else {
                    "acknowledged, not forwarded"
                },
            ),
            _ => Met::status(&again, &[200]),
        };
        sheet.pair(
            "the same delivery again",
            met.clone(),
            Met::when(forwarded(&first), "the first was forwarded"),
        );
        let other = source.genuine(&canary(at)?, &canary(at)?, when)?;
        sheet.pair(
            "the same delivery, beside a new one",
            met,
            Met::when(forwarded(&other), "a new delivery was forwarded"),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_respelled_body_means_the_same_and_is_not_the_same() {
        let json = br#"{"a":1}"#;
        let other = respelled(json);
        assert_ne!(json.as_slice(), other);
        let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        assert_eq!(read(json), read(&other));
        assert_eq!(respelled(b"a=1"), b"a=1&");
    }
}
