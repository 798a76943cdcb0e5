use std::io::Cursor;

use proptest::prelude::*;

use super::*;

struct Script(Cursor<Vec<u8>>);

impl Read for Script {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let small = to.len().min(3);
        self.0.read(&mut to[..small])
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Link for Script {
    fn limit(&mut self, _: Duration) -> std::io::Result<()> {
        Ok(())
    }
}

fn read(request: &str, answer: &str) -> Result<Reply, AnswerError> {
    let mut script = Script(Cursor::new(answer.as_bytes().to_vec()));
    exchange(
        &mut script,
        request.as_bytes(),
        &control::SystemClock::new(),
    )
}

fn answer(text: &str) -> Answer {
    match read("GET / HTTP/1.1\r\n\r\n", text).unwrap() {
        Reply::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn bodies_are_read_by_their_framing() {
    assert_eq!(
        answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").body,
        b"hi"
    );
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nt: 1\r\n\r\n";
    assert_eq!(answer(chunked).body, b"hi");
    assert_eq!(
        answer("HTTP/1.1 200 OK\r\n\r\nuntil the end").body,
        b"until the end"
    );
    assert_eq!(answer("HTTP/1.1 204 No Content\r\n\r\n").body, b"");
}

#[test]
fn interim_answers_are_passed_over() {
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answer(text).status, 403);
}

#[test]
fn an_answer_to_head_has_no_body() {
    let reply = read(
        "HEAD / HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
    )
    .unwrap();
    assert_eq!(reply.answer().unwrap().body, b"");
}

#[test]
fn a_connection_closed_without_an_answer_says_so() {
    assert!(matches!(
        read("GET / HTTP/1.1\r\n\r\n", ""),
        Ok(Reply::Closed)
    ));
}

#[test]
fn ambiguous_and_broken_answers_are_refused() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi",
        "HTTP/1.1 200 OK\ncontent-length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhix\r\n",
        "SSH-2.0-x\r\n",
    ] {
        assert!(read("GET / HTTP/1.1\r\n\r\n", text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz(&bytes);
    }

    #[test]
    fn a_chunked_body_reads_back(parts in proptest::collection::vec("[a-z]{1,20}", 0..6)) {
        let mut text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        for part in &parts {
            text.push_str(&format!("{:x}\r\n{part}\r\n", part.len()));
        }
        text.push_str("0\r\n\r\n");
        prop_assert_eq!(answer(&text).body, parts.concat().into_bytes());
    }
}
