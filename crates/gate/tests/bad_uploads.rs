//! Every bad upload that the judging knows of, through a running gate: each is refused in its own words,
//! and nothing of it reaches the app.

mod support;

#[path = "../../upload/tests/bad_uploads/cases.rs"]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    dead_code,
    reason = "a test may fail loudly, and needs a part of the list"
)]
mod cases;

use std::thread;

use cases::{ALL, Upload, common::form, table};
use control::{Clock as _, SystemClock};
use support::{Origin, PATIENCE, ok, start_with};

/// The rules that the list is written for, once with every kind and once with tables alone.
fn routes() -> String {
    let csv = "csv = { rows = 5, columns = 6, cell = 20, delimiters = [\",\", \";\"], layouts = [{ \
        name = \"supplier\", columns = [\"sku\", \"price\"], optional = [\"note\"] }] }";
    let more = "audio = { shortest = \"100ms\", longest = \"10s\" }\n\
        image = { side = 100, pixels = 5000 }\npdf = true";
    let route = |path: &str, more: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = \"none\"\nreason = \"a test\"\n\
             [route.uploads]\nfile = \"5MB\"\nfiles = 2\nfields = {{ a = 100, b = 100 }}\n\
             {csv}\n{more}\n"
        )
    };
    route("/all", more) + &route("/csv", "")
}

fn request(path: &str, upload: &Upload) -> Vec<u8> {
    let body = match upload {
        Upload::File((name, content_type, bytes)) => form(name.as_bytes(), content_type, bytes),
        Upload::Form(body) => body.clone(),
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: gate.test\r\nContent-Type: multipart/form-data; boundary=XX\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

#[test]
fn every_bad_upload_is_refused_in_its_own_words_and_its_twin_reaches_the_app() {
    let origin = Origin::answering(|_, body| ok(body.len().to_string().as_bytes()));
    let gate = start_with(origin.address, &routes(), None, 1);
    let ask = |path: &str, upload: &Upload| {
        let mut client = gate.connect();
        client.try_send(request(path, upload));
        client.answer()
    };
    let all = table();
    let place = |kinds: &[upload::Kind]| if kinds == ALL { "/all" } else { "/csv" };
    let mut faults = Vec::new();
    for case in &all {
        let answer = ask(place(case.kinds), &case.bad);
        let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !(400..500).contains(&answer.status) || said["error"] != case.message {
            faults.push(format!("{}: {} {said}", case.title, answer.status));
        }
    }
    assert_eq!(origin.connections(), 0, "no byte of them");
    for case in &all {
        let answer = ask(place(case.kinds), &case.twin);
        // To the judging alone a form needs no file; here it does.
        let lacks = case.title == "long field" && answer.text().contains("no file in the form");
        if answer.status != 200 && !lacks {
            faults.push(format!("twin of {}: {}", case.title, answer.text()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(all.len() >= 140);
    let clock = SystemClock::new();
    while gate.gate.uploads_kept() > 0 {
        assert!(clock.monotonic() < PATIENCE);
        thread::yield_now();
    }
    assert_eq!(std::fs::read_dir(gate.uploads()).unwrap().count(), 0);
}
