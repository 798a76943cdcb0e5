//! Uploads through a running gate: what reaches the app, what does not, and what is left of either.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
};

use control::{Clock as _, SystemClock};
use gate::tickets::Wish;
use support::{Origin, PATIENCE, Started, Wire, get, ok, start_with};

/// Bytes that are judged and kept at once.
const PIECE: u64 = 64 * 1024;

const FORM: &str = "multipart/form-data; boundary=b";
const TABLE: &str = "sku,price\nGLV-100,8.99\n";

/// A route for tables and sound at `/up`, and one for anything else.
fn route(more: &str) -> String {
    format!(
        "[[route]]\npath = \"/up\"\napp = \"app\"\nauth = \"none\"\nreason = \"a test\"\n\
         [route.uploads]\nfile = \"1MiB\"\nfile_fields = [\"table\"]\nfields = {{ practice = 4 }}\n\
         csv = {{ rows = 3, columns = 8, cell = 700000, layouts = [{{ name = \"purchases\", columns = [\"sku\", \"price\"] }}] }}\n\
         audio = {{ kinds = [\"wav\"], lowest_rate = 8000, highest_rate = 48000 }}\n\
         {more}\n{}",
        support::OPEN
    )
}

fn started(origin: &Origin, more: &str) -> Started {
    start_with(origin.address, &route(more), None, 1)
}

fn request(fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /up HTTP/1.1\r\nHost: gate.test\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn typed(content_type: &str, body: &[u8]) -> Vec<u8> {
    request(&format!("Content-Type: {content_type}\r\n"), body)
}

fn chunked(content_type: &str, body: &[u8], piece: usize) -> Vec<u8> {
    let mut all = format!(
        "POST /up HTTP/1.1\r\nHost: gate.test\r\nContent-Type: {content_type}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for piece in body.chunks(piece) {
        all.extend(format!("{:x}\r\n", piece.len()).bytes());
        all.extend_from_slice(piece);
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"0\r\n\r\n");
    all
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "--b\r\nContent-Disposition: form-data; name=\"table\"; filename=\"{name}\"\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n--b--\r\n"].concat()
}

fn wav(rate: u32, samples: u32) -> Vec<u8> {
    let data = samples * 2;
    let mut all = Vec::new();
    all.extend_from_slice(b"RIFF");
    all.extend_from_slice(&(36 + data).to_le_bytes());
    all.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    all.extend_from_slice(&rate.to_le_bytes());
    all.extend_from_slice(&(rate * 2).to_le_bytes());
    all.extend_from_slice(b"\x02\0\x10\0data");
    all.extend_from_slice(&data.to_le_bytes());
    all.resize(44 + data as usize, 0);
    all
}

/// A table whose one cell makes it this long.
fn long(bytes: usize) -> Vec<u8> {
    let (head, foot) = ("sku,price\n", ",1\n");
    let fill = "x".repeat(bytes - head.len() - foot.len());
    format!("{head}{fill}{foot}").into_bytes()
}

/// Waits until nothing is kept any more, which happens behind the answer.
fn is_emptied(gate: &Started) {
    let clock = SystemClock::new();
    while gate.gate.uploads_kept() > 0 {
        assert!(clock.monotonic() < PATIENCE, "something is still kept");
        thread::yield_now();
    }
    let kept: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .flatten()
        .filter_map(|it| std::fs::read_link(it.path()).ok())
        .filter(|to| to.starts_with(gate.uploads()))
        .collect();
    assert!(kept.is_empty(), "{kept:?}");
    assert_eq!(std::fs::read_dir(gate.uploads()).unwrap().count(), 0);
}

#[test]
fn a_good_upload_reaches_the_app_as_it_was_sent() {
    let origin = Origin::answering(|head, body| {
        let length = format!("content-length: {}", body.len());
        let said = head.to_ascii_lowercase().contains(&length);
        assert!(said || body.is_empty(), "{head}");
        ok(body)
    });
    let gate = started(&origin, "");
    let mut client = gate.connect();
    let form = file("purchases 2024.csv", &long(300_000));
    for (content_type, body) in [
        (FORM, form.as_slice()),
        ("text/csv", TABLE.as_bytes()),
        ("audio/wav", &wav(16_000, 200_000)),
    ] {
        // One connection throughout: each body ends exactly where it ends.
        client.send(typed(content_type, body));
        let answer = client.answer();
        assert_eq!(
            (answer.status, answer.body == body),
            (200, true),
            "{content_type}"
        );
        for piece in [1000, 70_000] {
            client.send(chunked(content_type, body, piece));
            assert!(
                client.answer().body == body,
                "{content_type} in chunks of {piece}"
            );
        }
    }
    // What has no body is no upload.
    client.send(get("/up"));
    assert_eq!(client.answer().status, 200);
    is_emptied(&gate);
}

