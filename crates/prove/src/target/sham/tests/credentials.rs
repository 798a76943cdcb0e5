//! Flaws about keys, tokens and passwords.

use super::*;

#[test]
fn a_token_that_was_revoked_is_none_that_is_merely_old() {
    let answered = |flaw, revoked: bool| {
        let good = Double::answering(|text| {
            let known = text.contains("X-API-Key");
            answer(if known { 200 } else { 401 }, &json!({}))
        });
        let sham = Sham::new(&good, Some(flaw)).unwrap();
        let minted = sham.mint_token(&TokenWish::default()).unwrap();
        if revoked {
            sham.revoke_token(&minted).unwrap();
        }
        let fields = format!("{HOST}Authorization: Bearer {}\r\n", minted.token);
        status(&sham.send(request("GET /api", &fields).as_bytes()).unwrap())
    };
    assert_eq!(answered(Flaw::TokenEndless, false), Some(200));
    assert_eq!(answered(Flaw::TokenEndless, true), Some(401));
    assert_eq!(answered(Flaw::TokenForged, false), Some(401));
    assert_eq!(answered(Flaw::TokenForged, true), Some(401));
}

#[test]
fn a_documented_password_and_no_other_weak_one_can_be_chosen_by_its_flaw() {
    let mut good = Double::answering(|_| answer(422, &json!({})));
    good.facts.configuration = json!({"accounts": {"documented": ["open sesame"]}});
    let chosen = |flaw, password: &str| {
        let body = format!("link=l&password={password}&repeat={password}");
        let length = body.len();
        let fields = format!("{HOST}Content-Length: {length}\r\n");
        let text = request("POST /.vouchsafe/claim", &fields) + &body;
        sent(&good, flaw, &text)
    };
    let flaw = Some(Flaw::DocumentedTaken);
    assert_eq!(chosen(flaw, "open%20sesame"), Some(200));
    assert_eq!(chosen(flaw, "open%20sesame1"), Some(422));
    assert_eq!(chosen(flaw, "password"), Some(422));
    assert_eq!(chosen(None, "open%20sesame"), Some(422));
}

#[test]
fn the_id_of_a_request_opens_by_its_flaw_alone() {
    let answered = |flaw, field: &str| {
        let good = Double::answering(|text| {
            answer(
                if text.contains("X-API-Key") { 200 } else { 401 },
                &json!({}),
            )
        });
        sent(&good, flaw, &request("GET /api", &format!("{HOST}{field}")))
    };
    let id = "X-Request-Id: r1\r\n";
    assert_eq!(answered(Some(Flaw::IdTrusted), id), Some(200));
    assert_eq!(answered(Some(Flaw::IdTrusted), ""), Some(401));
    assert_eq!(answered(None, id), Some(401));
    assert_eq!(answered(Some(Flaw::TokenForged), id), Some(401));
}

#[test]
fn keys_for_everything_are_in_the_list_by_their_flaw_alone() {
    let listed = |flaw| {
        let good = Double::new();
        let sham = Sham::new(&good, flaw).unwrap();
        sham.list_keys().unwrap()["keys"].as_array().unwrap().len()
    };
    assert_eq!(listed(None), 0);
    assert_eq!(listed(Some(Flaw::KeyShownWhole)), 0);
    assert_eq!(listed(Some(Flaw::KeysUnrestricted)), UNRESTRICTED + 1);
}
