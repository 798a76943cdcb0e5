//! The head an app receives.
//!
//! Owns its order: first what the client sent and may send, then what we know of the request, so
//! that nothing of the client's follows ours. Refuses every field that speaks of identity or of one
//! connection, and every name that a server could fold into another.

use std::net::IpAddr;

use wire::{
    Authority, BodyFraming, Clean, CleanText, Field, HeadWriter, Name, OwnName, Request, WriteFault,
};

use crate::{
    request_id,
    stages::{authenticate::Credentials, exchange::Exchange, response::write_framing, session},
};

const HOST: OwnName = OwnName::new("Host: ");
const FORWARDED_FOR: OwnName = OwnName::new("X-Forwarded-For: ");
const FORWARDED_PROTO: OwnName = OwnName::new("X-Forwarded-Proto: ");
const FORWARDED_HOST: OwnName = OwnName::new("X-Forwarded-Host: ");
const FORWARDED: OwnName = OwnName::new("Forwarded: ");
const ACCEPT_ENCODING: OwnName = OwnName::new("Accept-Encoding: ");
const REQUEST_ID: OwnName = OwnName::new("X-Request-Id: ");
const ASSERTION: OwnName = OwnName::new("X-Vouchsafe-Assertion: ");
const DELIVERY: OwnName = OwnName::new("X-Vouchsafe-Delivery: ");

/// The parts of one head.
pub(super) struct Head<'a> {
    /// The request.
    pub(super) exchange: &'a Exchange,
    /// The delivery it is, on a webhook route.
    pub(super) claim: Option<&'a hooks::Claim>,
    /// What the app is told of who asks.
    pub(super) assertion: Option<&'a CleanText>,
    /// Whether a credential of ours let it pass.
    pub(super) consumed: bool,
    /// Whether the answer is read before it is passed on, and must come whole and uncoded.
    pub(super) whole: bool,
    /// How tokens of ours look.
    pub(super) tokens: &'a identity::token::KeyTokens,
}

