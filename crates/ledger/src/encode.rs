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
mod tests {
    use std::path::Path;

    use control::{ControlId, Reason, Timestamp, rng::CountingRng};
    use proptest::prelude::*;

    use super::*;
    use crate::{crash_disk::CrashDisk, tile::ENTRY_LIMIT};

    fn encoder() -> Encoder {
        let disk = Arc::new(CrashDisk::new(Path::new("/d")));
        let rng = Arc::new(CountingRng::from_seed(1));
        let mut pseudonyms = Pseudonyms::load(disk, Path::new("/d/keys"), rng).unwrap();
        pseudonyms.prepare(Timestamp::from_seconds(0)).unwrap();
        Encoder::new(pseudonyms, Arc::new(Routes::default()))
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn the_form_of_a_request_is_fixed() {
        let mut encoder = encoder();
        let mut event = Event::new(Timestamp::from_millis(1_763_719_200_007), Kind::REQUEST);
        assert_eq!(
            text(encoder.event(&event, None)),
            r#"{"v":1,"time":1763719200007,"kind":"request"}"#
        );
        event.request = Some(RequestId([0xab; 16]));
        event.route = encoder.routes.index("/webhook/\"a\"");
        event.control = Some(ControlId("hooks.signature"));
        event.reason = Some(Reason("signature-mismatch"));
        event.status = Some(403);
        event.sent = Some(20);
        event.received = Some(5);
        event.micros = Some(181);
        assert_eq!(
            text(encoder.event(&event, Some(3))),
            concat!(
                r#"{"v":1,"time":1763719200007,"kind":"request","#,
                r#""request":"abababababababababababababababab","route":"/webhook/\"a\"","#,
                r#""control":"hooks.signature","reason":"signature-mismatch","status":403,"#,
                r#""count":3,"sent":20,"received":5,"micros":181}"#
            )
        );
    }

    #[test]
    fn clients_and_principals_are_written_as_pseudonyms_alone() {
        let mut encoder = encoder();
        let mut event = Event::new(Timestamp::from_seconds(0), Kind::REQUEST);
        event.client = Some("203.0.113.7".parse().unwrap());
        event.principal = PrincipalId::new("mentor-key");
        let written = text(encoder.event(&event, None));
        assert!(!written.contains("203.0") && !written.contains("mentor"));
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        let open = |key: &str| encoder.pseudonyms.open(read[key].as_str().unwrap());
        assert_eq!(open("client").unwrap().to_string(), "client 203.0.113.7");
        assert_eq!(
            open("principal").unwrap().to_string(),
            "principal mentor-key"
        );
    }

    #[test]
    fn a_notice_that_is_too_long_is_cut_and_says_so() {
        let mut encoder = encoder();
        let long = vec!["é".repeat(2000); 100];
        let notice = Notice::new(Timestamp::from_seconds(1), Kind::KEY_CREATED)
            .text("id", "k1")
            .list("scopes", long)
            .count("days", -3);
        let bytes = encoder.notice(&notice);
        assert!(bytes.len() < ENTRY_LIMIT);
        assert_eq!(
            text(bytes),
            r#"{"v":1,"time":1000,"kind":"key.create","id":"k1","cut":1}"#
        );
        let short = Notice::new(Timestamp::from_seconds(1), Kind::KEY_CREATED)
            .list("scopes", vec!["GET /".to_owned(), "a".to_owned()])
            .count("days", -3);
        assert_eq!(
            text(encoder.notice(&short)),
            r#"{"v":1,"time":1000,"kind":"key.create","scopes":["GET /","a"],"days":-3}"#
        );
    }

    #[test]
    fn a_route_keeps_its_index_and_an_unknown_one_is_said_to_be() {
        let routes = Routes::default();
        let first = routes.index("/a").unwrap();
        assert_ne!(routes.index("/b").unwrap(), first);
        assert_eq!(routes.index("/a").unwrap(), first);
        let mut encoder = encoder();
        let mut event = Event::new(Timestamp::from_seconds(0), Kind::REQUEST);
        event.route = Some(RouteIndex(9));
        assert!(text(encoder.event(&event, None)).contains(r#""route":"unknown""#));
    }

    #[test]
    fn a_byte_that_needs_an_escape_is_seen_in_every_place() {
        let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
        for byte in 0..=255_u8 {
            for place in 0..20 {
                let mut bytes = *b"a~ !#[]^{}\x7f\x80\xff\xa2\xdc0123456";
                bytes[place] = byte;
                assert_eq!(is_plain(&bytes), plain(byte), "{byte:#x} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_text_is_written_as_a_json_library_writes_it(text in "\\PC*", more in "[\\x00-\\x7f]{0,24}") {
            let text = format!("{text}{more}");
            let expected = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(&*quoted(&text), expected.as_bytes());
        }

        #[test]
        fn every_notice_reads_back_as_json(value in "\\PC*", control in "[\\x00-\\x1f\"\\\\]{0,8}") {
            let mut encoder = encoder();
            let both = format!("{value}{control}");
            let notice = Notice::new(Timestamp::from_seconds(1), Kind::STARTED).text("x", &both);
            let read: serde_json::Value = serde_json::from_slice(encoder.notice(&notice)).unwrap();
            prop_assert_eq!(read["x"].as_str().unwrap(), kept(&both));
        }
    }
}
