//! What every scheme keeps.
//!
//! Owns the rules and the order they are looked at in. A scheme that breaks one does not exist.

use super::{LEGACY_REASON, options};
use crate::{
    handshake::Part,
    reading,
    scheme::{Atom, Integrity, Mac, Place, Scheme, Variant},
};

/// A rule every scheme keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lint {
    /// Its name is not the name of its file.
    #[error("its name is not the name of its file")]
    Name,
    /// It has no way of signing, no variant, or an empty message.
    #[error("it needs at least one way of signing and one variant with a message")]
    Nothing,
    /// A way has a version and the signature no version separator, or the other way round.
    #[error("versions and version separator come together, or not at all")]
    Versions,
    /// A separator is not ASCII.
    #[error("separators are single ASCII characters")]
    Separator,
    /// The time is read from a field that is not signed.
    #[error("the freshness field is not an atom of every variant's signed message")]
    FreshnessUnsigned,
    /// A delivery could be of age for ever.
    #[error("the tolerance must be between 1 second and 1 hour on both sides")]
    Tolerance,
    /// A body that no signature covers is not labelled so.
    #[error("a body that is not signed needs integrity = \"none\"")]
    BodyUnsigned,
    /// It is labelled weaker than it is.
    #[error("integrity = \"none\" is for schemes that do not sign the body")]
    BodySigned,
    /// A variant is chosen by a parameter of a URL that is not signed.
    #[error("a variant is chosen by the query, and the URL is not signed")]
    ChoiceUnsigned,
    /// Two variants could both claim a delivery.
    #[error("a delivery could be of more than one variant")]
    Ambiguous,
    /// A form is signed and the media type not pinned.
    #[error("a signed form needs content-type = \"application/x-www-form-urlencoded\"")]
    FormType,
    /// SHA-1 without the declaration, or the declaration without SHA-1.
    #[error("SHA-1 needs legacy = \"provider offers nothing else\", and nothing else may say so")]
    Legacy,
    /// A secret may be empty.
    #[error("a secret needs at least one byte and at most as many as its bound")]
    EmptySecret,
    /// Repeats are told by something that is not signed.
    #[error("dedupe is by atoms of every variant's signed message")]
    DedupeUnsigned,
    /// A repeat would be forgotten while its signature still counts.
    #[error("dedupe.retain must cover the tolerance twice, and is for schemes with a timestamp")]
    Retention,
    /// No vector from elsewhere, and not marked.
    #[error("a scheme without a vector from elsewhere is experimental = true")]
    NoVector,
    /// An acknowledgement that is not one.
    #[error("an acknowledgement has a status from 200 to 299, and a body only with a media type")]
    Ack,
    /// A refusal that is not one.
    #[error("a refusal has a status from 400 to 499")]
    Refused,
    /// A place in a body that is not named by a pointer.
    #[error("a JSON pointer begins with `/` and has at most eight segments")]
    Pointer,
    /// A question that could stand for a delivery, or be answered with more than it may.
    #[error(
        "a question that is not signed has a method of its own, one that is signed has signed facts; an answer has a body where it has a media type, and a value where it sends one back"
    )]
    Handshake,
    /// A token whose claims are not said, or claims without a token.
    #[error(
        "a token has a way that makes it, claims, no freshness, message or dedupe beside them, and bounds on its age"
    )]
    Token,
    /// An option that is not used, or a default that is no header's name.
    #[error("an option stands for the name of a header, and its default is one")]
    Option,
}

/// The first rule `scheme` breaks.
pub(super) fn first(name: &str, scheme: &Scheme) -> Option<Lint> {
    let rules: [(bool, Lint); 22] = [
        (scheme.name == name, Lint::Name),
        (has_something(scheme), Lint::Nothing),
        (versions_agree(scheme), Lint::Versions),
        (separators_are_ascii(scheme), Lint::Separator),
        (freshness_is_signed(scheme), Lint::FreshnessUnsigned),
        (tolerance_is_bounded(scheme), Lint::Tolerance),
        (
            scheme.integrity == Integrity::None || every_body_is_signed(scheme),
            Lint::BodyUnsigned,
        ),
        (
            scheme.integrity != Integrity::None || !every_body_is_signed(scheme),
            Lint::BodySigned,
        ),
        (choices_are_signed(scheme), Lint::ChoiceUnsigned),
        (variants_exclude_each_other(scheme), Lint::Ambiguous),
        (forms_are_typed(scheme), Lint::FormType),
        (sha1_is_declared(scheme), Lint::Legacy),
        (secrets_have_bytes(scheme), Lint::EmptySecret),
        (dedupe_is_signed(scheme), Lint::DedupeUnsigned),
        (retention_is_enough(scheme), Lint::Retention),
        (
            // A fixed secret is compared and nothing is computed that a vector could pin.
            scheme.vector.is_some() || scheme.experimental || is_static(scheme),
            Lint::NoVector,
        ),
        (acknowledges(scheme), Lint::Ack),
        (
            scheme.ack.refused.is_none_or(|s| (400..=499).contains(&s)),
            Lint::Refused,
        ),
        (pointers_are_some(scheme), Lint::Pointer),
        (options_are_names(scheme), Lint::Option),
        (questions_are_apart(scheme), Lint::Handshake),
        (tokens_are_whole(scheme), Lint::Token),
    ];
    rules
        .into_iter()
        .find_map(|(kept, lint)| (!kept).then_some(lint))
}

