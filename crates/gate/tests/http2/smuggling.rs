//! A body is a body: whatever stands in it never becomes a request.

use std::sync::{Arc, Mutex};

use crate::{
    peer::{open, post},
    support::{Origin, ok},
};

#[test]
fn a_request_within_a_body_stays_there() {
    const SECOND: &str = "0\r\n\r\nGET /second HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let origin = Origin::answering(move |head, body| {
        let line = head.lines().next().unwrap_or_default().to_owned();
        told.lock().unwrap().push(line);
        ok(body)
    });
    let site = open(origin.address, "");
    site.with_client(async |mut client| {
        for announced in [true, false] {
            let mut request = post("/first");
            if announced {
                request = request.header("content-length", SECOND.len());
            }
            let answer = client.ask(request, SECOND.as_bytes()).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body, SECOND.as_bytes());
        }
    });
    assert_eq!(*seen.lock().unwrap(), ["POST /first HTTP/1.1"; 2]);
}

#[test]
fn what_the_app_sees_is_what_was_asked() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    site.with_client(async |mut client| {
        let request = post("/a?b=c")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .header("x-forwarded-for", "192.0.2.7")
            .header("x-vouchsafe-assertion", "mine");
        let answer = client.ask(request, b"body").await;
        let text = String::from_utf8(answer.body).unwrap().to_ascii_lowercase();
        assert!(text.starts_with("post /a?b=c http/1.1\r\n"), "{text}");
        assert!(text.ends_with("body"), "{text}");
        assert!(text.contains("\r\ncookie: a=1; b=2\r\n"), "{text}");
        assert_eq!(text.matches("\r\nhost: ").count(), 1, "{text}");
        assert!(
            !text.contains("\r\nte:") && !text.contains("connection: close"),
            "{text}"
        );
        assert!(
            !text.contains("192.0.2.7") && !text.contains("mine"),
            "{text}"
        );
        assert!(text.contains("x-forwarded-proto: https"), "{text}");
    });
}
