//! Rows: what may be seen of an app's answer.
//!
//! Owns the step from whoever may ask to what they may see, and the refusals of answers that cannot be
//! cut. Refuses to open a tunnel where answers are cut: what goes through one is not an answer. The
//! cutting itself is [`identity::rows`].

use control::{Reason, Refusal};
use identity::{
    Authorised, Sight,
    refusal::ROWS,
    rows::{Narrow, Unseen},
};
use wire::{Answer, Name, Request};

use crate::site::route::Route;

const UPGRADE: Refusal = Refusal::new(
    ROWS,
    403,
    "No other protocol is spoken here.",
    Reason("rows-upgrade"),
);

const NOT_THEIRS: Refusal = Refusal::new(
    ROWS,
    404,
    "Nothing is here that you may see.",
    Reason("rows-not-theirs"),
);

/// The answer is no JSON, or does not hold what its collection says.
const UNREADABLE: Refusal = unseen("rows-unreadable");

/// The answer is longer than what is cut.
pub(crate) const TOO_LARGE: Refusal = unseen("rows-too-large");

const fn unseen(reason: &'static str) -> Refusal {
    let public = "The application gave an answer that cannot be shown to you.";
    Refusal::new(ROWS, 502, public, Reason(reason))
}

/// What whoever asks may see of the answer to `request`.
pub(crate) fn judge(
    authorised: &Authorised,
    route: &Route,
    request: &Request<'_>,
) -> Result<Sight, Refusal> {
    let sight = authorised.sight(route.answers.as_ref(), request.method_text())?;
    if sight.narrow().is_some() && request.is_websocket() {
        return Err(UPGRADE);
    }
    Ok(sight)
}

/// Whether an answer has a body that can be cut; `None` where it has none to show.
///
/// What an app says of an error may name a row, so nothing but its status passes.
pub(crate) fn has_rows(answer: &Answer<'_>) -> Result<bool, Refusal> {
    if !matches!(answer.status(), 200..=299) || matches!(answer.status(), 204 | 205) {
        return Ok(false);
    }
    let whole = answer.status() != 206;
    let plain = match answer.value(Name::ContentEncoding) {
        None => true,
        Some(coding) => coding.eq_ignore_ascii_case(b"identity"),
    };
    let json = answer.value(Name::ContentType).is_some_and(is_json);
    if whole && plain && json {
        Ok(true)
    } else {
        Err(UNREADABLE)
    }
}

/// Whether a media type is JSON's or one that is written as JSON (RFC 6839, section 3.1).
fn is_json(value: &[u8]) -> bool {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    essence == b"application/json"
        || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
}

/// What may be seen of a whole body.
pub(crate) fn cut(narrow: &Narrow, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    narrow.cut(body).map_err(|fault| match fault {
        Unseen::NotTheirs => NOT_THEIRS,
        Unseen::NoRows => UNREADABLE,
        Unseen::Ambiguous => unseen("rows-ambiguous"),
        Unseen::TooDeep => unseen("rows-too-deep"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_as_json_is_known_by_its_media_type() {
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
        ] {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        for other in [
            "",
            "text/json",
            "text/html",
            "application/json-seq",
            "application/x-ndjson",
        ] {
            assert!(!is_json(other.as_bytes()), "{other}");
        }
    }
}
