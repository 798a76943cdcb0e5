//! Vectors that others published: a round trip of our own would share its own bug.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use control::{Secret, Timestamp};
use hooks::{Delivery, Scheme, SignatureRefusal, Signing, sign, verify};

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// One request as a published test describes it.
struct Case<'a> {
    scheme: &'a str,
    secret: &'a str,
    public_url: &'a str,
    target: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
    now: i64,
}

impl Case<'_> {
    fn outcome(&self) -> Result<(), SignatureRefusal> {
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let delivery = Delivery {
            method: "POST",
            public_url: self.public_url,
            target: self.target.as_bytes(),
            headers: &headers,
            body: self.body,
            now: Timestamp::from_seconds(self.now),
        };
        let scheme = Scheme::find(self.scheme).unwrap();
        verify(scheme, &[secret(self.secret)], &delivery).map(|_| ())
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const PARAMETERS: &[u8] = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
const TARGET: &str = "/myapp.php?foo=1&bar=2";

fn twilio(public_url: &str, target: &str, signature: &str, kind: &str, body: &[u8]) -> bool {
    let outcome = Case {
        scheme: "twilio",
        secret: "12345",
        public_url,
        target,
        headers: &[("X-Twilio-Signature", signature), ("Content-Type", kind)],
        body,
        now: 0,
    }
    .outcome();
    assert!(
        matches!(outcome, Ok(()) | Err(SignatureRefusal::Mismatch)),
        "{outcome:?}"
    );
    outcome.is_ok()
}

/// twilio-node `spec/validation.spec.js` (commit 005ea9cd): "should succeed with the correct
/// signature" and the cases on ports and credentials; twilio-python
/// `tests/unit/test_request_validator.py` has the same values.
#[test]
fn the_twilio_libraries_form_vectors_hold() {
    let host = "https://mycompany.com";
    for (public_url, signature) in [
        (host, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:1234", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (host, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (
            "https://user:pass@mycompany.com",
            "CukzLTc1tT5dXEDIHm/tKBanW10=",
        ),
        ("https://user@mycompany.com", "2YRLlVAflCqxaNicjMpJcSTgzSs="),
        (
            "https://user:pass@mycompany.com",
            "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=",
        ),
    ] {
        assert!(
            twilio(public_url, TARGET, signature, FORM, PARAMETERS),
            "{public_url} {signature}"
        );
        let other = public_url.replace("mycompany", "othercompany");
        assert!(!twilio(&other, TARGET, signature, FORM, PARAMETERS));
    }
}

/// twilio-node `spec/validation.spec.js`: "should validate urls with special characters". The
/// apostrophe is signed as it stands in the target; its percent-encoded form is another URL.
#[test]
fn the_twilio_special_character_vector_holds_as_received() {
    let signature = "dsq4Ehbj6cs+KdTkpF5sSSplOWw=";
    let host = "https://mycompany.com";
    let raw = "/myapp.php?foo=1&bar=2&Body=It's+amazing";
    assert!(twilio(host, raw, signature, FORM, PARAMETERS));
    let encoded = "/myapp.php?foo=1&bar=2&Body=It%27s+amazing";
    assert!(!twilio(host, encoded, signature, FORM, PARAMETERS));
    let reordered = "/myapp.php?bar=2&foo=1&Body=It's+amazing";
    assert!(!twilio(host, reordered, signature, FORM, PARAMETERS));
}

/// twilio-node `spec/validation.spec.js`: the array parameter cases; twilio-python
/// `test_compute_signature_duplicate_query_dict`.
#[test]
fn the_twilio_repeated_parameter_vectors_hold() {
    let host = "https://mycompany.com";
    let digits = "IK+Dwps556ElfBT0I3Rgjkr1wJU=";
    for body in [
        "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
        "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234",
        "Digits=1234&SidAccount=AC123&Digits=5678&Sid=CA123",
    ] {
        assert!(
            twilio(host, TARGET, digits, FORM, body.as_bytes()),
            "{body}"
        );
    }
    let address = "83O6e2vORAoJHUNzJjDWN1jz+BA=";
    for body in [
        "MessagingBinding.Address=%2B1325xxxxxxx&MessagingBinding.Address=%2B1415xxxxxxx",
        "MessagingBinding.Address=%2B1415xxxxxxx&MessagingBinding.Address=%2B1325xxxxxxx",
    ] {
        assert!(
            twilio(host, TARGET, address, FORM, body.as_bytes()),
            "{body}"
        );
    }
    let one = b"MessagingBinding.Address=%2B1415xxxxxxx";
    assert!(!twilio(host, TARGET, address, FORM, one));
}

/// twilio-node `spec/validation.spec.js`: "should validate request body when given", "when empty"
/// and "with only sha param".
#[test]
fn the_twilio_json_vectors_hold() {
    let body = br#"{"property": "value", "boolean": true}"#;
    let digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    for (query, digest, signature, body) in [
        (
            "?foo=1&bar=2&",
            digest,
            "a9nBmqA0ju/hNViExpshrM61xv4=",
            &body[..],
        ),
        (
            "?foo=1&bar=2&",
            empty,
            "Ldidvp12m26NI7eqEvxnEpkd9Hc=",
            b"{}",
        ),
        ("?", digest, "y77kIzt2vzLz71DgmJGsen2scGs=", body),
    ] {
        let target = format!("/myapp.php{query}bodySHA256={digest}");
        assert!(twilio(
            "https://mycompany.com",
            &target,
            signature,
            "application/json",
            body
        ));
        let other = target
            .replace("bodySHA256=0", "bodySHA256=1")
            .replace("bodySHA256=4", "bodySHA256=5");
        assert!(!twilio(
            "https://mycompany.com",
            &other,
            signature,
            "application/json",
            body
        ));
    }
}

/// GitHub documentation, "Validating webhook deliveries", section "Testing the webhook payload
/// validation": secret, payload and resulting header.
#[test]
fn the_github_documentation_vector_holds() {
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let mut case = Case {
        scheme: "github",
        secret: "It's a Secret to Everybody",
        public_url: "https://a.example",
        target: "/github",
        headers: &[("X-Hub-Signature-256", good)],
        body: b"Hello, World!",
        now: 0,
    };
    assert_eq!(case.outcome(), Ok(()));
    case.body = b"Hello, World?";
    assert_eq!(case.outcome(), Err(SignatureRefusal::Mismatch));
}

/// standard-webhooks `libraries/python/tests/test_webhooks.py` (commit 33d368b2),
/// `test_sign_function`; the same values stand in Svix's documentation.
#[test]
fn the_standard_webhooks_symmetric_vector_holds() {
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let mut case = standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", good);
    assert_eq!(case.outcome(), Ok(()));
    case.body = br#"{"test":2432232314}"#;
    assert_eq!(
        case.outcome(),
        Err(SignatureRefusal::Mismatch),
        "re-serialised"
    );
}

/// standard-webhooks `libraries/go/webhook_asymmetric_test.go` (commit 5fb2ce93),
/// `TestAsymmetricWebhookSign`: seed, message and signature. The public key is derived from the
/// published seed (RFC 8032).
#[test]
fn the_standard_webhooks_asymmetric_vector_holds() {
    let seed = *b"TESTSIGNINGKEYDONOTUSETHISFORANY";
    let public = seal::ed25519::SigningKey::from_seed(seed)
        .unwrap()
        .verifying_bytes();
    let public = format!("whpk_{}", seal::encode::base64(&public));
    let good = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==";
    assert_eq!(standard(&public, good).outcome(), Ok(()));
    let bad = good.replace("v1a,t", "v1a,u");
    assert_eq!(
        standard(&public, &bad).outcome(),
        Err(SignatureRefusal::Mismatch)
    );
    let relabelled = good.replace("v1a,", "v1,");
    assert_eq!(
        standard(&public, &relabelled).outcome(),
        Err(SignatureRefusal::Mismatch)
    );

    let signed = sign(
        Scheme::find("standard-webhooks").unwrap(),
        &secret("whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="),
        &Signing {
            method: "POST",
            public_url: "https://a.example",
            target: "/hook",
            content_type: None,
            body: br#"{"test": 2432232314}"#,
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at: Timestamp::from_seconds(1_614_265_330),
        },
    )
    .unwrap();
    assert_eq!(signed.headers.last().unwrap().1, good);
}

fn standard<'a>(secret: &'a str, signature: &'a str) -> Case<'a> {
    let headers = vec![
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", signature),
    ];
    Case {
        scheme: "standard-webhooks",
        secret,
        public_url: "https://a.example",
        target: "/hook",
        headers: headers.leak(),
        body: br#"{"test": 2432232314}"#,
        now: 1_614_265_330,
    }
}
