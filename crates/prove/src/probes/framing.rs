//! Requests that two parsers could read differently.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, TargetError, TicketWish},
    sheet::Met,
};

use super::{
    draft::{Draft, TICKET},
    first_route, method_of,
};

/// Attacks `wire.framing`.
pub(super) struct Framing;

/// One ambiguous shape. `{m}` is the method, `{t}` the target, `{h}` the public host and `{k}` the
/// ticket field; `target` replaces the target where the shape is in the path.
struct Shape {
    name: &'static str,
    bytes: &'static str,
}

/// Where a body is declared it is `x`, and the ticket is bound to it.
const SHAPES: &[Shape] = &[
    shape("no Host", "{m} {t} HTTP/1.1\r\n{k}\r\n"),
    shape(
        "two Host fields",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "an absolute URI for another host",
        "{m} http://other.invalid{t} HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "Content-Length and Transfer-Encoding",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    shape(
        "two equal Content-Length fields",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    ),
    shape(
        "Content-Length with a sign",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}Content-Length: +0\r\n\r\n",
    ),
    shape(
        "Transfer-Encoding in HTTP/1.0",
        "{m} {t} HTTP/1.0\r\nHost: {h}\r\n{k}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    shape(
        "a transfer coding that only looks like chunked",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    shape(
        "a space before the colon",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    shape(
        "a folded field",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}X-Fold: a\r\n b\r\n\r\n",
    ),
    shape(
        "NUL in a value",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}X-Nul: a\0b\r\n\r\n",
    ),
    shape(
        "bare LF between fields",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}X-One: 1\nX-Two: 2\r\n\r\n",
    ),
    shape(
        "bare LF behind a chunk size",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}Transfer-Encoding: chunked\r\n\r\n0\n\r\n",
    ),
    shape(
        "bytes behind an unknown upgrade",
        "{m} {t} HTTP/1.1\r\nHost: {h}\r\n{k}Connection: upgrade\r\nUpgrade: other\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ),
    shape(
        "a fragment in the target",
        "{m} {t}#x HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "an encoded slash",
        "{m} {t}%2fx HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "an encoded backslash",
        "{m} {t}%5cx HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "a dot segment",
        "{m} {t}/x/.. HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "an encoded dot segment",
        "{m} {t}/x/%2e%2e HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "an encoded NUL",
        "{m} {t}%00 HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
    shape(
        "double encoding",
        "{m} {t}%252e%252e HTTP/1.1\r\nHost: {h}\r\n{k}\r\n",
    ),
];

const fn shape(name: &'static str, bytes: &'static str) -> Shape {
    Shape { name, bytes }
}

impl Probe for Framing {
    fn promise(&self) -> &'static str {
        "wire.framing"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(route) = first_route(at, |guard| matches!(guard, Guard::Open(_)))
            .or_else(|| first_route(at, |guard| matches!(guard, Guard::Key(_))))
        else {
            sheet.unproven("no route takes a plain request");
            return Ok(());
        };
        let method = method_of(route).to_owned();
        // A bare `/` would turn the path shapes into `//x`.
        let target = route.path.trim_end_matches('/').to_owned();
        let whole = if target.is_empty() {
            "/".to_owned()
        } else {
            target.clone()
        };
        let key = match &route.guard {
            Guard::Key(roles) => Some(super::keys::wide_key(at, roles)?),
            Guard::Open(_) | Guard::Webhook(_) => None,
        };
        let mut plain = Draft::new(at, &method, &whole);
        if let Some(key) = &key {
            plain = plain.field("X-API-Key", key);
        }
        for shape in SHAPES {
            let twin = Met::status(&plain.clone().ticketed(at)?.send(at)?, &[200]);
            let in_path = shape.bytes.contains("{t}%") || shape.bytes.contains("{t}/");
            let base = if in_path { &target } else { &whole };
            let ticket = at.ticket(&TicketWish {
                method: &method,
                target: base,
                body: b"",
                webhook: None,
            })?;
            let mut fields = format!("{TICKET}: {}\r\n", ticket.value);
            if let Some(key) = &key {
                fields.push_str(&format!("X-API-Key: {key}\r\n"));
            }
            let bytes = shape
                .bytes
                .replace("{m}", &method)
                .replace("{t}", base)
                .replace("{h}", &at.facts().public_host)
                .replace("{k}", &fields);
            let reply = at.send(bytes.as_bytes())?;
            sheet.pair(shape.name, Met::status_or_closed(&reply, &[400]), twin);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_carries_a_ticket_and_ends_its_head() {
        for shape in SHAPES {
            assert!(shape.bytes.contains("{k}"), "{}", shape.name);
            assert!(
                shape.bytes.contains("\r\n\r\n") || shape.bytes.ends_with("{k}\r\n"),
                "{} never ends",
                shape.name
            );
        }
    }
}
