//! Which deliveries are the same, and which are not.

use crate::{
    common::{NOW, any_secret},
    github, standard, twilio_form,
};

/// Names and values run together in the signed text, so some forms share one signature. They also
/// share one digest, and the replay table lets one of them through once.
#[test]
fn forms_that_share_a_signature_are_one_delivery() {
    let request = twilio_form(b"Body=hello&From=x");
    let digest = request.digest();
    for body in [
        "From=x&Body=hello",
        "Bod=yhello&From=x",
        "Body=hello&From=x&From=x",
        "%42ody=hello&From=x",
    ] {
        let mut same = request.clone();
        same.body = body.as_bytes().to_vec();
        assert_eq!(same.digest(), digest, "{body}");
    }
    assert_ne!(twilio_form(b"Body=hello&From=y").digest(), digest);
}

#[test]
fn repeats_are_told_by_what_is_signed_alone() {
    let one = github(b"x").with("X-GitHub-Delivery", &["1"]);
    let two = github(b"x").with("X-GitHub-Delivery", &["2"]);
    assert_eq!(
        one.digest(),
        two.digest(),
        "an unsigned id tells nothing apart"
    );
    assert_ne!(github(b"y").digest(), one.digest());

    let retry = standard(b"x");
    assert_eq!(retry.digest(), standard(b"x").digest());
    let named = retry.clone().with("Svix-Id", &["another"]);
    assert_eq!(named.digest(), retry.digest());

    let mut ported = twilio_form(b"a=1");
    let digest = ported.digest();
    ported.public_url = "https://a.example/".to_owned();
    assert_eq!(ported.digest(), digest);
}

#[test]
fn the_same_delivery_to_two_sources_is_two_deliveries() {
    use hooks::{Scheme, Source};
    let request = github(b"x");
    let scheme = Scheme::find("github").unwrap();
    let headers: Vec<(&[u8], &[u8])> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()))
        .collect();
    let digests: Vec<[u8; 32]> = ["/one", "/two"]
        .map(|path| {
            let source = Source::new(path, scheme, &[any_secret()]).unwrap();
            let proof = source.verify(&hooks::Delivery {
                method: "POST",
                public_url: "https://a.example",
                target: b"/hook",
                headers: &headers,
                body: b"x",
                now: control::Timestamp::from_seconds(NOW),
            });
            *proof.unwrap().fact().digest()
        })
        .to_vec();
    assert_ne!(digests.first(), digests.last());
}