fn has_something(scheme: &Scheme) -> bool {
    !scheme.way.is_empty()
        && !scheme.variant.is_empty()
        && (is_static(scheme)
            || scheme.token.is_some()
            || scheme.variant.iter().all(|v| !v.message.is_empty()))
}

fn is_static(scheme: &Scheme) -> bool {
    scheme.way.iter().any(|way| way.mac == Mac::Static)
}

fn versions_agree(scheme: &Scheme) -> bool {
    let versioned = scheme.signature.version_separator.is_some();
    scheme
        .way
        .iter()
        .all(|way| way.version.is_some() == versioned)
}

fn separators_are_ascii(scheme: &Scheme) -> bool {
    let rule = &scheme.signature;
    let of_params = places(scheme).into_iter().filter_map(|place| match place {
        Place::Param(param) => Some(param.separator),
        _ => None,
    });
    [rule.separator, rule.version_separator]
        .into_iter()
        .flatten()
        .chain(of_params)
        .all(|separator| separator.is_ascii())
}

/// Every place that a scheme names.
fn places(scheme: &Scheme) -> Vec<Place> {
    let rule = &scheme.signature;
    let messages = scheme.variant.iter().flat_map(|variant| &variant.message);
    let digests = scheme.variant.iter().filter_map(|v| v.body_digest.as_ref());
    std::iter::once(rule.from.clone())
        .chain(rule.also.iter().cloned())
        .chain(messages.chain(&scheme.dedupe.by).filter_map(Atom::place))
        .chain(digests.map(|digest| digest.from.clone()))
        .chain(scheme.freshness.iter().map(|f| f.from.clone()))
        .chain(scheme.handshake.iter().flat_map(|question| {
            let facts = question.when.iter().map(|fact| &fact.at);
            facts.chain(&question.token).chain(&question.value).cloned()
        }))
        .collect()
}

fn pointers_are_some(scheme: &Scheme) -> bool {
    places(scheme).iter().all(|place| match place {
        Place::Json(pointer) => reading::is_pointer(pointer),
        _ => true,
    })
}

/// A token says everything that is signed, so nothing beside it may.
fn tokens_are_whole(scheme: &Scheme) -> bool {
    let makes = scheme.way.iter().filter(|way| way.mac == Mac::TokenHs256);
    let makes = makes.count();
    let Some(rule) = &scheme.token else {
        return makes == 0;
    };
    let bounded = |side: u32| (1..=3600).contains(&side);
    let plain = |name: &String| !name.is_empty() && !name.contains(['/', '~']);
    let claims = [&rule.body.claim]
        .into_iter()
        .chain(rule.url.iter().map(|it| &it.claim))
        .chain(rule.time.iter().map(|it| &it.claim))
        .chain(&rule.expires)
        .chain(&rule.id);
    makes == scheme.way.len()
        && scheme.freshness.is_none()
        && scheme.dedupe.by.is_empty()
        && scheme.signature.also.is_empty()
        && scheme.signature.separator.is_none()
        && scheme
            .variant
            .iter()
            .all(|variant| variant.message.is_empty())
        && rule
            .time
            .as_ref()
            .is_none_or(|it| bounded(it.past) && bounded(it.future))
        && claims.into_iter().all(plain)
}

/// An unsigned question never stands where a delivery would, so that none passes for one.
fn questions_are_apart(scheme: &Scheme) -> bool {
    scheme.handshake.iter().all(|question| {
        let delivers = |variant: &Variant| {
            variant.methods.is_empty() || variant.methods.contains(&question.method)
        };
        let apart = if question.signed {
            let facts = question.when.iter().map(|fact| &fact.at);
            !question.when.is_empty()
                && question.token.is_none()
                && facts
                    .chain(&question.value)
                    .all(|place| is_signed(scheme, place))
        } else {
            !scheme.variant.iter().any(delivers)
        };
        let sends_value = question
            .body
            .iter()
            .any(|part| !matches!(part, Part::Lit(_)));
        apart
            && sends_value == question.value.is_some()
            && (200..=299).contains(&question.status)
            && question.body.is_empty() == question.content_type.is_none()
            && matches!(question.method.as_str(), "GET" | "HEAD" | "POST")
    })
}

