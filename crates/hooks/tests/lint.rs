//! The loader fails closed: a scheme file that would verify less than it says does not load.

use hooks::{
    Scheme,
    load::{Lint, SchemeFault, read},
};

const GITHUB: &str = include_str!("../schemes/github.toml");
const STANDARD: &str = include_str!("../schemes/standard-webhooks.toml");
const TWILIO: &str = include_str!("../schemes/twilio.toml");

/// Loads `text` with `from` replaced by `to`, which must be there.
fn changed(name: &str, text: &str, from: &str, to: &str) -> Result<Scheme, SchemeFault> {
    assert!(text.contains(from), "{name} has no {from}");
    read(name, &text.replace(from, to))
}

fn broken(name: &str, text: &str, from: &str, to: &str) -> Option<Lint> {
    match changed(name, text, from, to) {
        Err(SchemeFault::Unsafe { lint, .. }) => Some(lint),
        _ => None,
    }
}

#[test]
fn the_schemes_of_this_build_load() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schemes")).unwrap();
    let names: Vec<&str> = Scheme::built_in().iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names.len(), files.count(), "one scheme for each file");
    assert!(names.len() >= 60 && names.is_sorted(), "{names:?}");
    for name in ["github", "standard-webhooks", "twilio"] {
        let scheme = Scheme::find(name).unwrap();
        assert!(!scheme.experimental && scheme.vector.is_some(), "{name}");
    }
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    for from in [
        "provider =",
        "[ack]\n",
        "[dedupe]\n",
        "methods =",
        "mac =",
        "[signature]\n",
    ] {
        let to = if from.starts_with('[') {
            format!("{from}surprise = 1\n")
        } else {
            format!("surprise = 1\n{from}")
        };
        let fault = changed("github", GITHUB, from, &to);
        assert!(
            matches!(fault, Err(SchemeFault::Unreadable { .. })),
            "{from}"
        );
    }
    let key = changed(
        "github",
        GITHUB,
        "bytes = [1, 1024]",
        "bytes = [1, 1024], weak = true",
    );
    assert!(matches!(key, Err(SchemeFault::Unreadable { .. })));
}

#[test]
fn primitives_that_are_not_built_say_so() {
    for (from, to, primitive) in [
        (
            "\"hmac-sha256\"",
            "\"rsa-pkcs1-sha256\"",
            "rsa-pkcs1-sha256",
        ),
        ("\"hmac-sha256\"", "\"jws\"", "jws"),
        ("[\"body\"]", "[\"crc32\"]", "crc32"),
        (
            "{ header = \"X-Hub-Signature-256\" }",
            "{ rfc9421 = \"/s\" }",
            "rfc9421",
        ),
    ] {
        let Err(fault) = changed("github", GITHUB, from, to) else {
            panic!("{primitive} loads");
        };
        assert_eq!(
            fault.to_string(),
            format!("scheme github: {primitive} is not supported yet")
        );
    }
    let unheard_of = changed("github", GITHUB, "\"hmac-sha256\"", "\"rot13\"");
    assert!(matches!(unheard_of, Err(SchemeFault::Unreadable { .. })));
}

#[test]
fn a_time_that_is_not_signed_gives_no_freshness() {
    // Agent-Field/agentfield#717: the time was read from a header that nothing signed.
    let unsigned = "from = { header = \"X-Sent\" }\nunit";
    let from = "from = { header = \"webhook-timestamp\" }\nunit";
    assert_eq!(
        broken("standard-webhooks", STANDARD, from, unsigned),
        Some(Lint::FreshnessUnsigned)
    );
    let case = "from = { header = \"Webhook-Timestamp\" }\nunit";
    assert!(
        changed("standard-webhooks", STANDARD, from, case).is_ok(),
        "header names have no case"
    );
    for (from, to) in [
        ("past = 300", "past = 0"),
        ("future = 300", "future = 86400"),
    ] {
        assert_eq!(
            broken("standard-webhooks", STANDARD, from, to),
            Some(Lint::Tolerance)
        );
    }
}

