//! What leaves of an app's answers through a running gate: its errors, its tables, its cookies.

mod support;

use support::{OPEN, Origin, Started, get, start, start_with};

const TRACE: &str = "Traceback (most recent call last): SELECT * FROM pupils";

/// A gate before an origin that gives this answer to everything.
fn before(answer: &'static str, line: &str) -> (Started, Origin) {
    let origin = Origin::answering(move |_, _| answer.as_bytes().to_vec());
    let gate = with(&origin, line);
    (gate, origin)
}

/// A gate whose one route has this line.
fn with(origin: &Origin, line: &str) -> Started {
    let routes = OPEN.replacen("[[route]]", &format!("[[route]]\n{line}"), 1);
    start_with(origin.address, &routes, None, 1)
}

#[test]
fn what_an_app_says_of_its_faults_stays_here() {
    let (gate, origin) = before(
        "HTTP/1.1 500 KeyError: dsn\r\nContent-Type: text/plain\r\nX-Exception: KeyError\r\n\
         ETag: \"a\"\r\nRetry-After: 7\r\nContent-Length: 55\r\n\r\n\
         Traceback (most recent call last): SELECT * FROM pupils",
        "",
    );
    let mut client = gate.connect();
    for _ in 0..3 {
        client.send(get("/"));
        let answer = client.answer();
        assert_eq!(answer.status, 500);
        assert!(
            answer
                .head
                .starts_with("HTTP/1.1 500 Internal Server Error\r\n")
        );
        assert!(!answer.text().contains("Traceback"), "{}", answer.text());
        assert!(!answer.head.contains("KeyError") && !answer.has("etag"));
        assert_eq!(answer.value("retry-after"), Some("7"));
        assert_eq!(answer.value("content-type"), Some("application/json"));
        assert_eq!(answer.value("cache-control"), Some("no-store"));
        assert_eq!(answer.value("x-content-type-options"), Some("nosniff"));
        let id = answer.value("x-request-id").unwrap();
        assert!(answer.text().contains(id), "the number to ask about");
    }
    assert_eq!(origin.connections(), 1, "its body was read to the end");
}

#[test]
fn a_page_is_replaced_by_a_page_and_head_by_a_head() {
    let (gate, _origin) = before(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: Text/HTML; charset=utf-8\r\n\
         Transfer-Encoding: chunked\r\n\r\n9\r\nTraceback\r\n0\r\n\r\n",
        "",
    );
    let mut client = gate.connect();
    client.send(get("/"));
    let answer = client.answer();
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.value("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(answer.text().starts_with("<!doctype html>") && !answer.text().contains("Traceback"));
    assert!(!answer.has("transfer-encoding"));

    let (gate, _origin) = before("HTTP/1.1 500 Oh\r\nContent-Length: 900\r\n\r\n", "");
    let mut client = gate.connect();
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: gate.test\r\n\r\n");
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        assert!(!head.contains("Content-Length: 900"), "{head}");
    }
}

#[test]
fn a_body_without_an_end_costs_its_connection_and_not_the_client() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.head();
        wire.send(format!(
            "HTTP/1.1 500 Oh\r\nContent-Length: 999999\r\n\r\n{TRACE}"
        ));
        // Until the gate gives it up.
        wire.rest();
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    for _ in 0..2 {
        client.send(get("/"));
        let answer = client.answer();
        assert_eq!(answer.status, 500);
        assert!(!answer.text().contains("Traceback"));
    }
    assert_eq!(origin.connections(), 2);
}

#[test]
fn an_error_while_a_body_comes_ends_the_connection() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.head();
        wire.send(format!(
            "HTTP/1.1 507 Full\r\nContent-Length: 55\r\n\r\n{TRACE}"
        ));
        wire.rest();
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send("POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 100000\r\n\r\nbeginning");
    let answer = client.answer();
    assert_eq!(answer.status, 507);
    assert_eq!(answer.value("connection"), Some("close"));
    assert!(!answer.text().contains("Traceback") && client.ended());
}

