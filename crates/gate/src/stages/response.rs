//! Response: what the client receives.
//!
//! Owns the head of every answer, the app's and ours: the app's fields less what belongs to one
//! connection, then the fields that tell a browser what not to do, then the request id. Refuses
//! weaker values of the app in their place, and fields of ours that an app made up.

use tokio::time::timeout;
use wire::{Answer, BodyFraming, Field, HeadWriter, Name};

use super::{
    cookies, cors,
    exchange::{Content, Exchange, OwnAnswer},
    files::FileAnswer,
    forward::Forwarding,
    login,
    output::{self, Way},
    own, rate,
    record::DISK_PATIENCE,
    session,
    sign_in::Page,
};
use crate::{
    core::Core,
    request_id,
    site::headers::{AppSaid, Frame, Referrer, ResponseHeaders},
};

/// A page for a person.
const HTML: &[u8] = b"text/html; charset=utf-8";

/// Hears the status of the app's final answer before a byte of it is relayed, and settles a
/// webhook delivery with it: done on 2xx, so that the provider's next copy finds it done. Awaits
/// only for webhook deliveries.
pub async fn answered(core: &Core, forwarding: &mut Forwarding, status: u16) {
    if let Some(claim) = forwarding.claim.take() {
        // A failure leaves the lease to run out, which is the table's own way of releasing. A store
        // that does not answer settles it when it does; the answer does not wait for ever.
        let now = core.gate.clock.now();
        let settled = core.gate.replay.settle(*claim, Some(status), now);
        let _ = timeout(DISK_PATIENCE, settled).await;
    }
}

/// Appends the head of the app's answer to `out`. `framing` is how its body will be sent to the
/// client and `keep_alive` whether the connection stays. Interim answers (100 to 199, 101
/// excepted) carry their own fields and none of ours.
#[cfg_attr(feature = "profile", inline(never))]
pub fn write_head(
    forwarding: &Forwarding,
    answer: &Answer<'_>,
    framing: BodyFraming,
    keep_alive: bool,
    out: &mut Vec<u8>,
) {
    let exchange = &forwarding.exchange;
    let headers = headers(exchange);
    let mut seen = AppSaid::default();
    // What the parser let through can be written; an answer that is not whole never comes here.
    let _ = HeadWriter::new(out).status_of(answer);
    let switching = answer.status() == 101;
    // A length without a body is what HEAD and 304 answer with; 1xx and 204 never do (RFC 9110
    // section 8.6).
    let announces =
        matches!(framing, BodyFraming::None) && answer.status() >= 200 && answer.status() != 204;
    let narrowed = forwarding.narrow().is_some();
    let stored = exchange.route().is_some_and(|route| route.output.download);
    let mut named = false;
    let rewritten = output::way(forwarding, answer) == Way::Table;
    for field in answer.fields() {
        let kept = match field.kind() {
            // Lengths, tags and dates of the whole answer would tell of what is not seen.
            kind if narrowed && !says_nothing_of_rows(kind) => false,
            kind if rewritten && output::describes_bytes(kind, field.name()) => false,
            Name::ContentLength => announces,
            Name::TransferEncoding => false,
            Name::SetCookie => {
                if !answer.connection_lists(field.name()) {
                    write_cookie(exchange, &field, out);
                }
                false
            }
            Name::XRequestId
            | Name::XVouchsafe
            | Name::XVouchsafeAssertion
            | Name::XVouchsafeDelivery
            | Name::XVouchsafeTicket => false,
            Name::Other => {
                !cors::speaks_of_origins(field.name())
                    && !headers.inside.tells(field.name())
                    && !answer.connection_lists(field.name())
            }
            kind if kind.is_hop_by_hop() => false,
            // The name to store it under is the app's to choose, and nothing else of it.
            Name::ContentDisposition if stored => {
                let first = !named && is_attachment(field.value());
                named |= first;
                first && !answer.connection_lists(field.name())
            }
            kind => {
                headers.keeps(kind, field.value(), &mut seen)
                    && !answer.connection_lists(field.name())
            }
        };
        if kept {
            HeadWriter::new(out).copy(&field);
        }
    }
    if answer.is_interim() {
        HeadWriter::new(out).end();
        return;
    }
    if switching {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else {
        write_framing(framing, out);
        if !keep_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        }
    }
    if narrowed {
        out.extend_from_slice(b"Cache-Control: no-store\r\n");
    }
    if stored {
        write_stored(answer.status(), named, out);
    }
    headers.write(exchange.secure, seen, out);
    cors::write(exchange, out);
    write_limit(exchange, out);
    write_id(exchange, out);
    out.extend_from_slice(b"\r\n");
}

/// Whether a value of `Content-Disposition` has a browser store what comes (RFC 6266, section 4.2).
fn is_attachment(value: &[u8]) -> bool {
    let kind = value.split(|byte| *byte == b';').next();
    let kind = kind.unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"attachment")
}

