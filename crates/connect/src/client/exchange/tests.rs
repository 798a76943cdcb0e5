use control::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use wire::FramingRefusal;

use super::*;
use crate::{client::Field, target::Target};

const CAP: usize = 1000;

fn get() -> Request {
    let target = Target::parse("http://id.example:8080/keys?a=b").unwrap();
    Request::get(target).with(Field::new("Accept", "application/json").unwrap())
}

/// What comes of `answer`, sent in pieces of `piece` bytes before the server closes.
async fn told_in(answer: &[u8], piece: usize) -> Result<Response, Fault> {
    let (near, mut far) = duplex(256);
    let serve = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            far.read_buf(&mut head).await.unwrap();
        }
        for piece in answer.chunks(piece) {
            if far.write_all(piece).await.is_err() {
                break;
            }
        }
        drop(far);
    };
    let request = get();
    let ask = exchange(Link::new(near), &request, CAP);
    tokio::join!(ask, serve).0
}

async fn told(answer: &str) -> Result<Response, Fault> {
    told_in(answer.as_bytes(), usize::MAX).await
}

#[tokio::test]
async fn a_request_is_exactly_what_was_asked() {
    let (near, mut far) = duplex(4096);
    let body = Secret::new(b"grant_type=authorization_code".to_vec());
    let target = Target::parse("https://id.example/token").unwrap();
    let request = Request::post(target, "application/x-www-form-urlencoded", body)
        .with(Field::new("Authorization", "Basic abc").unwrap());
    let ask = exchange(Link::new(near), &request, CAP);
    let serve = async {
        let mut seen = Vec::new();
        while !seen.ends_with(b"authorization_code") {
            far.read_buf(&mut seen).await.unwrap();
        }
        far.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8(seen).unwrap()
    };
    let (answer, seen) = tokio::join!(ask, serve);
    assert_eq!(answer.unwrap().status(), 204);
    assert_eq!(
        seen,
        "POST /token HTTP/1.1\r\nhost: id.example\r\nconnection: close\r\naccept-encoding: \
         identity\r\nauthorization: Basic abc\r\ncontent-type: \
         application/x-www-form-urlencoded\r\ncontent-length: 29\r\n\r\n\
         grant_type=authorization_code"
    );
}

#[tokio::test]
async fn answers_of_every_framing_are_read_whole_in_any_division() {
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"1\"\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"1\"\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nETag: \"1\"\r\n\r\nhello",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\
         ETag: \"1\"\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: identity\r\nETag: \"1\"\r\n\r\nhello",
    ];
    for answer in answers {
        for piece in [1, 3, 7, usize::MAX] {
            let found = told_in(answer.as_bytes(), piece).await.unwrap();
            assert_eq!(
                (found.status(), found.body()),
                (200, &b"hello"[..]),
                "{answer}"
            );
            assert_eq!(found.field("etag"), Some(&b"\"1\""[..]));
            assert_eq!(found.field("link"), None);
        }
    }
}

#[tokio::test]
async fn a_body_up_to_the_cap_is_read_and_one_byte_more_is_not() {
    let fits = "a".repeat(CAP);
    let over = "a".repeat(CAP + 1);
    let framings: [fn(&str) -> String; 3] = [
        |body| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        },
        |body| {
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
            )
        },
        |body| format!("HTTP/1.0 200 OK\r\n\r\n{body}"),
    ];
    for framing in framings {
        assert_eq!(told(&framing(&fits)).await.unwrap().body().len(), CAP);
        let fault = told(&framing(&over)).await.unwrap_err();
        assert!(matches!(fault, Fault::TooLarge(CAP)), "{fault}");
    }
    // What is only announced is refused before it comes.
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n";
    assert!(matches!(told(announced).await, Err(Fault::TooLarge(CAP))));
}

#[tokio::test]
async fn what_ends_early_is_cut_off() {
    for answer in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let fault = told(answer).await.unwrap_err();
        assert!(matches!(fault, Fault::Truncated), "{answer:?}: {fault}");
    }
}

#[tokio::test]
async fn what_two_readers_would_read_differently_is_malformed() {
    for (answer, cause) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            FramingRefusal::LengthAndCoding,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            FramingRefusal::LengthTwice,
        ),
        (
            "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
            FramingRefusal::BareLf,
        ),
        ("HTTP/2 200 OK\r\n\r\n", FramingRefusal::VersionSyntax),
        (
            "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            FramingRefusal::SwitchUnasked,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            FramingRefusal::CodingUnknown,
        ),
    ] {
        match told(answer).await {
            Err(Fault::Malformed(found)) => assert_eq!(found, cause, "{answer}"),
            other => panic!("{answer}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_head_without_end_and_interim_answers_without_end_are_refused() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101));
    assert!(matches!(told(&many).await, Err(Fault::Malformed(_))));
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(40 << 10));
    assert!(matches!(told(&long).await, Err(Fault::Malformed(_))));
    let last = "HTTP/1.1 204 No Content\r\n\r\n";
    let interim = |count| "HTTP/1.1 100 Continue\r\n\r\n".repeat(count) + last;
    assert_eq!(told(&interim(INTERIM)).await.unwrap().status(), 204);
    assert!(matches!(
        told(&interim(INTERIM + 1)).await,
        Err(Fault::Interim)
    ));
}

#[tokio::test]
async fn nothing_is_unpacked() {
    for coding in ["gzip", "br", "identity, gzip", "x"] {
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 1\r\n\r\na");
        assert!(
            matches!(told(&answer).await, Err(Fault::Encoded)),
            "{coding}"
        );
    }
}

#[tokio::test]
async fn a_field_that_stands_twice_has_no_value() {
    let twice = "HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nB: 3\r\nContent-Length: 0\r\n\r\n";
    let found = told(twice).await.unwrap();
    assert_eq!(found.field("a"), None);
    assert_eq!(found.field("b"), Some(&b"3"[..]));
}
