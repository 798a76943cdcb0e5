//! A probe's request, read as a careless peer would.
//!
//! Owns the lenient reading and rewriting that shams need. Nothing outside a sham may use it.

/// The field that carries a ticket.
const TICKET: &str = "x-vouchsafe-ticket";

/// The request with the first address of `X-Forwarded-For` alone: what the client says of itself.
pub(super) fn leftmost(bytes: &[u8]) -> Vec<u8> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let (head, rest) = bytes.split_at(end);
    let named = |line: &[u8]| {
        line.get(..16)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"x-forwarded-for:"))
    };
    let mut altered = Vec::with_capacity(bytes.len());
    for (number, line) in head.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            altered.push(b'\n');
        }
        match line.iter().position(|byte| *byte == b',') {
            Some(comma) if named(line) => {
                altered.extend_from_slice(line.get(..comma).unwrap_or_default());
                altered.push(b'\r');
            }
            _ => altered.extend_from_slice(line),
        }
    }
    altered.extend_from_slice(rest);
    altered
}

/// A request as a careless peer understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads what it can.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
        let mut lines = head.split('\n').map(|line| line.trim_end_matches('\r'));
        let mut words = lines.next()?.split(' ');
        Some(Self {
            method: words.next()?.to_owned(),
            target: words.next()?.to_owned(),
            fields: lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect(),
            body: bytes.get(end + 4..).unwrap_or_default().to_vec(),
        })
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn ticket(&self) -> Option<&str> {
        self.field(TICKET)
    }

    pub(super) fn hosts(&self) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Whether the target itself leaves no doubt.
    pub(super) fn plain_target(&self) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
        self.target.starts_with('/')
            && self.target.bytes().all(plain)
            && !self.target.contains("..")
            && !self.target.contains("//")
    }

    /// The same question without anything two parsers could differ about.
    pub(super) fn sanitised(&self, host: &str) -> Self {
        let kept = |name: &str| {
            self.field(name)
                .map(|value| (name.to_owned(), value.to_owned()))
        };
        Self {
            method: self.method.clone(),
            target: self.target.clone(),
            fields: [
                Some(("Host".to_owned(), host.to_owned())),
                kept("X-API-Key"),
                kept("Cookie"),
            ]
            .into_iter()
            .flatten()
            .collect(),
            body: Vec::new(),
        }
    }

    pub(super) fn for_host(mut self, host: &str) -> Self {
        for (name, value) in &mut self.fields {
            if name.eq_ignore_ascii_case("host") {
                host.clone_into(value);
            }
        }
        self
    }

    pub(super) fn for_target(&self, target: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            target: target.to_owned(),
            ..self.clone()
        }
    }

    /// With the key from its query in a header; `None` without one.
    pub(super) fn key_from_query(&self) -> Option<Self> {
        let (path, query) = self.target.split_once('?')?;
        let key = query.split('&').find_map(|pair| {
            let (_, value) = pair.split_once('=')?;
            value.starts_with("vsk_").then(|| value.to_owned())
        })?;
        Some(
            Self {
                target: path.to_owned(),
                ..self.clone()
            }
            .with_key(&key),
        )
    }

    pub(super) fn with_key(self, key: &str) -> Self {
        self.with("X-API-Key", key)
    }

    pub(super) fn with_cookie(self, cookie: &str) -> Self {
        self.with("Cookie", cookie)
    }

    pub(super) fn with_origin(self, origin: &str) -> Self {
        self.with("Origin", origin)
    }

    /// Whether it may change something and does not say that a page of ours sent it.
    pub(super) fn comes_from_elsewhere(&self) -> bool {
        let reads = ["GET", "HEAD", "OPTIONS"].contains(&self.method.as_str());
        let changes = !reads || self.field("upgrade").is_some();
        changes && self.field("sec-fetch-site") != Some("same-origin")
    }

    pub(super) fn with_ticket(self, ticket: &str) -> Self {
        self.with("X-Vouchsafe-Ticket", ticket)
    }

    /// Without anything in its path that a gate refuses whoever asks.
    pub(super) fn without_tricks(mut self) -> Self {
        if !self.plain_target() {
            let path = self
                .target
                .split(['?', '#', ';', '%'])
                .next()
                .unwrap_or("/");
            self.target = path.replace("//", "/");
        }
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let ours = ["content-length", "transfer-encoding", "connection"];
        for (name, value) in &self.fields {
            if !ours.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if !self.body.is_empty() || self.method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ambiguous_request_becomes_a_plain_one() {
        let bytes = b"GET /a HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\nX-One: 1\nX-Vouchsafe-Ticket: t\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n";
        let request = Request::read(bytes).unwrap();
        assert_eq!((request.ticket(), request.hosts()), (Some("t"), vec!["x"]));
        let plain = request.sanitised("y").with_ticket("u").bytes();
        let expected = "GET /a HTTP/1.1\r\nHost: y\r\nX-API-Key: k\r\nX-Vouchsafe-Ticket: u\r\nConnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(plain).unwrap(), expected);
    }

    #[test]
    fn a_key_moves_from_the_query_to_a_header() {
        let request = Request::read(b"GET /a?api_key=vsk_a_b HTTP/1.1\r\n\r\n").unwrap();
        let moved = request.key_from_query().unwrap();
        assert_eq!(
            (moved.target.as_str(), moved.field("x-api-key")),
            ("/a", Some("vsk_a_b"))
        );
        assert_eq!(moved.key_from_query(), None);
    }

    #[test]
    fn only_targets_without_doubt_are_plain() {
        let plain = |target: &str| {
            Request::read(format!("GET {target} HTTP/1.1").as_bytes())
                .unwrap()
                .plain_target()
        };
        assert!(plain("/a/b.c"));
        assert!(
            !["/a#b", "/a%2fb", "/a/../b", "//a", "http://x/"]
                .into_iter()
                .any(plain)
        );
    }
}