/// What people put there is stored by whoever asks for it, and runs nothing where a browser shows it all
/// the same. An error of the app is told and not stored.
fn write_stored(status: u16, named: bool, out: &mut Vec<u8>) {
    if !named && (200..300).contains(&status) {
        out.extend_from_slice(b"Content-Disposition: attachment\r\n");
    }
    out.extend_from_slice(b"Content-Security-Policy: ");
    out.extend_from_slice(INERT);
    out.extend_from_slice(b"\r\n");
}

/// The policy under which a document runs, loads and sends nothing.
const INERT: &[u8] = b"default-src 'none'; sandbox";

/// Appends what is told of an app's error in its place, head and body, and says how long the body is.
pub fn write_error(
    forwarding: &Forwarding,
    answer: &Answer<'_>,
    keep_alive: bool,
    out: &mut Vec<u8>,
) -> u64 {
    let exchange = &forwarding.exchange;
    let told = output::told(exchange, answer);
    output::write_status(answer, out);
    for field in answer.fields() {
        let kind = field.kind();
        if !output::passes_with_error(kind) || answer.connection_lists(field.name()) {
            continue;
        }
        if kind == Name::SetCookie {
            write_cookie(exchange, &field, out);
        } else {
            HeadWriter::new(out).copy(&field);
        }
    }
    let mut writer = HeadWriter::new(out);
    let _ = writer.field(b"Content-Type", told.content_type);
    let _ = writer.field(b"Cache-Control", own::NOT_KEPT);
    let length = told.body.len() as u64;
    let _ = writer.number(b"Content-Length", length);
    if !keep_alive {
        let _ = writer.field(b"Connection", b"close");
    }
    headers(exchange).write(exchange.secure, AppSaid::default(), out);
    cors::write(exchange, out);
    write_limit(exchange, out);
    write_id(exchange, out);
    out.extend_from_slice(b"\r\n");
    if exchange.head {
        return 0;
    }
    out.extend_from_slice(&told.body);
    length
}

/// Appends a cookie of the app, unless it bears a name of ours.
fn write_cookie(exchange: &Exchange, field: &Field<'_>, out: &mut Vec<u8>) {
    if session::sets_ours(field.value()) {
        return;
    }
    match exchange.route() {
        Some(route) if !route.output.cookies.left => {
            let deployment = exchange.site.deployment();
            cookies::write(&route.output.cookies, deployment, field.value(), out);
        }
        _ => HeadWriter::new(out).copy(field),
    }
}

/// Whether a field of an answer passes where not all of the answer does.
const fn says_nothing_of_rows(kind: Name) -> bool {
    matches!(
        kind,
        Name::ContentType
            | Name::Date
            | Name::Location
            | Name::RetryAfter
            | Name::SetCookie
            | Name::Vary
            | Name::WwwAuthenticate
    )
}

/// Appends an answer of our own to `out`, head and body.
pub fn write_own(answer: &OwnAnswer, keep_alive: bool, out: &mut Vec<u8>) {
    let exchange = &answer.exchange;
    let mut writer = HeadWriter::new(out);
    let _ = writer.status_line(answer.status(), b"");
    let _ = writer.field(b"Date", http_date(exchange.at).as_bytes());
    let refused: Vec<u8>;
    let (content_type, body): (&[u8], &[u8]) = match &answer.content {
        Content::Document(own::Document::Preflight) => (b"", b""),
        Content::Document(document @ own::Document::Challenge(_)) => {
            (b"application/octet-stream", document.body())
        }
        Content::Document(document) => (b"application/json", document.body()),
        Content::Sent(sent) => {
            if let Some(location) = &sent.location {
                let _ = writer.field(b"Location", location.as_bytes());
            }
            for cookie in sent.cookies() {
                let _ = writer.field(b"Set-Cookie", &cookie);
            }
            (b"", b"")
        }
        Content::Duplicate(ack) => (
            ack.content_type.as_deref().unwrap_or_default().as_bytes(),
            ack.body.as_bytes(),
        ),
        Content::Question(answer) => (
            answer
                .content_type
                .as_deref()
                .unwrap_or_default()
                .as_bytes(),
            &answer.body,
        ),
        Content::Refusal(refusal) => {
            if let Some(seconds) = refusal.retry_after {
                let _ = writer.number(b"Retry-After", seconds.into());
            }
            if refusal.status == 401 && exchange.clears {
                let _ = writer.field(b"Set-Cookie", &login::cleared());
            }
            if let Some(place) = exchange.goes_to_login(refusal) {
                let _ = writer.field(b"Location", place.as_bytes());
            } else if refusal.status == 401 {
                // RFC 6750, section 3.1: an error is named where a token came.
                let challenge: &[u8] = if refusal.control == identity::refusal::TOKEN {
                    b"Bearer realm=\"vouchsafe\", error=\"invalid_token\""
                } else {
                    b"Bearer realm=\"vouchsafe\""
                };
                let _ = writer.field(b"WWW-Authenticate", challenge);
            }
            if let Some(place) = &exchange.moved {
                let _ = writer.field(b"Location", place.as_bytes());
            }
            if let Some(allowed) = &exchange.allowed {
                let _ = writer.field(b"Allow", allowed.as_bytes());
            }
            if let Some(page) = &exchange.page {
                (HTML, page.body())
            } else {
                let told = exchange.told.as_deref().unwrap_or(refusal.public);
                refused = refusal_body(exchange, told);
                (b"application/json", &refused)
            }
        }
        Content::Page(page) => (HTML, page.body()),
        Content::File(file) => (file.media.as_bytes(), file.text()),
    };
    if !content_type.is_empty() {
        let _ = writer.field(b"Content-Type", content_type);
    }
    let caching = match &answer.content {
        Content::Document(document) => document.caching(),
        Content::File(file) => file.caching.as_bytes(),
        _ => own::NOT_KEPT,
    };
    let _ = writer.field(b"Cache-Control", caching);
    let length = match &answer.content {
        Content::File(file) => {
            write_file(file, &mut writer);
            file.length
        }
        // No length goes with a 204 (RFC 9110, section 8.6).
        _ => (answer.status() != 204).then_some(body.len() as u64),
    };
    if let Some(length) = length {
        let _ = writer.number(b"Content-Length", length);
    }
    if !keep_alive || answer.closes() {
        let _ = writer.field(b"Connection", b"close");
    }
    if let Content::Page(_) | Content::Refusal(_) = &answer.content
        && content_type == HTML
    {
        write_page_headers(exchange, out);
    } else {
        headers(exchange).write(exchange.secure, AppSaid::default(), out);
    }
    cors::write(exchange, out);
    if let Content::Document(own::Document::Preflight) = &answer.content {
        cors::write_preflight(exchange, out);
    }
    write_limit(exchange, out);
    write_id(exchange, out);
    out.extend_from_slice(b"\r\n");
    if !exchange.head {
        out.extend_from_slice(body);
    }
}