#[test]
fn the_next_request_may_come_right_behind_an_upload() {
    let origin = Origin::answering(|head, body| ok(&[&head.as_bytes()[..4], body].concat()));
    let gate = started(&origin, "");
    let mut client = gate.connect();
    let form = file("a.csv", TABLE.as_bytes());
    let two = [typed(FORM, &form), get("/next").into_bytes()].concat();
    client.send([two, typed("text/csv", TABLE.as_bytes())].concat());
    assert_eq!(client.answer().body, [&b"POST"[..], &form].concat());
    assert_eq!(client.answer().text(), "GET ");
    assert_eq!(client.answer().text(), format!("POST{TABLE}"));
}

#[test]
fn a_bad_upload_is_refused_in_words_and_nothing_of_it_is_left() {
    let origin = Origin::mirror();
    let gate = started(&origin, "");
    let field = |name: &str, text: &str| {
        let all =
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        [all.as_bytes(), &file("a.csv", TABLE.as_bytes())].concat()
    };
    let csv = |text: &str| file("a.csv", text.as_bytes());
    for (content_type, body, status, told) in [
        (
            FORM,
            csv("sku,price\nA\u{1},2\n"),
            422,
            "row 2, column 1: a control character",
        ),
        (
            FORM,
            csv("sku,price\nA,2\nB\n"),
            422,
            "row 3 has 1 columns, the header has 2",
        ),
        (FORM, csv("name,price\nA,2\n"), 422, "the header"),
        (
            FORM,
            csv("sku,price\n1,1\n1,1\n1,1\n1,1\n"),
            413,
            "the CSV has more than 3 rows",
        ),
        (
            FORM,
            csv("<html><script>1</script></html>\n"),
            415,
            "which is not accepted",
        ),
        (FORM, csv("MZ\u{1}\u{2}"), 415, "which is not accepted"),
        (FORM, csv(""), 422, "the file is empty"),
        (
            FORM,
            file("../a.csv", TABLE.as_bytes()),
            400,
            "the file name has a slash",
        ),
        (
            FORM,
            file(".csv", TABLE.as_bytes()),
            400,
            "begins with a dot",
        ),
        (
            FORM,
            file("a.exe.csv", TABLE.as_bytes()),
            415,
            "two endings",
        ),
        (
            FORM,
            file("a.CsV", TABLE.as_bytes()),
            415,
            "upper and lower case",
        ),
        (FORM, file("a.png", TABLE.as_bytes()), 415, "its content is"),
        (
            FORM,
            file("a.wav", &wav(4000, 10)),
            422,
            "the sample rate is 4000 Hz; 8000 to 48000 Hz",
        ),
        (
            FORM,
            file("a.wav", &wav(96_000, 10)),
            422,
            "the sample rate is 96000 Hz",
        ),
        (
            FORM,
            field("other", "1"),
            422,
            "form field 1 is not expected here",
        ),
        (FORM, field("practice", "12345"), 413, "longer than 4 bytes"),
        (FORM, b"--b\r\n".to_vec(), 400, "the upload ended early"),
        ("multipart/form-data", csv(TABLE), 400, "boundary"),
        ("text/csv", b"a,b\n1,2\n".to_vec(), 422, "the header"),
        ("application/json", TABLE.into(), 415, "another type"),
        ("text/csv", Vec::new(), 422, "the file is empty"),
        (
            "audio/wav",
            wav(96_000, 10),
            422,
            "the sample rate is 96000 Hz",
        ),
    ] {
        for whole in [typed(content_type, &body), chunked(content_type, &body, 9)] {
            let mut client = gate.connect();
            client.send(whole);
            let answer = client.answer();
            let text = answer.text();
            assert_eq!(answer.status, status, "{text}");
            assert!(text.contains(told), "{told}: {text}");
            assert!(!text.contains("::") && !text.contains("a.csv"), "{text}");
        }
    }
    gate.has_refused("gate.upload");
    assert_eq!(origin.connections(), 0, "no byte of them");
    is_emptied(&gate);
    // The same connection takes a good one behind a bad one that was read whole.
    let mut client = gate.connect();
    client.send(typed(FORM, &csv("name,price\nA,2\n")));
    assert_eq!(client.answer().status, 422);
    client.send(typed(FORM, &field("practice", "1234")));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn an_upload_has_the_size_it_may_have_and_no_byte_more() {
    let origin = Origin::answering(|_, body| ok(body.len().to_string().as_bytes()));
    let gate = started(&origin, "");
    let most = 1 << 20;
    let (fits, over) = (wav(8000, (most - 44) / 2), wav(8000, (most - 44) / 2 + 1));
    for (content_type, fits, over) in [
        ("audio/wav", fits.clone(), over.clone()),
        (FORM, file("a.wav", &fits), file("a.wav", &over)),
    ] {
        for whole in [
            typed(content_type, &fits),
            chunked(content_type, &fits, 5000),
        ] {
            let mut client = gate.connect();
            client.send(whole);
            assert_eq!(client.answer().text(), fits.len().to_string());
        }
        let before = origin.connections();
        for whole in [
            typed(content_type, &over),
            chunked(content_type, &over, 5000),
        ] {
            let mut client = gate.connect();
            client.try_send(whole);
            let answer = client.answer();
            assert_eq!(answer.status, 413);
            assert!(
                answer.text().contains("larger than 1048576 bytes"),
                "{}",
                answer.text()
            );
        }
        assert_eq!(origin.connections(), before);
    }
    // A declared length is refused before anything of the body is asked for.
    let mut client = gate.connect();
    client.send(format!(
        "POST /up HTTP/1.1\r\nHost: gate.test\r\nContent-Type: {FORM}\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        2 << 20
    ));
    assert_eq!(client.answer().status, 413);
    is_emptied(&gate);
}

#[test]
fn a_compressed_upload_is_not_unpacked() {
    let origin = Origin::mirror();
    let gate = started(&origin, "");
    for coding in ["gzip", "identity", "br"] {
        let mut client = gate.connect();
        let fields = format!("Content-Type: text/csv\r\nContent-Encoding: {coding}\r\n");
        client.send(request(&fields, TABLE.as_bytes()));
        let answer = client.answer();
        assert_eq!(answer.status, 415);
        assert!(answer.text().contains("compressed"));
    }
    assert_eq!(origin.connections(), 0);
    let mut client = gate.connect();
    client.send(typed("text/csv", TABLE.as_bytes()));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn who_waits_to_be_asked_is_asked_once_the_head_is_good() {
    let origin = Origin::answering(|_, body| ok(body));
    let gate = started(&origin, "");
    let mut client = gate.connect();
    client.send(format!(
        "POST /up HTTP/1.1\r\nHost: gate.test\r\nContent-Type: text/csv\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        TABLE.len()
    ));
    assert!(client.head().starts_with("HTTP/1.1 100"));
    assert_eq!(origin.connections(), 0);
    client.send(TABLE);
    assert_eq!(client.answer().text(), TABLE);
}

#[test]
fn a_full_quota_is_507_until_there_is_room_again() {
    let origin = Origin::answering(|_, body| ok(body.len().to_string().as_bytes()));
    let gate = started(&origin, "[uploads]\nquota = \"1MiB\"\n");
    let big = wav(8000, 300_000);
    let mut first = gate.connect();
    let whole = typed("audio/wav", &big);
    first.send(&whole[..whole.len() - 1]);
    let clock = SystemClock::new();
    // What it sent is kept, less what is not yet a piece.
    let pieces = (whole.len() as u64 / PIECE) * PIECE;
    let kept = |wanted: fn(u64, u64) -> bool| {
        while !wanted(gate.gate.uploads_kept(), pieces) {
            assert!(clock.monotonic() < PATIENCE, "{}", gate.gate.uploads_kept());
            thread::yield_now();
        }
    };
    kept(|kept, pieces| kept + PIECE > pieces);
    let mut second = gate.connect();
    second.try_send(&whole);
    let answer = second.answer();
    assert_eq!(answer.status, 507);
    assert!(answer.text().contains("no room"), "{}", answer.text());
    assert_eq!(origin.connections(), 0);
    // The share of the second is given back behind its answer.
    kept(|kept, pieces| kept < pieces + PIECE / 2);
    first.send(&whole[whole.len() - 1..]);
    assert_eq!(first.answer().text(), big.len().to_string());
    is_emptied(&gate);
    let mut second = gate.connect();
    second.send(&whole);
    assert_eq!(second.answer().status, 200);
}

#[test]
fn who_leaves_in_the_middle_takes_their_share_along() {
    let origin = Origin::mirror();
    let gate = started(&origin, "");
    let whole = typed("audio/wav", &wav(8000, 300_000));
    let mut client = gate.connect();
    client.send(&whole[..400_000]);
    let clock = SystemClock::new();
    while gate.gate.uploads_kept() == 0 {
        assert!(clock.monotonic() < PATIENCE);
        thread::yield_now();
    }
    drop(client);
    is_emptied(&gate);
    gate.has_refused("gate.body");
    assert_eq!(origin.connections(), 0);
}

#[test]
fn who_sends_too_slowly_is_ended() {
    let origin = Origin::mirror();
    let limits = "[limits]\nbody_grace = \"1s\"\nbody_rate = \"1KiB\"\n";
    let gate = started(&origin, limits);
    let whole = typed("audio/wav", &wav(8000, 300_000));
    let mut client = gate.connect();
    client.send(&whole[..200_000]);
    assert_eq!(client.answer().status, 408);
    is_emptied(&gate);
    assert_eq!(origin.connections(), 0);
    // Who sends all of it is not held to a pace while it is judged.
    let mut client = gate.connect();
    client.send(&whole);
    assert_eq!(client.answer().status, 200);
}

#[test]
fn an_app_that_answers_early_or_leaves_does_not_keep_the_upload() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let origin = Origin::scripted(move |number, mut wire| {
        wire.head();
        if number == 0 {
            wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
            wait.lock().unwrap().recv().unwrap();
        }
    });
    let gate = started(&origin, "");
    let whole = typed("audio/wav", &wav(8000, 500_000));
    let mut client = gate.connect();
    client.send(&whole);
    assert_eq!(client.answer().status, 403);
    go.send(()).unwrap();
    let mut client = gate.connect();
    client.send(&whole);
    assert_eq!(client.answer().status, 502);
    is_emptied(&gate);
}

#[test]
fn a_slow_app_slows_the_reading_down_and_nothing_is_lost() {
    let (sum, sums) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        let head = wire.head();
        let length = head.to_ascii_lowercase();
        let length = length.split_once("content-length: ").unwrap().1;
        let mut left: usize = length.lines().next().unwrap().trim().parse().unwrap();
        let mut all = Vec::new();
        while left > 0 {
            let piece = left.min(10_000);
            all.extend(wire.exactly(piece));
            left -= piece;
            thread::yield_now();
        }
        sum.send(all).unwrap();
        wire.send(ok(b"done"));
    });
    let gate = started(&origin, "");
    let body = wav(8000, 500_000);
    let mut client = gate.connect();
    client.send(typed("audio/wav", &body));
    assert_eq!(client.answer().text(), "done");
    assert!(sums.recv().unwrap() == body);
}