#[test]
fn errors_pass_where_a_route_says_so_and_others_are_hidden_where_it_says_that() {
    let refused = "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nTraceback";
    let failed = "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nTraceback";
    for (answer, line, shown) in [
        (failed, "", false),
        (failed, "errors = { hide = \"all\" }", false),
        (
            failed,
            "errors = { hide = \"nothing\", reason = \"a test\" }",
            true,
        ),
        (refused, "", true),
        (refused, "errors = { hide = \"all\" }", false),
    ] {
        let (gate, _origin) = before(answer, line);
        let mut client = gate.connect();
        client.send(get("/"));
        let answer = client.answer();
        assert_eq!(
            answer.text() == "Traceback",
            shown,
            "{line}: {}",
            answer.text()
        );
        assert!(matches!(answer.status, 404 | 500));
    }
}

/// Everything of a table that comes in these pieces.
fn table(pieces: &'static [&'static [u8]], line: &str, asked: &str) -> (String, Vec<u8>) {
    let origin = Origin::scripted(move |_, mut wire| {
        while let Some(head) = wire.try_head() {
            assert!(!head.to_ascii_lowercase().contains("\r\nrange:"), "{head}");
            assert!(!head.contains("gzip"), "{head}");
            let typed = "HTTP/1.1 200 OK\r\nContent-Type: text/csv; charset=utf-8\r\nETag: \"a\"";
            wire.send(format!("{typed}\r\nTransfer-Encoding: chunked\r\n\r\n"));
            for piece in pieces {
                wire.send(format!("{:x}\r\n", piece.len()));
                wire.send(piece);
                wire.send("\r\n");
            }
            wire.send("0\r\n\r\n");
        }
    });
    let gate = with(&origin, line);
    let mut client = gate.connect();
    client.send(asked);
    let head = client.head();
    let body = if asked.contains("HTTP/1.0") {
        client.rest()
    } else {
        client.body(&head)
    };
    if !asked.contains("HTTP/1.0") {
        client.send(asked);
        assert_eq!(client.head().get(..12), Some("HTTP/1.1 200"), "in step");
    }
    (head, body)
}

const ASKED: &str = "GET /t.csv HTTP/1.1\r\nHost: gate.test\r\nAccept-Encoding: gzip\r\n\
    Range: bytes=0-3\r\n\r\n";

#[test]
fn formulas_in_a_table_are_made_text_however_it_comes() {
    const PIECES: &[&[u8]] = &[
        b"name,what\nAsha,=cm",
        b"d|' /C calc'!A0\n\"",
        b"+1+1\",-5\n@SUM(A1),plain\n",
    ];
    let safe = "name,what\nAsha,\"'=cmd|' /C calc'!A0\"\n\"'+1+1\",-5\n\"'@SUM(A1)\",plain\n";
    let (head, body) = table(PIECES, "csv = \"neutralise\"", ASKED);
    assert_eq!(String::from_utf8(body).unwrap(), safe);
    assert!(
        !head.contains("ETag") && head.contains("text/csv"),
        "{head}"
    );

    let old = "GET /t.csv HTTP/1.0\r\nHost: gate.test\r\n\r\n";
    let (head, body) = table(PIECES, "csv = \"always\"", old);
    assert_eq!(String::from_utf8(body).unwrap(), safe);
    assert!(
        !head.to_ascii_lowercase().contains("transfer-encoding"),
        "{head}"
    );
}

#[test]
fn a_table_passes_as_it_is_where_nobody_asked_for_more() {
    let (gate, _origin) = before(
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 5\r\n\r\na,=b\n",
        "",
    );
    let mut client = gate.connect();
    client.send(get("/"));
    let answer = client.answer();
    assert_eq!(answer.text(), "a,=b\n");
    assert_eq!(answer.value("content-length"), Some("5"));
}

#[test]
fn what_is_a_table_is_known_by_type_or_by_name_or_because_the_route_says_so() {
    for (fields, line, neutralised) in [
        ("Content-Type: text/plain", "csv = \"neutralise\"", false),
        ("Content-Type: text/plain", "csv = \"always\"", true),
        (
            "Content-Type: application/csv",
            "csv = \"neutralise\"",
            true,
        ),
        (
            "Content-Type: application/octet-stream\r\n\
             Content-Disposition: attachment; filename=\"Export.CSV\"",
            "csv = \"neutralise\"",
            true,
        ),
    ] {
        let origin = Origin::answering(move |_, _| {
            format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: 5\r\n\r\na,=b\n").into_bytes()
        });
        let gate = with(&origin, line);
        let mut client = gate.connect();
        client.send(get("/"));
        let expected = if neutralised { "a,\"'=b\"\n" } else { "a,=b\n" };
        assert_eq!(client.answer().text(), expected, "{fields}");
    }
}