/// What is said of a file besides its type and length. One that is only ever stored runs nothing, should
/// a browser show it all the same.
fn write_file(file: &FileAnswer, writer: &mut HeadWriter<'_>) {
    if let Some((tag, date)) = &file.version {
        let _ = writer.field(b"ETag", tag.as_bytes());
        let _ = writer.field(b"Last-Modified", date.as_bytes());
        let _ = writer.field(b"Accept-Ranges", b"bytes");
    }
    if let Some(range) = &file.range {
        let _ = writer.field(b"Content-Range", range.as_bytes());
    }
    if let Some(disposition) = &file.disposition {
        let _ = writer.field(b"Content-Disposition", disposition.as_bytes());
        let _ = writer.field(b"Content-Security-Policy", INERT);
    }
}

/// What a browser may do with a page of ours, whatever the site says of the app's. The referrer stays
/// within the origin, because without one a browser would not say where a form comes from.
fn write_page_headers(exchange: &Exchange, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Security-Policy: ");
    out.extend_from_slice(Page::policy().as_bytes());
    out.extend_from_slice(b"\r\n");
    let of_site = exchange.site.headers();
    let (hsts, preload) = (of_site.hsts, of_site.preload);
    let own = ResponseHeaders::new(true, Frame::Deny, Referrer::SameOrigin, hsts, preload);
    own.write(exchange.secure, AppSaid::default(), out);
}

/// What a refused client is told: what to do, and the id under which the operator finds why.
fn refusal_body(exchange: &Exchange, public: &str) -> Vec<u8> {
    let id = request_id::hex(&exchange.id);
    let body = serde_json::json!({
        "error": public,
        "request": String::from_utf8_lossy(&id),
    });
    let mut bytes = body.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

fn headers(exchange: &Exchange) -> &ResponseHeaders {
    exchange
        .route()
        .map_or_else(|| exchange.site.headers(), |route| &route.headers)
}

/// How the caller stands with the nearest of its limits, where it has any.
fn write_limit(exchange: &Exchange, out: &mut Vec<u8>) {
    if let Some((rate, standing)) = rate::told(exchange)
        && let Some(pace) = rate.pace()
    {
        standing.write(&rate.name, pace, out);
    }
}

fn write_id(exchange: &Exchange, out: &mut Vec<u8>) {
    out.extend_from_slice(b"X-Request-Id: ");
    out.extend_from_slice(&request_id::hex(&exchange.id));
    out.extend_from_slice(b"\r\n");
}

/// Appends the field that frames a body of this kind.
pub(super) fn write_framing(framing: BodyFraming, out: &mut Vec<u8>) {
    match framing {
        BodyFraming::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        BodyFraming::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        BodyFraming::None | BodyFraming::UntilClose => {}
    }
}

/// A date as HTTP writes it (RFC 9110, section 5.6.7).
fn http_date(at: control::Timestamp) -> String {
    let form = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time::OffsetDateTime::from_unix_timestamp(at.seconds())
        .ok()
        .and_then(|at| at.format(&form).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_in_the_standard() {
        // The example of RFC 9110, section 5.6.7.
        let at = control::Timestamp::from_seconds(784_111_777);
        assert_eq!(http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
