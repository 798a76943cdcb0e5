//! What receivers of webhooks got wrong before us, each with the twin that must still pass.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(
    unreachable_pub,
    reason = "the shared module serves several test binaries"
)]
#![expect(dead_code, reason = "the shared module serves several test binaries")]

#[path = "../common/mod.rs"]
mod common;
mod repeats;
mod requests;
mod signatures;

use common::Request;

const FORM: &str = "application/x-www-form-urlencoded";

const JSON: &str = "application/json";

fn github(body: &[u8]) -> Request {
    Request::signed("github", "/hook", Some(JSON), body)
}

fn standard(body: &[u8]) -> Request {
    Request::signed("standard-webhooks", "/hook", Some(JSON), body)
}

fn twilio_form(body: &[u8]) -> Request {
    Request::signed("twilio", "/hook?a=1&b=2", Some(FORM), body)
}

fn twilio_json(body: &[u8]) -> Request {
    Request::signed("twilio", "/hook?a=1", Some(JSON), body)
}
