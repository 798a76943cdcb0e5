//! The head an app receives.
//!
//! Owns its order: first what the client sent and may send, then what we know of the request, so
//! that nothing of the client's follows ours. Refuses every field that speaks of identity or of one
//! connection, and every name that a server could fold into another.

use std::net::IpAddr;

use wire::{BodyFraming, Field, HeadWriter, Name, Request, WriteFault};

use crate::{
    request_id,
    stages::{authenticate::carries_credential, exchange::Exchange, response::write_framing},
};

/// The parts of one head.
pub(super) struct Head<'a> {
    /// The request.
    pub(super) exchange: &'a Exchange,
    /// The delivery it is, on a webhook route.
    pub(super) claim: Option<&'a hooks::Claim>,
    /// What the app is told of who asks.
    pub(super) assertion: Option<&'a str>,
    /// Whether a key of ours let it pass.
    pub(super) consumed: bool,
}

impl Head<'_> {
    pub(super) fn write(
        &self,
        request: &Request<'_>,
        framing: BodyFraming,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteFault> {
        let mut writer = HeadWriter::new(out);
        writer.request_line(request.method_bytes(), request.path_and_query())?;
        let host = Host::of(request, false).ok_or(WriteFault::Line)?;
        host.write(&mut writer, b"Host")?;
        self.copy_fields(request, &mut writer);
        // From here on everything is ours: nothing of the client's can follow and win.
        let asked = Host::of(request, self.exchange.forwarded_host).ok_or(WriteFault::Line)?;
        let proto: &[u8] = if self.exchange.secure {
            b"https"
        } else {
            b"http"
        };
        let address = Address::of(self.exchange.client);
        writer.field(b"X-Forwarded-For", address.text())?;
        writer.field(b"X-Forwarded-Proto", proto)?;
        asked.write(&mut writer, b"X-Forwarded-Host")?;
        let (open, close): (&[u8], &[u8]) = match self.exchange.client {
            IpAddr::V4(_) => (b"for=", b";host=\""),
            IpAddr::V6(_) => (b"for=\"[", b"]\";host=\""),
        };
        let port = asked.port_text();
        writer.field_of(
            b"Forwarded",
            &[
                open,
                address.text(),
                close,
                asked.host,
                port.text(),
                b"\";proto=",
                proto,
            ],
        )?;
        writer.field(b"X-Request-Id", &request_id::hex(&self.exchange.id))?;
        if let Some(assertion) = self.assertion {
            writer.field(b"X-Vouchsafe-Assertion", assertion.as_bytes())?;
        }
        if let Some(claim) = self.claim {
            writer.field(b"X-Vouchsafe-Delivery", claim.delivery_id().as_bytes())?;
        }
        if request.is_websocket() {
            out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        } else {
            write_framing(framing, out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn copy_fields(&self, request: &Request<'_>, writer: &mut HeadWriter<'_>) {
        for field in request.fields() {
            // Under 1.0 the expectation means nothing; sent on under 1.1 it would.
            let meant = field.kind() != Name::Expect || request.expects_continue();
            let stays = meant
                && passes_on(&field)
                && !carries_credential(&field, self.consumed)
                && !request.connection_lists(field.name());
            if stays {
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
        Name::Other => !field.speaks_of_identity() && plain_name(field.name()),
        kind => !kind.is_hop_by_hop() && !field.speaks_of_identity(),
    }
}

/// Whether a name is letters, digits and dashes. Servers that hand fields on as variables fold every
/// other byte into an underscore, where it meets the name of another field.
fn plain_name(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// A host as it was asked for.
struct Host<'a> {
    host: &'a [u8],
    port: Option<u16>,
}

impl<'a> Host<'a> {
    /// The host of the request, or the one a trusted proxy forwarded.
    fn of(request: &Request<'a>, forwarded: bool) -> Option<Self> {
        let authority = if forwarded {
            wire::Authority::parse(request.value(Name::XForwardedHost)?)
        } else {
            request.authority()
        }?;
        Some(Self {
            host: authority.host,
            port: authority.port,
        })
    }

    fn port_text(&self) -> Port {
        let mut port = Port {
            bytes: [b':', 0, 0, 0, 0, 0],
            length: 0,
        };
        if let Some(number) = self.port {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(number).as_bytes();
            if let Some(place) = port.bytes.get_mut(1..=digits.len()) {
                place.copy_from_slice(digits);
                port.length = 1 + digits.len();
            }
        }
        port
    }

    fn write(&self, writer: &mut HeadWriter<'_>, name: &[u8]) -> Result<(), WriteFault> {
        writer.field_of(name, &[self.host, self.port_text().text()])
    }
}

/// A port behind its colon, or nothing.
struct Port {
    bytes: [u8; 6],
    length: usize,
}

impl Port {
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
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
