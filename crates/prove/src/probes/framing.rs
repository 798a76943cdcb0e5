//! Requests that two parsers could read differently.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{TargetError, TicketWish},
    sheet::Met,
};

use super::{
    draft::{Draft, TICKET},
    passing,
};

/// Attacks `wire.framing`.
pub(super) struct Framing;

/// One ambiguous shape. `{m}` is the method, `{t}` the target, `{h}` the public host and `{k}` the
/// ticket with the other fields that a plain request carries.
struct Shape {
    name: &'static str,
    bytes: &'static str,
}

/// Where a body is declared it is empty, and so is what the ticket is bound to.
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
        let Some(plain) = passing(at, sheet)? else {
            return Ok(());
        };
        let own: String = plain
            .fields
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        for shape in SHAPES {
            let twin = Met::status(&plain.clone().ticketed(at)?.send(at)?, &[200]);
            let bytes = shape.written(&plain, &at.facts().public_host);
            // The ticket admits the target as it is sent: were the shape let through, so would be
            // the request.
            let target = bytes.split(' ').nth(1).unwrap_or_default();
            let ticket = at.ticket(&TicketWish {
                method: &plain.method,
                target,
                body: b"",
                webhook: None,
            })?;
            let bytes = bytes.replace("{k}", &format!("{TICKET}: {}\r\n{own}", ticket.value));
            let reply = at.send(bytes.as_bytes())?;
            sheet.pair(shape.name, Met::status_or_closed(&reply, &[400]), twin);
        }
        Ok(())
    }
}

impl Shape {
    /// The bytes with all but the ticket put in.
    fn written(&self, plain: &Draft, host: &str) -> String {
        // A bare `/` would turn the shapes of a path into `//x`.
        let in_path = self.bytes.contains("{t}%") || self.bytes.contains("{t}/");
        let target = if in_path {
            plain.target.trim_end_matches('/')
        } else {
            &plain.target
        };
        self.bytes
            .replace("{m}", &plain.method)
            .replace("{t}", target)
            .replace("{h}", host)
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
