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
