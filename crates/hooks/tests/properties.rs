//! What holds for every delivery, not only for those somebody thought of.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::indexing_slicing, reason = "a test may fail loudly")]
#![expect(
    unreachable_pub,
    reason = "the shared module serves several test binaries"
)]
#![expect(dead_code, reason = "the shared module serves several test binaries")]

mod common;

use common::Request;
use proptest::{prelude::*, sample::Index};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Changes one byte.
fn flip(bytes: &mut [u8], at: Index, by: u8) {
    if !bytes.is_empty() {
        let at = at.index(bytes.len());
        bytes[at] ^= by;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_is_genuine_and_any_other_body_is_not(
        body: Vec<u8>, at: Index, by in 1..=255_u8, surplus: u8,
    ) {
        for (scheme, kind) in [("github", JSON), ("standard-webhooks", JSON), ("twilio", JSON)] {
            let request = Request::signed(scheme, "/hook?a=1", Some(kind), &body);
            prop_assert_eq!(request.refused(), None);
            let mut longer = request.clone();
            longer.body.push(surplus);
            prop_assert!(longer.refused().is_some());
            if !body.is_empty() {
                let mut changed = request.clone();
                flip(&mut changed.body, at, by);
                prop_assert!(changed.refused().is_some());
                let mut shorter = request;
                shorter.body.pop();
                prop_assert!(shorter.refused().is_some());
            }
        }
    }

    /// Under every scheme there is.
    #[test]
    fn every_scheme_takes_what_it_signs_and_nothing_else(
        which: Index, body in "\\{\"id\":\"[a-z0-9]{1,8}\",\"n\":[1-9][0-9]{0,2}\\}", at: Index, by in 1..=255_u8,
    ) {
        let schemes = hooks::Scheme::built_in();
        let scheme = &schemes[which.index(schemes.len())];
        let minted = scheme.mint_secret(&control::rng::CountingRng::from_seed(5)).unwrap();
        let body = if scheme.name == "mandrill" { "id=1&n=2".to_owned() } else { body };
        let request = Request::try_signed_with(&minted, &scheme.name, "/hook", None, body.as_bytes());
        let request = request.ok_or_else(|| TestCaseError::fail(format!("{} cannot be signed", scheme.name)))?;
        prop_assert_eq!(request.refused_under(&minted), None, "{}", scheme.name);
        let bound = scheme.integrity != hooks::scheme::Integrity::None;
        let mut changed = request.clone();
        flip(&mut changed.body, at, by);
        if bound && scheme.name != "mandrill" && scheme.name != "twilio" {
            prop_assert!(changed.refused_under(&minted).is_some(), "{}: another body", scheme.name);
        }
        let other = scheme.mint_secret(&control::rng::CountingRng::from_seed(6)).unwrap();
        prop_assert!(request.refused_under(&other).is_some(), "{}: another secret", scheme.name);
        if scheme.freshness.is_some() {
            for hours in [-2, 2] {
                let mut old = request.clone();
                old.now += hours * 3600;
                prop_assert!(old.refused_under(&minted).is_some(), "{}: another time", scheme.name);
            }
        }
    }

    /// Where nothing stands between a time and a body, no digit may change sides.
    #[test]
    fn what_is_signed_run_together_is_read_in_one_way(which: Index, digits in "[0-9]{1,12}") {
        let run_together = ["zendesk", "twitch", "sendgrid", "discord", "box"];
        let name = run_together[which.index(run_together.len())];
        let scheme = hooks::Scheme::find(name).unwrap();
        let minted = scheme.mint_secret(&control::rng::CountingRng::from_seed(5)).unwrap();
        let body = format!("{digits}{{}}");
        let request = Request::try_signed_with(&minted, name, "/hook", None, body.as_bytes()).unwrap();
        prop_assert_eq!(request.refused_under(&minted), None);
        for moved in 1..=digits.len() {
            let mut changed = request.clone();
            for (header, value) in &mut changed.headers {
                if String::from_utf8_lossy(header).to_ascii_lowercase().ends_with("timestamp") {
                    value.extend_from_slice(&body.as_bytes()[..moved]);
                }
            }
            changed.body.drain(..moved);
            prop_assert!(changed.refused_under(&minted).is_some(), "{name}: {moved} moved");
        }
    }

    #[test]
    fn any_other_target_or_signature_is_not_genuine(
        path in "/[a-z/]{0,12}", query in "([a-z]=[a-z0-9%+]{0,4}&){0,4}",
        at: Index, by in 1..=255_u8,
    ) {
        let target = format!("{path}?{query}x=1");
        let request = Request::signed("twilio", &target, Some(FORM), b"From=%2B31&To=%2B32");
        prop_assert_eq!(request.refused(), None);
        let mut moved = request.clone();
        flip(&mut moved.target, at, by);
        prop_assert!(moved.refused().is_some());
        let mut forged = request;
        let signature = forged.headers.iter_mut().find(|(n, _)| n == b"X-Twilio-Signature").unwrap();
        flip(&mut signature.1, at, by);
        prop_assert!(forged.refused().is_some());
    }

    /// Twilio signs names and values run together, after decoding: another body is refused, or it
    /// is another writing of the same signed text and counts as the same delivery.
    #[test]
    fn another_form_is_refused_or_is_the_same_delivery(
        pairs in prop::collection::vec(("[A-Za-z.]{1,6}", "[ -~]{0,8}"), 1..6),
        at: Index, by in 1..=255_u8,
    ) {
        let escape = |text: &str| -> String {
            text.bytes()
                .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
                .collect()
        };
        let body = pairs.iter().map(|(n, v)| format!("{}={}", escape(n), escape(v))).collect::<Vec<_>>().join("&");
        let request = Request::signed("twilio", "/hook", Some(FORM), body.as_bytes());
        prop_assert_eq!(request.refused(), None);
        let mut changed = request.clone();
        flip(&mut changed.body, at, by);
        if changed.refused().is_none() {
            prop_assert_eq!(changed.digest(), request.digest());
        }
    }

    #[test]
    fn any_other_signed_header_is_not_genuine(body: Vec<u8>, which: Index, at: Index, by in 1..=255_u8) {
        let request = Request::signed("standard-webhooks", "/hook", None, &body);
        prop_assert_eq!(request.refused(), None);
        let mut changed = request;
        let which = which.index(changed.headers.len());
        flip(&mut changed.headers[which].1, at, by);
        prop_assert!(changed.refused().is_some());
    }

    #[test]
    fn arbitrary_requests_are_refused_without_a_panic(bytes: Vec<u8>) {
        hooks::fuzz::verify_anything(&bytes);
    }

    #[test]
    fn requests_that_look_right_are_refused_without_a_panic(
        target in "/[ -~]{0,20}(bodySHA256=[0-9a-f%]{0,70})?",
        name in "(?i)(x-twilio-signature|x-hub-signature-256|webhook-signature|webhook-id|content-type)",
        value in "(sha256=|v1,|v1a,|application/)?[ -~]{0,90}",
        body: Vec<u8>,
    ) {
        let mut bytes = format!("POST\n{target}\n{name}:{value}\nwebhook-id:a\nwebhook-timestamp:1614265330\n\n").into_bytes();
        bytes.extend(body);
        hooks::fuzz::verify_anything(&bytes);
    }

    #[test]
    fn arbitrary_scheme_files_never_panic(text in "[ -~\n]{0,300}") {
        hooks::fuzz::load_anything(text.as_bytes());
    }
}