impl Head<'_> {
    pub(super) fn write(
        &self,
        request: &Request<'_>,
        framing: BodyFraming,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteFault> {
        let mut writer = HeadWriter::new(out);
        writer.line_of(request)?;
        let received = request.authority().ok_or(WriteFault::Line)?;
        let port = Port::of(&received);
        writer.own(HOST, [received.clean_host(), port.clean()?]);
        self.copy_fields(request, &mut writer);
        if self.whole {
            writer.own(ACCEPT_ENCODING, [const { Clean::literal("identity") }]);
        }
        // From here on everything is ours: nothing of the client's can follow and win.
        let (asked, port) = self.asked(request, received, port)?;
        let (host, port) = (asked.clean_host(), port.clean()?);
        let proto = if self.exchange.secure {
            const { Clean::literal("https") }
        } else {
            const { Clean::literal("http") }
        };
        let address = Address::of(self.exchange.client);
        let address = Clean::new(address.text())?;
        writer.own(FORWARDED_FOR, [address]);
        writer.own(FORWARDED_PROTO, [proto]);
        writer.own(FORWARDED_HOST, [host, port]);
        let (open, close) = match self.exchange.client {
            IpAddr::V4(_) => const { (Clean::literal("for="), Clean::literal(";host=\"")) },
            IpAddr::V6(_) => const { (Clean::literal("for=\"["), Clean::literal("]\";host=\"")) },
        };
        let quote = const { Clean::literal("\";proto=") };
        writer.own(FORWARDED, [open, address, close, host, port, quote, proto]);
        let id = request_id::hex(&self.exchange.id);
        writer.own(REQUEST_ID, [Clean::new(&id)?]);
        if let Some(assertion) = self.assertion {
            writer.own(ASSERTION, [assertion.clean()]);
        }
        if let Some(claim) = self.claim {
            writer.own(DELIVERY, [Clean::new(claim.delivery_id().as_bytes())?]);
        }
        if request.is_websocket() {
            out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        } else {
            write_framing(framing, out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The host that was asked for: the one of the request, which is `received`, or the one a
    /// trusted proxy forwarded.
    fn asked<'r>(
        &self,
        request: &Request<'r>,
        received: Authority<'r>,
        port: Port,
    ) -> Result<(Authority<'r>, Port), WriteFault> {
        if !self.exchange.forwarded_host {
            return Ok((received, port));
        }
        let forwarded = request.value(Name::XForwardedHost);
        let asked = forwarded
            .and_then(Authority::parse)
            .ok_or(WriteFault::Line)?;
        Ok((asked, Port::of(&asked)))
    }

    fn copy_fields(&self, request: &Request<'_>, writer: &mut HeadWriter<'_>) {
        let credentials = Credentials::of(request, self.consumed, self.tokens);
        for field in request.fields() {
            // Under 1.0 the expectation means nothing; sent on under 1.1 it would.
            let meant = field.kind() != Name::Expect || request.expects_continue();
            let stays = meant
                && passes_on(&field)
                && !(self.whole && asks_for_a_part(&field))
                && !credentials.are_carried_by(&field)
                && !request.connection_lists(field.name());
            if !stays {
                continue;
            }
            if field.kind() == Name::Cookie && session::may_hold_ours(field.value()) {
                writer.copy_pairs(&field, |pair| !session::is_our_pair(pair));
            } else {
                writer.copy(&field);
            }
        }
    }
}

/// Whether a field of the client's may reach an app at all: it speaks neither of identity nor of
/// one connection, the writer does not set it anew, and its name means one thing to every server.
fn passes_on(field: &Field<'_>) -> bool {
    match field.kind() {
        Name::Host | Name::ContentLength => false,
        // Servers that hand fields on as variables fold every byte but letters, digits and dashes
        // into an underscore, where it meets the name of another field.
        Name::Other => !field.speaks_of_identity() && field.has_plain_name(),
        kind => !kind.is_hop_by_hop() && !field.speaks_of_identity(),
    }
}

/// Whether a field asks for less than a whole answer, or for one that cannot be read: what is cut must be
/// read whole, and what a client knows of a cut answer is not what the app knows of its own.
fn asks_for_a_part(field: &Field<'_>) -> bool {
    const PARTS: [&[u8]; 6] = [
        b"range",
        b"if-range",
        b"if-match",
        b"if-none-match",
        b"if-modified-since",
        b"if-unmodified-since",
    ];
    field.kind() == Name::AcceptEncoding
        || PARTS
            .iter()
            .any(|part| field.name().eq_ignore_ascii_case(part))
}

/// A port behind its colon, or nothing.
struct Port {
    bytes: [u8; 6],
    length: usize,
}

impl Port {
    fn of(authority: &Authority<'_>) -> Self {
        let mut port = Self {
            bytes: [b':', 0, 0, 0, 0, 0],
            length: 0,
        };
        if let Some(number) = authority.port() {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(number).as_bytes();
            if let Some(place) = port.bytes.get_mut(1..=digits.len()) {
                place.copy_from_slice(digits);
                port.length = 1 + digits.len();
            }
        }
        port
    }

    fn clean(&self) -> Result<Clean<'_>, WriteFault> {
        Clean::new(self.bytes.get(..self.length).unwrap_or_default())
    }
}

/// An address as text, formatted without machinery where it is IPv4.
struct Address {
    bytes: [u8; 46],
    length: usize,
}

impl Address {
    fn of(address: IpAddr) -> Self {
        let mut text = Self {
            bytes: [0; 46],
            length: 0,
        };
        match address {
            IpAddr::V4(four) => {
                for (at, octet) in four.octets().into_iter().enumerate() {
                    if at > 0 {
                        text.push(b".");
                    }
                    text.push(itoa::Buffer::new().format(octet).as_bytes());
                }
            }
            IpAddr::V6(six) => text.push(six.to_string().as_bytes()),
        }
        text
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