#[test]
fn a_ticket_opens_the_echo_to_an_upload_of_any_size_and_to_no_other() {
    let origin = Origin::mirror();
    let gate = started(&origin, "");
    gate::echo::start(&gate.gate).unwrap();
    let body = wav(8000, 300_000);
    let ticket = |body: &[u8]| {
        let wish = Wish {
            method: "POST",
            target: "/up",
            body_sha256: seal::sha256(body),
            webhook: None,
        };
        gate.gate.mint(&wish).unwrap().ticket
    };
    let send = |ticket: &str, body: &[u8]| {
        let fields = format!("Content-Type: audio/wav\r\nX-Vouchsafe-Ticket: {ticket}\r\n");
        let mut client: Wire = gate.connect();
        client.send(request(&fields, body));
        client.answer()
    };
    let answer = send(&ticket(&body), &body);
    assert_eq!(answer.status, 200);
    let digest = seal::encode::hex(&seal::sha256(&body));
    assert!(answer.text().contains(&digest), "{}", answer.text());
    assert_eq!(send(&ticket(b"other"), &body).status, 403);
    // A ticket changes nothing about what is judged.
    let bad = wav(4000, 300_000);
    assert_eq!(send(&ticket(&bad), &bad).status, 422);
    assert_eq!(origin.connections(), 0);
    is_emptied(&gate);
}

#[test]
fn other_bodies_of_the_route_are_judged_as_it_says() {
    let origin = Origin::answering(|_, body| ok(body));
    let accepts = "[route.accepts]\njson = { longest = 3 }\n";
    let gate = started(&origin, accepts);
    for (content_type, body, status) in [
        ("application/json", "{\"a\":\"b\"}", 200),
        ("application/json", "{\"a\":\"long\"}", 422),
        ("text/csv", TABLE, 200),
        ("text/csv", "a,b\n1,2\n", 422),
        ("text/html", TABLE, 415),
    ] {
        let mut client = gate.connect();
        client.send(typed(content_type, body.as_bytes()));
        assert_eq!(client.answer().status, status, "{content_type} {body}");
    }
}
