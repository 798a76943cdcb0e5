//! A request as a probe writes it.
//!
//! Owns the spelling of plain requests and their tickets, so that a twin and an attack differ only
//! where a probe says so. Attacks on framing write their bytes themselves.

use control::{
    Target,
    probe::{Reply, TargetError, TicketWish},
    rng,
};

use super::{bodies, uploads};

/// The field that carries a ticket.
pub(super) const TICKET: &str = "X-Vouchsafe-Ticket";

/// Bytes of a chunk.
const CHUNK: usize = 32 * 1024;

/// Stands in a draft for a length that is announced instead of that of its body.
pub(super) const ANNOUNCED: &str = "Content-Length";

/// A request that is not sent yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Draft {
    /// A request for `target` under the deployment's public name, with a body where its route takes
    /// none but those it gives an example of.
    pub(super) fn new(at: &dyn Target, method: &str, target: &str) -> Self {
        let draft = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            host: at.facts().public_host.clone(),
            fields: Vec::new(),
            body: Vec::new(),
        };
        if matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
            return draft;
        }
        match bodies::example(at, target) {
            Some(example) => example.on(draft),
            None => uploads::on(at, draft),
        }
    }

    pub(super) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.fields
            .retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Type"));
        self.field("Content-Type", content_type)
    }

    pub(super) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// The same request with a ticket for exactly these bytes.
    pub(super) fn ticketed(self, at: &dyn Target) -> Result<Self, TargetError> {
        let ticket = at.ticket(&TicketWish {
            method: &self.method,
            target: &self.target,
            body: &self.body,
            webhook: None,
        })?;
        Ok(self.field(TICKET, &ticket.value))
    }

    /// The bytes; the length is declared for every request that has or may have a body, unless a field
    /// of it says otherwise.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.method, self.target, self.host
        );
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let is = |wanted: &str| {
            let mut names = self.fields.iter().map(|(name, _)| name);
            names.any(|name| name.eq_ignore_ascii_case(wanted))
        };
        let chunked = is("Transfer-Encoding");
        if !chunked && !is(ANNOUNCED) && (!self.body.is_empty() || self.method != "GET") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        if chunked {
            for chunk in self.body.chunks(CHUNK) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            return bytes;
        }
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it as it is.
    pub(super) fn send(&self, at: &dyn Target) -> Result<Reply, TargetError> {
        at.send(&self.bytes())
    }
}

/// A canary that stands nowhere else: `vsc` and 24 hexadecimal digits.
pub(super) fn canary(at: &dyn Target) -> Result<String, TargetError> {
    let bytes: [u8; 12] =
        rng::array(at.rng()).map_err(|fault| TargetError::new("make a canary", fault))?;
    Ok(format!("vsc{}", seal::encode::hex(&bytes)))
}

/// What the app would have received, as the echo tells it.
pub(super) struct Echo {
    fields: Vec<(String, String)>,
}

impl Echo {
    /// The echo in an answer; `None` if something else answered.
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        let answer = reply.answer().filter(|answer| answer.status == 200)?;
        let json = answer.json()?;
        if json.get("echo")?.as_bool() != Some(true) {
            return None;
        }
        let fields = json
            .get("fields")?
            .as_array()?
            .iter()
            .filter_map(|pair| {
                let name = pair.get(0)?.as_str()?.to_owned();
                Some((name, pair.get(1)?.as_str()?.to_owned()))
            })
            .collect();
        Some(Self { fields })
    }

    /// The value of the field called `name`, ignoring case.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// The names of the fields whose value contains `canary`.
    pub(super) fn carrying(&self, canary: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(_, v)| v.contains(canary))
            .map(|(n, _)| n.as_str())
            .collect()
    }
}