#[test]
fn a_table_in_which_no_cell_can_be_told_is_not_passed_on() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Encoding: gzip\r\n\
         Content-Length: 4\r\n\r\na,=b",
        "HTTP/1.1 206 Partial Content\r\nContent-Type: text/csv\r\nContent-Length: 4\r\n\r\na,=b",
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 5\r\n\r\na\0,=b",
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ] {
        let (gate, _origin) = before(answer, "csv = \"neutralise\"");
        let mut client = gate.connect();
        client.send(get("/"));
        let refused = client.answer();
        assert_eq!(refused.status, 502, "{answer:?}");
        assert!(!refused.text().contains("=b"));
    }
}

#[test]
fn a_long_table_streams_and_one_that_turns_bad_breaks_off() {
    let origin = Origin::scripted(|number, mut wire| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n");
        for _ in 0..2_000 {
            if !wire.try_send("=1+1,".repeat(100) + "\n") {
                return;
            }
        }
        if number == 1 {
            wire.try_send("a\0b\n");
        }
    });
    let gate = with(&origin, "csv = \"neutralise\"");
    let mut client = gate.connect();
    client.send(get("/"));
    let body = client.answer().body;
    // Each of the cells grows by its quotes and the apostrophe.
    assert_eq!(body.len(), 2_000 * (100 * 8 + 1));
    let mut client = gate.connect();
    client.send(get("/"));
    let head = client.head();
    assert!(
        client.try_body(&head).is_none(),
        "nobody takes it for whole"
    );
}

#[test]
fn a_table_that_is_asked_about_has_no_length_of_the_apps() {
    let (gate, _origin) = before(
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 900\r\nAccept-Ranges: bytes\r\n\r\n",
        "csv = \"neutralise\"",
    );
    let mut client = gate.connect();
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: gate.test\r\n\r\n");
        let head = client.head().to_ascii_lowercase();
        assert!(
            head.starts_with("http/1.1 200") && head.contains("text/csv"),
            "{head}"
        );
        assert!(
            !head.contains("content-length") && !head.contains("accept-ranges"),
            "{head}"
        );
    }
}

#[test]
fn cookies_of_an_app_are_hardened_and_fields_that_tell_of_it_taken_out() {
    let (gate, _origin) = before(
        "HTTP/1.1 200 OK\r\nServer: gunicorn/19.7\r\nX-Powered-By: PHP/5.6\r\nVia: 1.1 inside\r\n\
         Set-Cookie: sid=1; SameSite=None; Domain=test\r\nSet-Cookie: __Host-vouchsafe=forged\r\n\
         X-Stays: 1\r\nContent-Length: 0\r\n\r\n",
        "",
    );
    let mut client = gate.connect();
    client.send(get("/"));
    let answer = client.answer();
    // The public address of this gate is plain HTTP, under which browsers refuse Secure.
    assert_eq!(
        answer.value("set-cookie"),
        Some("sid=1; HttpOnly; SameSite=Lax")
    );
    assert!(!answer.head.contains("forged"), "{}", answer.head);
    for inside in ["server", "x-powered-by", "via"] {
        assert!(!answer.has(inside), "{inside}: {}", answer.head);
    }
    assert!(answer.has("x-stays"));
}

#[test]
fn an_answer_that_is_not_as_described_is_refused_whole() {
    // Without files at hand the schema takes anything: what is left is the grammar, type and length.
    let line = "answers = { schema = \"people.json\", largest = \"64B\" }";
    for (answer, status) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"a\"\r\nContent-Length: 8\r\n\r\n{\"a\": 1}",
            200,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"a\": 1}\r\n0\r\n\r\n",
            200,
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nnothing",
            404,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\": 1",
            502,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\n\r\n{\"a\": 1}",
            502,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
            502,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 65\r\n\r\n{\"a\": 1}",
            502,
        ),
    ] {
        let (gate, _origin) = before(answer, line);
        let mut client = gate.connect();
        for _ in 0..2 {
            client.send(get("/"));
            let got = client.answer();
            assert_eq!(got.status, status, "{answer:?}: {}", got.head);
            match status {
                200 => {
                    assert_eq!(got.text(), "{\"a\": 1}");
                    assert_eq!(got.value("content-length"), Some("8"));
                }
                502 => assert!(!got.text().contains("\"a\"") && got.has("x-request-id")),
                _ => {}
            }
        }
    }
}
