//! What a provider asks of its endpoint: answered here, and never by the app.

use control::Secret;
use hooks::{Scheme, Signing, sign};

use crate::house::{HOST, House, Met, START, site_with};

const ROUTES: &str = r#"
[[route]]
path = "/slack"
methods = ["POST"]
app = "coach"
webhook = { scheme = "slack", secret = ["slack"] }

[[route]]
path = "/meta"
methods = ["GET", "POST"]
app = "coach"
webhook = { scheme = "meta", secret = ["meta"], token = ["meta-token"] }

[[route]]
path = "/x"
methods = ["GET", "POST"]
app = "coach"
webhook = { scheme = "x-twitter", secret = ["x"] }

[[route]]
path = "/alerts"
methods = ["POST"]
app = "coach"
webhook = { scheme = "datadog", secret = ["pages"], options = { header = "X-Page-Token" } }
"#;

const SLACK: &str = "a signing secret of slack";
const TOKEN: &str = "a-token-that-meta-shows";
const CONSUMER: &str = "a consumer secret of x";
const PAGES: &str = "a-token-of-datadog";

fn house() -> House {
    House::with_secrets(
        ROUTES,
        &[
            ("slack", SLACK),
            ("meta", "an app secret of meta"),
            ("meta-token", TOKEN),
            ("x", CONSUMER),
            ("pages", PAGES),
        ],
    )
}

fn slack(secret: &[u8], body: &[u8]) -> Vec<String> {
    let signing = Signing {
        method: "POST",
        public_url: "https://coach.school.example",
        target: "/slack",
        content_type: Some("application/json"),
        body,
        id: "1",
        at: START,
    };
    let scheme = Scheme::find("slack").unwrap();
    let signed = sign(scheme, &Secret::new(secret.to_vec()), &signing).unwrap();
    let mut lines = vec!["POST /slack HTTP/1.1".to_owned(), HOST.to_owned()];
    let headers = signed.headers.iter();
    lines.extend(headers.map(|(name, value)| format!("{name}: {value}")));
    lines
}

fn ask(house: &House, lines: &[String], body: &[u8]) -> Met {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    house.ask(&lines, body)
}

fn get(house: &House, target: &str) -> Met {
    house.ask(&[&format!("GET {target} HTTP/1.1"), HOST], b"")
}

