//! The canonical bytes of an event.
//!
//! Owns the one JSON form of each event: keys in a fixed order, integers only, what is absent left
//! out. These bytes are what is stored, hashed and shown. Runs on the writer thread, where client
//! and principal become pseudonyms.

use std::sync::{Arc, Mutex, PoisonError};

use seal::encode::hex_of_16;

use crate::{
    event::{Event, Kind, Notice, PrincipalId, RequestId, RouteIndex, Value},
    pseudonyms::Pseudonyms,
};

/// Version of the form; stands first in every entry.
const VERSION: &[u8] = b"{\"v\":1";

/// A key with the comma before and the colon behind it, checked by the compiler to need no escape.
#[derive(Clone, Copy)]
struct Key(&'static [u8]);

impl Key {
    const fn new(text: &'static str) -> Self {
        let mut rest = text.as_bytes();
        assert!(matches!(rest, [b',', b'"', .., b'"', b':']));
        let mut quotes = 0;
        while let [byte, more @ ..] = rest {
            assert!(matches!(byte, b'a'..=b'z' | b',' | b':' | b'"'));
            if *byte == b'"' {
                quotes += 1;
            }
            rest = more;
        }
        assert!(quotes == 2);
        Self(text.as_bytes())
    }
}

const TIME: Key = Key::new(",\"time\":");
const KIND: Key = Key::new(",\"kind\":");
const REQUEST: Key = Key::new(",\"request\":");
const ROUTE: Key = Key::new(",\"route\":");
const CONTROL: Key = Key::new(",\"control\":");
const REASON: Key = Key::new(",\"reason\":");
const OBSERVED: Key = Key::new(",\"observed\":");
const BECAUSE: Key = Key::new(",\"because\":");
const STATUS: Key = Key::new(",\"status\":");
const PRINCIPAL: Key = Key::new(",\"principal\":");
const CLIENT: Key = Key::new(",\"client\":");
const COUNT: Key = Key::new(",\"count\":");
const SENT: Key = Key::new(",\"sent\":");
const RECEIVED: Key = Key::new(",\"received\":");
const MICROS: Key = Key::new(",\"micros\":");
const CUT: Key = Key::new(",\"cut\":");

/// The most of one text that is kept, in bytes.
const TEXT_LIMIT: usize = 1024;

/// The most that the values of one notice take, in bytes.
const VALUES_LIMIT: usize = 32 * 1024;

/// The names under which routes were made known, by index. Only ever grows.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<Vec<Arc<str>>>);

impl Routes {
    /// The index of `id`, new or not; `None` when all are taken.
    pub(crate) fn index(&self, id: &str) -> Option<RouteIndex> {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match routes.iter().position(|known| **known == *id) {
            Some(place) => place,
            None if routes.len() >= usize::from(u16::MAX) => return None,
            None => {
                routes.push(id.into());
                routes.len() - 1
            }
        };
        u16::try_from(place).ok().map(RouteIndex)
    }

    fn snapshot(&self) -> Vec<Arc<str>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Encodes events, one at a time.
pub(crate) struct Encoder {
    pub(crate) pseudonyms: Pseudonyms,
    routes: Arc<Routes>,
    /// The names of the routes as JSON strings, by index.
    known_routes: Vec<Box<[u8]>>,
    out: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(pseudonyms: Pseudonyms, routes: Arc<Routes>) -> Self {
        Self {
            pseudonyms,
            routes,
            known_routes: Vec::new(),
            out: Vec::with_capacity(1024),
        }
    }

    /// The bytes of `event`; `count` says how many it stands for.
    pub(crate) fn event(&mut self, event: &Event, count: Option<u64>) -> &[u8] {
        self.begin(event.time.millis(), event.kind, event.request);
        if let Some(route) = event.route {
            self.route(route);
        }
        if let Some(control) = event.control {
            self.string(CONTROL, control.0);
        }
        if let Some(reason) = event.reason {
            self.string(REASON, reason.0);
        }
        if let Some((control, reason)) = event.observed {
            self.string(OBSERVED, control.0);
            self.string(BECAUSE, reason.0);
        }
        self.number(STATUS, event.status);
        self.principal(event.principal);
        if let Some(client) = event.client {
            let sealed = self.pseudonyms.client(client);
            write_pseudonym(&mut self.out, CLIENT, sealed);
        }
        self.number(COUNT, count);
        self.number(SENT, event.sent);
        self.number(RECEIVED, event.received);
        self.number(MICROS, event.micros);
        self.end()
    }

    /// The bytes of `notice`.
    pub(crate) fn notice(&mut self, notice: &Notice) -> &[u8] {
        self.begin(notice.time.millis(), notice.kind, notice.request);
        self.principal(notice.principal);
        let limit = self.out.len() + VALUES_LIMIT;
        for (name, value) in &notice.values {
            let before = self.out.len();
            self.key(name);
            match value {
                Value::Text(text) => write_string(&mut self.out, kept(text)),
                Value::Count(number) => write_number(&mut self.out, *number),
                Value::List(list) => {
                    self.out.push(b'[');
                    for (i, text) in list.iter().enumerate() {
                        if i > 0 {
                            self.out.push(b',');
                        }
                        write_string(&mut self.out, kept(text));
                    }
                    self.out.push(b']');
                }
            }
            if self.out.len() > limit {
                // An entry must fit a bundle: what is too much is left out, and that is said.
                self.out.truncate(before);
                self.number(CUT, Some(1_u8));
                break;
            }
        }
        self.end()
    }

    fn begin(&mut self, time: i64, kind: Kind, request: Option<RequestId>) {
        self.out.clear();
        self.out.extend_from_slice(VERSION);
        self.number(TIME, Some(time));
        self.string(KIND, kind.0);
        if let Some(request) = request {
            self.out.extend_from_slice(REQUEST.0);
            self.out.push(b'"');
            // Digits need no escape.
            self.out.extend_from_slice(&hex_of_16(&request.0));
            self.out.push(b'"');
        }
    }

    fn end(&mut self) -> &[u8] {
        self.out.push(b'}');
        &self.out
    }

    fn principal(&mut self, principal: Option<PrincipalId>) {
        if let Some(principal) = principal {
            let sealed = self.pseudonyms.principal(principal);
            write_pseudonym(&mut self.out, PRINCIPAL, sealed);
        }
    }

    fn route(&mut self, RouteIndex(index): RouteIndex) {
        if self.known_routes.len() <= usize::from(index) {
            let routes = self.routes.snapshot();
            self.known_routes = routes.iter().map(|route| quoted(route)).collect();
        }
        let known = self.known_routes.get(usize::from(index));
        self.out.extend_from_slice(ROUTE.0);
        self.out
            .extend_from_slice(known.map_or(b"\"unknown\"", |route| route));
    }

    fn key(&mut self, name: &str) {
        self.out.push(b',');
        write_string(&mut self.out, name);
        self.out.push(b':');
    }

    fn string(&mut self, name: Key, value: &str) {
        self.out.extend_from_slice(name.0);
        write_string(&mut self.out, value);
    }

    fn number<N: itoa::Integer>(&mut self, name: Key, value: Option<N>) {
        if let Some(value) = value {
            self.out.extend_from_slice(name.0);
            write_number(&mut self.out, value);
        }
    }
}

fn write_number<N: itoa::Integer>(out: &mut Vec<u8>, number: N) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes a pseudonym, which was made a JSON string when it was made.
fn write_pseudonym(out: &mut Vec<u8>, name: Key, sealed: Option<&str>) {
    out.extend_from_slice(name.0);
    out.extend_from_slice(sealed.unwrap_or("\"unknown\"").as_bytes());
}

/// `text` as a JSON string.
fn quoted(text: &str) -> Box<[u8]> {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(&mut out, text);
    out.into()
}

/// Whether no byte of a JSON string needs an escape, looked at eight at a time.
fn is_plain(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let (words, rest) = bytes.as_chunks::<8>();
    let marks = words.iter().fold(0, |marks, word| {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        marks | control | zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64))
    });
    // A borrow may mark a byte wrongly, but only above one that is marked rightly.
    marks & (ONES * 0x80) == 0
        && rest
            .iter()
            .all(|byte| *byte >= 0x20 && !matches!(byte, b'"' | b'\\'))
}

/// Writes a JSON string (RFC 8259 section 7); what needs no escape is copied.
fn write_string(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(out, text);
    }
}

/// As much of `text` as is kept.
fn kept(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_LIMIT))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests;
