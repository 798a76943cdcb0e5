//! Output: what becomes of an app's answer before it leaves.
//!
//! Owns the choice, made from the head of the answer alone: it passes, is told in our own words, is
//! rewritten, or is refused; and the words. Refuses a table that is coded or cut, in which no cell can be
//! read. Of an error nothing of the app's passes but when to come again and its cookies.

use control::{ControlId, Reason, Refusal};
use wire::{Answer, BodyFraming, HeadWriter, Name};

use super::{exchange::Exchange, forward::Forwarding};
use crate::{
    request_id,
    site::{described::Described, output::Tables},
};

/// The control that hides what an app says of its faults.
pub const ERRORS: ControlId = ControlId("gate.errors");

/// The control that makes formulas text.
pub const EXPORTS: ControlId = ControlId("gate.exports");

/// A table in which cells cannot be told.
pub(crate) const UNREADABLE: Refusal = Refusal::new(
    EXPORTS,
    502,
    "The application gave a table that cannot be passed on.",
    Reason("export-unreadable"),
);

/// The control that holds answers against their description.
pub const ANSWERS: ControlId = ControlId("gate.answers");

/// An answer that cannot be held against its description.
const UNDESCRIBED: Refusal = undescribed("answer-unreadable");

const fn undescribed(reason: &'static str) -> Refusal {
    let public = "The application gave an answer that is not as it was described.";
    Refusal::new(ANSWERS, 502, public, Reason(reason))
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It passes as it comes.
    Plain,
    /// It is told in our own words.
    Hidden,
    /// Its formulas are made text.
    Table,
    /// It is held against its description.
    Judged,
    /// It is not passed on.
    Refused(Refusal),
}

/// What becomes of `answer`, an app's final one.
pub(crate) fn way(forwarding: &Forwarding, answer: &Answer<'_>) -> Way {
    let Some(route) = forwarding.exchange.route() else {
        return Way::Plain;
    };
    let output = &route.output;
    if output.errors.hide(answer.status()) {
        return Way::Hidden;
    }
    if !output.is_read() || !forwarding.is_of_an_app() {
        return Way::Plain;
    }
    let is_table = |tables: Tables| tables.has(answer);
    let (way, refusal) = if output.csv.is_some_and(is_table) {
        (Way::Table, UNREADABLE)
    } else if output.described.is_some() && has_body(answer) {
        (Way::Judged, UNDESCRIBED)
    } else {
        return Way::Plain;
    };
    let mut fields = answer.fields();
    let coded = fields.any(|field| {
        let coding = field.kind() == Name::ContentEncoding;
        coding && !field.value().eq_ignore_ascii_case(b"identity")
    });
    if coded || answer.status() == 206 {
        Way::Refused(refusal)
    } else {
        way
    }
}

/// Whether a description speaks of this answer.
fn has_body(answer: &Answer<'_>) -> bool {
    matches!(answer.status(), 200..=299) && answer.framing() != BodyFraming::None
}

/// How long an answer may be that is judged, and what is said of a longer one.
pub(crate) fn bound(forwarding: &Forwarding) -> (u64, Refusal) {
    let described = described(forwarding);
    let largest = described.map_or(0, |described| described.largest);
    (largest, undescribed("answer-too-large"))
}

/// Holds a whole answer against what its route says of answers, where it says something.
pub(crate) fn judge(
    forwarding: &Forwarding,
    answer: &Answer<'_>,
    body: &[u8],
) -> Result<(), Refusal> {
    let Some(described) = described(forwarding) else {
        return Ok(());
    };
    let content_type = answer.value(Name::ContentType);
    let operation = forwarding.exchange.operation;
    // Whoever asked for what is not described was let pass, and so is the answer.
    if described.is_contract() && operation.is_none() && forwarding.exchange.observed.is_some() {
        return Ok(());
    }
    let judged = described.judge(operation, answer.status(), content_type, body);
    judged
        .map(drop)
        .map_err(|refusal| undescribed(refusal.code()))
}

fn described(forwarding: &Forwarding) -> Option<&Described> {
    let route = forwarding.exchange.route()?;
    route.output.described.as_deref()
}

/// Whether a field speaks of the bytes of a body, which are not the app's any more.
pub(super) fn describes_bytes(kind: Name, name: &[u8]) -> bool {
    const OTHERS: [&[u8]; 6] = [
        b"accept-ranges",
        b"content-digest",
        b"content-md5",
        b"content-range",
        b"digest",
        b"repr-digest",
    ];
    match kind {
        Name::ETag | Name::ContentLength => true,
        Name::Other => OTHERS.iter().any(|one| name.eq_ignore_ascii_case(one)),
        _ => false,
    }
}

/// Whether a field of an error's head passes where its body does not.
pub(super) const fn passes_with_error(kind: Name) -> bool {
    matches!(
        kind,
        Name::Date | Name::RetryAfter | Name::SetCookie | Name::WwwAuthenticate
    )
}

/// What a client is told instead of an app's error: its kind and its words.
pub(super) struct Told {
    pub(super) content_type: &'static [u8],
    pub(super) body: Vec<u8>,
}

/// The words for an error, as a page where the app had one for a browser and as JSON otherwise.
pub(super) fn told(exchange: &Exchange, answer: &Answer<'_>) -> Told {
    let id = request_id::hex(&exchange.id);
    let id = String::from_utf8_lossy(&id);
    let what = match answer.status() {
        503 => "The application is not available just now.",
        500.. => "The application failed to answer this request.",
        _ => "The application did not accept this request.",
    };
    let page = answer.value(Name::ContentType).is_some_and(is_page);
    if page {
        let body = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{}</title>\n\
             <h1>{what}</h1>\n<p>Whoever looks after it finds the cause under this number: \
             <code>{id}</code></p></html>\n",
            answer.status()
        );
        return Told {
            content_type: b"text/html; charset=utf-8",
            body: body.into_bytes(),
        };
    }
    let mut body = serde_json::json!({ "error": what, "request": id }).to_string();
    body.push('\n');
    Told {
        content_type: b"application/json",
        body: body.into_bytes(),
    }
}

fn is_page(content_type: &[u8]) -> bool {
    const PAGES: [&[u8]; 2] = [b"text/html", b"application/xhtml+xml"];
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    let essence = essence.trim_ascii();
    PAGES.iter().any(|page| essence.eq_ignore_ascii_case(page))
}

/// Appends the line of an error: the app's status, and never its own phrase.
pub(super) fn write_status(answer: &Answer<'_>, out: &mut Vec<u8>) {
    // A status that can be parsed can be written.
    let _ = HeadWriter::new(out).status_line(answer.status(), b"");
}