#[test]
fn a_signed_question_is_answered_and_not_forwarded() {
    let house = house();
    let question = br#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV"}"#;
    let (status, answer) = ask(&house, &slack(SLACK.as_bytes(), question), question).answer();
    assert_eq!(status, 200);
    assert!(answer.contains("Content-Type: text/plain"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n3eZbrw1aBm2rZgRNFdxV"), "{answer}");

    let unsigned = ["POST /slack HTTP/1.1".to_owned(), HOST.to_owned()];
    assert_eq!(ask(&house, &unsigned, question).status(), 403);
    let foreign = slack(b"another secret of some length", question);
    assert_eq!(ask(&house, &foreign, question).status(), 403);

    // What is no question goes to the app.
    let event = br#"{"type":"event_callback","challenge":"x","event_id":"Ev1"}"#;
    let (head, forwarding) = ask(&house, &slack(SLACK.as_bytes(), event), event).head();
    assert!(head.starts_with("POST /slack"), "{head}");
    house.end(forwarding, 200);
}

#[test]
fn a_question_that_would_have_more_sent_back_than_a_value_is_refused() {
    let house = house();
    for challenge in [
        "<script>".to_owned(),
        "a b".to_owned(),
        "x".repeat(1025),
        String::new(),
    ] {
        let body = format!(r#"{{"type":"url_verification","challenge":"{challenge}"}}"#);
        let lines = slack(SLACK.as_bytes(), body.as_bytes());
        assert_eq!(
            ask(&house, &lines, body.as_bytes()).status(),
            403,
            "{challenge}"
        );
    }
}

#[test]
fn a_subscription_is_confirmed_to_whom_knows_the_token() {
    let house = house();
    let target = |token: &str| {
        format!("/meta?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444")
    };
    let (status, answer) = get(&house, &target(TOKEN)).answer();
    assert!(
        status == 200 && answer.ends_with("\r\n\r\n1158201444"),
        "{answer}"
    );
    for refused in [
        target("wrong"),
        target(""),
        target(TOKEN).replace("subscribe", "unsubscribe"),
        "/meta?hub.mode=subscribe&hub.challenge=1".to_owned(),
        format!("/meta?hub.mode=subscribe&hub.verify_token={TOKEN}"),
        format!("{}&hub.verify_token={TOKEN}", target(TOKEN)),
        "/meta".to_owned(),
    ] {
        assert_eq!(get(&house, &refused).status(), 403, "{refused}");
    }
    // Knowing the token delivers nothing.
    let delivery = format!("POST {} HTTP/1.1", target(TOKEN));
    assert_eq!(house.ask(&[&delivery, HOST], b"{}").status(), 403);
}

/// Whoever asks gets an HMAC under the secret that also signs bodies. It is given for letters and
/// digits alone: no body that an app would read as one.
#[test]
fn nobody_gets_a_body_signed_by_asking_for_it() {
    let house = house();
    let (status, answer) =
        get(&house, "/x?crc_token=9b4507b3-9040-4669-9ca3-6b94edb50553").answer();
    assert_eq!(status, 200);
    let tag = seal::hmac::sign(
        seal::hmac::Algorithm::Sha256,
        CONSUMER.as_bytes(),
        &[b"9b4507b3-9040-4669-9ca3-6b94edb50553"],
    );
    let expected = format!(
        r#"{{"response_token":"sha256={}"}}"#,
        seal::encode::base64(tag.as_bytes())
    );
    assert!(answer.ends_with(&expected), "{answer}");
    for token in ["%7B%22for_user_id%22%3A1%7D", "a%20b", "%5B%5D", "a.b", ""] {
        let target = format!("/x?crc_token={token}");
        assert_eq!(get(&house, &target).status(), 403, "{target}");
    }
}

#[test]
fn a_header_that_was_chosen_at_the_provider_is_the_one_that_counts() {
    let house = house();
    let alert = |line: &str| house.ask(&["POST /alerts HTTP/1.1", HOST, line], b"{}");
    assert_eq!(alert(&format!("X-Datadog-Token: {PAGES}")).status(), 403);
    assert_eq!(alert(&format!("X-Page-Token: {PAGES}x")).status(), 403);
    let (_, forwarding) = alert(&format!("X-Page-Token: {PAGES}")).head();
    house.end(forwarding, 200);
}

/// What `webhook init` prints for a provider is read as it stands, under a secret of its kind.
#[test]
fn what_is_printed_for_a_provider_is_a_configuration() {
    let rng = control::rng::CountingRng::from_seed(1);
    for scheme in Scheme::built_in() {
        let printed = hooks::setup::configuration(
            scheme,
            &hooks::setup::Place {
                public_url: "https://coach.school.example",
                path: "/hook",
                app: "coach",
            },
        );
        let (before, route) = printed.split_once("\n[[route]]").unwrap();
        let (comments, secrets) = before.split_once("[secrets]\n").unwrap();
        let commented = |line: &str| line.is_empty() || line.starts_with('#');
        assert!(comments.lines().all(commented), "{comments}");
        let secrets = secrets
            .lines()
            .map(|line| {
                let (name, reference) = line.split_once(" = ").unwrap();
                assert!(reference.starts_with("\"env:"), "{line}");
                (name.to_owned(), Some(scheme.mint_verifying(&rng).unwrap()))
            })
            .collect();
        let site = site_with(&format!("[[route]]{route}"), &secrets);
        let source = site.routes()[0].source().unwrap();
        assert_eq!(source.scheme().name, scheme.name);
    }
}