fn options_are_names(scheme: &Scheme) -> bool {
    scheme
        .option
        .values()
        .all(|rule| options::is_header_name(&rule.default))
}

fn freshness_is_signed(scheme: &Scheme) -> bool {
    scheme
        .freshness
        .as_ref()
        .is_none_or(|freshness| is_signed(scheme, &freshness.from))
}

fn tolerance_is_bounded(scheme: &Scheme) -> bool {
    scheme.freshness.as_ref().is_none_or(|freshness| {
        [freshness.past, freshness.future]
            .iter()
            .all(|side| (1..=3600).contains(side))
    })
}

/// Whether every variant signs what stands at `place`.
fn is_signed(scheme: &Scheme, place: &Place) -> bool {
    let signs = |variant: &Variant| place.is_signed_by(&variant.message);
    scheme.variant.iter().all(signs)
}

fn in_every_message(scheme: &Scheme, wanted: impl Fn(&Atom) -> bool) -> bool {
    scheme
        .variant
        .iter()
        .all(|variant| variant.message.iter().any(&wanted))
}

/// Whether the whole body of a variant is bound, by itself or by a digest in a signed place.
fn body_is_signed(variant: &Variant) -> bool {
    let itself = variant.message.iter().any(|atom| {
        matches!(
            atom,
            Atom::Body | Atom::SortedForm | Atom::BodySha256Hex | Atom::BodySha256Base64
        )
    });
    let by_digest = variant
        .body_digest
        .as_ref()
        .is_some_and(|digest| digest.from.is_signed_by(&variant.message));
    itself || by_digest
}

fn every_body_is_signed(scheme: &Scheme) -> bool {
    // A token without the digest of the body does not read.
    scheme.token.is_some() || (!is_static(scheme) && scheme.variant.iter().all(body_is_signed))
}

fn choices_are_signed(scheme: &Scheme) -> bool {
    let chooses = |v: &Variant| !v.with_query.is_empty() || !v.without_query.is_empty();
    !scheme.variant.iter().any(chooses) || in_every_message(scheme, |atom| *atom == Atom::Url)
}

/// One variant demands a parameter that the other forbids.
fn variants_exclude_each_other(scheme: &Scheme) -> bool {
    let excludes = |a: &Variant, b: &Variant| {
        a.with_query
            .iter()
            .any(|name| b.without_query.contains(name))
    };
    scheme.variant.iter().enumerate().all(|(at, one)| {
        scheme
            .variant
            .iter()
            .skip(at + 1)
            .all(|other| excludes(one, other) || excludes(other, one))
    })
}

fn forms_are_typed(scheme: &Scheme) -> bool {
    scheme.variant.iter().all(|variant| {
        !variant.message.contains(&Atom::SortedForm)
            || variant.content_type.as_deref() == Some("application/x-www-form-urlencoded")
    })
}

fn sha1_is_declared(scheme: &Scheme) -> bool {
    let sha1 = scheme.way.iter().any(|way| way.mac == Mac::HmacSha1);
    scheme.legacy.as_deref() == sha1.then_some(LEGACY_REASON)
}

fn secrets_have_bytes(scheme: &Scheme) -> bool {
    scheme.way.iter().all(|way| {
        let [fewest, most] = way.key.bytes;
        fewest >= 1 && fewest <= most
    })
}

fn dedupe_is_signed(scheme: &Scheme) -> bool {
    // A static secret signs nothing, so the bytes received are all there is to tell repeats by.
    if is_static(scheme) {
        return scheme.dedupe.by == [Atom::Body];
    }
    scheme.dedupe.by.iter().all(|by| match by.place() {
        Some(place) => is_signed(scheme, &place),
        None => !matches!(by, Atom::Lit(_)) && in_every_message(scheme, |atom| atom == by),
    })
}

fn retention_is_enough(scheme: &Scheme) -> bool {
    match (scheme.tolerance(), scheme.dedupe.retain) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some((past, future)), Some(retain)) => {
            u64::from(retain) >= 2 * (u64::from(past) + u64::from(future))
        }
    }
}

fn acknowledges(scheme: &Scheme) -> bool {
    (200..=299).contains(&scheme.ack.status)
        && (scheme.ack.body.is_empty() || scheme.ack.content_type.is_some())
}