#[test]
fn a_body_that_is_not_signed_must_be_labelled() {
    let from = "message = [\"body\"]";
    let to = "message = [\"method\"]";
    assert_eq!(broken("github", GITHUB, from, to), Some(Lint::BodyUnsigned));
    let labelled = GITHUB
        .replace(from, to)
        .replace("integrity = \"body\"", "integrity = \"none\"");
    assert!(read("github", &labelled).is_ok());
    let from = "integrity = \"body\"";
    assert_eq!(
        broken("github", GITHUB, from, "integrity = \"none\""),
        Some(Lint::BodySigned)
    );
    // A digest in the query binds nothing when the URL is not signed.
    let digest = "body-digest = { from = { query = \"bodySHA256\" }, encoding = \"hex\" }\n";
    assert_eq!(
        broken("twilio", TWILIO, digest, ""),
        Some(Lint::BodyUnsigned)
    );
}

/// An id in the body is signed with it; one beside a signed digest of it is not looked for.
#[test]
fn a_value_of_the_body_is_signed_where_the_body_is() {
    let by_id = "[dedupe]\nby = [{ json = \"/id\" }]";
    assert!(changed("github", GITHUB, "[dedupe]", by_id).is_ok());
    let from = "message = [\"body\"]";
    let text = GITHUB
        .replace(from, "message = [{ header = \"X-Id\" }]")
        .replace("integrity = \"body\"", "integrity = \"none\"")
        .replace("[dedupe]", by_id);
    assert!(matches!(
        read("github", &text),
        Err(SchemeFault::Unsafe {
            lint: Lint::DedupeUnsigned,
            ..
        })
    ));
    let time =
        "[freshness]\nfrom = { json = \"/at\" }\nunit = \"seconds\"\npast = 60\nfuture = 60\n[ack]";
    assert!(changed("github", GITHUB, "[ack]", time).is_ok());
    let unsigned = text.replace(by_id, "[dedupe]").replace("[ack]", time);
    assert!(matches!(
        read("github", &unsigned),
        Err(SchemeFault::Unsafe {
            lint: Lint::FreshnessUnsigned,
            ..
        })
    ));
}

/// A question goes unsigned only where no delivery goes, and a signed one is told by what is signed.
#[test]
fn questions_stand_apart_from_deliveries() {
    let with = |question: &str| {
        changed(
            "github",
            GITHUB,
            "[dedupe]",
            &format!("[[handshake]]\nname = \"q\"\n{question}\n[dedupe]"),
        )
    };
    let value = "value = { query = \"c\" }\ncontent-type = \"text/plain\"\nbody = [\"value\"]";
    let json = "value = { json = \"/c\" }\ncontent-type = \"text/plain\"\nbody = [\"value\"]";
    assert!(with(&format!("method = \"GET\"\nsigned = false\n{value}")).is_ok());
    let signed =
        "method = \"POST\"\nsigned = true\nwhen = [{ at = { json = \"/t\" }, is = \"q\" }]";
    assert!(with(&format!("{signed}\n{json}")).is_ok());
    for refused in [
        format!("method = \"POST\"\nsigned = false\n{value}"),
        format!("method = \"POST\"\nsigned = true\n{json}"),
        format!("method = \"DELETE\"\nsigned = false\n{value}"),
        format!("{signed}\n{value}"),
        format!("{signed}\ntoken = {{ json = \"/k\" }}\n{json}"),
        signed.replace("{ json = \"/t\" }", "{ header = \"X-Type\" }"),
        "method = \"GET\"\nsigned = false\nbody = [\"value\"]".to_owned(),
        "method = \"GET\"\nsigned = false\nbody = [{ lit = \"x\" }]".to_owned(),
        "method = \"GET\"\nsigned = false\nstatus = 302".to_owned(),
        "method = \"GET\"\nsigned = false\nvalue = { query = \"c\" }".to_owned(),
    ] {
        let fault = with(&refused);
        assert!(
            matches!(
                fault,
                Err(SchemeFault::Unsafe {
                    lint: Lint::Handshake,
                    ..
                })
            ),
            "{refused}: {fault:?}"
        );
    }
}

#[test]
fn variants_are_chosen_by_what_is_signed_and_exclude_each_other() {
    let from = "message = [\"url\", \"sorted-form\"]";
    let to = "message = [\"sorted-form\"]";
    assert_eq!(
        broken("twilio", TWILIO, from, to),
        Some(Lint::ChoiceUnsigned)
    );
    let from = "without-query = [\"bodySHA256\"]\n";
    assert_eq!(broken("twilio", TWILIO, from, ""), Some(Lint::Ambiguous));
    let from = "content-type = \"application/x-www-form-urlencoded\"\n";
    assert_eq!(broken("twilio", TWILIO, from, ""), Some(Lint::FormType));
}

#[test]
fn sha1_is_for_providers_that_offer_nothing_else() {
    let from = "\"hmac-sha256\"";
    assert_eq!(
        broken("github", GITHUB, from, "\"hmac-sha1\""),
        Some(Lint::Legacy)
    );
    let declared = "legacy = \"provider offers nothing else\"";
    assert_eq!(
        broken("twilio", TWILIO, declared, "legacy = \"it is fine\""),
        Some(Lint::Legacy)
    );
    assert_eq!(
        broken("twilio", TWILIO, "\"hmac-sha1\"", from),
        Some(Lint::Legacy)
    );
}

#[test]
fn a_scheme_without_a_foreign_vector_is_experimental() {
    let line = "vector = \"GitHub documentation, Validating webhook deliveries, Testing the webhook payload validation\"";
    assert_eq!(broken("github", GITHUB, line, ""), Some(Lint::NoVector));
    assert!(changed("github", GITHUB, line, "experimental = true").is_ok());
}

#[test]
fn repeats_are_told_by_atoms_of_the_signed_message() {
    let to = "[dedupe]\nby = [{ header = \"X-GitHub-Delivery\" }]";
    assert_eq!(
        broken("github", GITHUB, "[dedupe]", to),
        Some(Lint::DedupeUnsigned)
    );
    assert!(changed("github", GITHUB, "[dedupe]", "[dedupe]\nby = [\"body\"]").is_ok());
    let to = "[dedupe]\nretain = 60";
    assert_eq!(
        broken("github", GITHUB, "[dedupe]", to),
        Some(Lint::Retention)
    );
    let from = "retain = 172800";
    assert_eq!(
        broken("standard-webhooks", STANDARD, from, "retain = 1199"),
        Some(Lint::Retention)
    );
    assert!(changed("standard-webhooks", STANDARD, from, "retain = 1200").is_ok());
}

#[test]
fn a_static_secret_is_authenticity_without_integrity() {
    let text = GITHUB
        .replace("\"hmac-sha256\"", "\"static\"")
        .replace("encoding = \"hex\"", "encoding = \"utf8\"");
    let unlabelled = read("github", &text);
    assert!(matches!(
        unlabelled,
        Err(SchemeFault::Unsafe {
            lint: Lint::BodyUnsigned,
            ..
        })
    ));
    let text = text.replace("integrity = \"body\"", "integrity = \"none\"");
    assert!(matches!(
        read("github", &text),
        Err(SchemeFault::Unsafe {
            lint: Lint::DedupeUnsigned,
            ..
        })
    ));
    let text = text.replace("[dedupe]", "[dedupe]\nby = [\"body\"]");
    assert!(read("github", &text).is_ok());
}

#[test]
fn the_other_rules_hold() {
    for (from, to, lint) in [
        ("name = \"github\"", "name = \"gitlab\"", Lint::Name),
        ("message = [\"body\"]", "message = []", Lint::Nothing),
        ("prefix = \"sha256=\"", "version = \"v1\"", Lint::Versions),
        (
            "[signature]\n",
            "[signature]\nseparator = \"é\"\n",
            Lint::Separator,
        ),
        ("bytes = [1, 1024]", "bytes = [0, 1024]", Lint::EmptySecret),
        ("bytes = [1, 1024]", "bytes = [9, 8]", Lint::EmptySecret),
        ("status = 202", "status = 302", Lint::Ack),
        ("status = 202", "status = 202\nbody = \"x\"", Lint::Ack),
        ("status = 202", "status = 202\nrefused = 200", Lint::Refused),
        (
            "[dedupe]",
            "[dedupe]\nby = [{ json = \"id\" }]",
            Lint::Pointer,
        ),
        (
            "[dedupe]",
            "[dedupe]\nby = [{ json = \"/a/b/c/d/e/f/g/h/i\" }]",
            Lint::Pointer,
        ),
        (
            "[dedupe]",
            "[option.header]\nabout = \"x\"\ndefault = \"X Y\"\n[dedupe]",
            Lint::Option,
        ),
        (
            "[ack]",
            "[freshness]\nfrom = { param = { header = \"X-Sent\", name = \"t\", separator = \"é\" } }\nunit = \"seconds\"\npast = 1\nfuture = 1\n[ack]",
            Lint::Separator,
        ),
    ] {
        assert_eq!(broken("github", GITHUB, from, to), Some(lint), "{to}");
    }
}
