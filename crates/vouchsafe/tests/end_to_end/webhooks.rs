//! `webhook schemes|init|sign|verify|doctor`: the scheme engine on the command line.

use std::{fs::File, path::Path, process::Stdio};

use crate::support::{Said, run, vouchsafe};

/// GitHub documentation, Validating webhook deliveries, Testing the webhook payload validation:
/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
const SECRET: &str = "It's a Secret to Everybody";
const BODY: &str = "Hello, World!";
const SIGNATURE: &str =
    "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    // One final newline is not part of a secret.
    write("secret", &format!("{SECRET}\n"));
    write("other", "another secret");
    write("body", BODY);
    write("forged", "Hello, World?");
    folder
}

/// `verify --scheme github` in `folder`.
fn verify(folder: &Path, secrets: &[&str], body: &str, header: &str) -> Said {
    let mut command = vouchsafe(&[
        "webhook", "verify", "--scheme", "github", "--header", header,
    ]);
    for secret in secrets {
        command.arg("--secret-file").arg(folder.join(secret));
    }
    if body == "-" {
        command
            .arg("--body-file")
            .arg("-")
            .stdin(File::open(folder.join("body")).unwrap());
    } else {
        command
            .arg("--body-file")
            .arg(folder.join(body))
            .stdin(Stdio::null());
    }
    run(&mut command)
}

#[test]
fn a_genuine_delivery_is_genuine_from_a_file_and_from_stdin() {
    let folder = folder();
    for body in ["body", "-"] {
        let said = verify(folder.path(), &["secret"], body, SIGNATURE).exits(0);
        assert_eq!(said.stdout, "");
    }
}

#[test]
fn a_forged_delivery_is_refused_with_the_reason() {
    let folder = folder();
    let absent = "X-Other: 1";
    for (secret, body, header) in [
        ("secret", "forged", SIGNATURE),
        ("other", "body", SIGNATURE),
        ("secret", "body", absent),
    ] {
        let said = verify(folder.path(), &[secret], body, header)
            .exits(1)
            .says(&["refused: "]);
        assert_eq!(said.stdout, "");
        said.silent_about(SECRET);
    }
}

#[test]
fn during_a_rotation_either_secret_is_enough() {
    let folder = folder();
    for secrets in [["secret", "other"], ["other", "secret"]] {
        verify(folder.path(), &secrets, "body", SIGNATURE).exits(0);
    }
    verify(folder.path(), &["other", "other"], "body", SIGNATURE).exits(1);
}

#[test]
fn unusable_input_is_neither_genuine_nor_refused() {
    let folder = folder();
    verify(folder.path(), &["nothing"], "body", SIGNATURE).could_not_ask(&["nothing"]);
    verify(folder.path(), &["secret"], "nothing", SIGNATURE).could_not_ask(&["nothing"]);
    verify(folder.path(), &["secret"], "body", "no colon").could_not_ask(&["header 1"]);
    let secret = folder.path().join("secret");
    let body = folder.path().join("body");
    let ask = |scheme: &str, more: &[&str]| {
        let mut command = vouchsafe(&["webhook", "verify", "--scheme", scheme]);
        run(command
            .arg("--secret-file")
            .arg(&secret)
            .arg("--body-file")
            .arg(&body)
            .args(more))
    };
    ask("githab", &[]).could_not_ask(&["githab", "github"]);
    ask("twilio", &["--header", "X-Twilio-Signature: AAAA"]).could_not_ask(&["--url"]);
    ask("github", &["--now", "yesterday"]).could_not_ask(&["yesterday", "RFC 3339"]);
}

#[test]
fn what_is_signed_verifies_until_its_time_has_passed() {
    let folder = folder();
    let secret = folder.path().join("standard");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let with = |verb: &str, now: &str| {
        let mut command = vouchsafe(&[
            "webhook",
            verb,
            "--scheme",
            "standard-webhooks",
            "--now",
            now,
        ]);
        command
            .arg("--secret-file")
            .arg(&secret)
            .arg("--body-file")
            .arg(folder.path().join("body"));
        command.args(["--url", "https://coach.example/webhook"]);
        command
    };
    let signed =
        run(with("sign", "2026-11-21T10:00:00Z").args(["--id", "msg_1", "--format", "json"]));
    let signed = signed.exits(0).json();
    assert_eq!(signed["target"], "/webhook");
    let headers: Vec<String> = signed["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            format!(
                "{}: {}",
                pair[0].as_str().unwrap(),
                pair[1].as_str().unwrap()
            )
        })
        .collect();
    assert!(
        headers.iter().any(|header| header == "webhook-id: msg_1"),
        "{headers:?}"
    );
    let verified = |now: &str| {
        let mut command = with("verify", now);
        for header in &headers {
            command.arg("--header").arg(header);
        }
        run(&mut command)
    };
    verified("2026-11-21T10:04:59Z").exits(0);
    verified("2026-11-21T10:05:01Z")
        .exits(1)
        .says(&["refused: "]);
}

#[test]
fn the_schemes_are_listed_with_what_they_cover() {
    let said = run(&mut vouchsafe(&["webhook", "schemes", "--format", "json"]))
        .exits(0)
        .json();
    let names: Vec<&str> = said
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    for name in ["twilio", "github", "standard-webhooks"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for row in said.as_array().unwrap() {
        assert!(
            row["experimental"] == false || row["vector"].is_null(),
            "{row}"
        );
    }
    let text = run(&mut vouchsafe(&["webhook", "schemes"])).exits(0).stdout;
    assert_eq!(text.lines().count(), names.len());
}

#[test]
fn a_delivery_that_does_not_verify_is_explained_without_its_secret() {
    let folder = folder();
    std::fs::write(folder.path().join("pasted"), format!("\"{SECRET}\"")).unwrap();
    let doctor = |secret: &str, body: &str, more: &[&str]| {
        let mut command = vouchsafe(&["webhook", "doctor", "--scheme", "github"]);
        command.args(["--header", SIGNATURE]).args(more);
        command.arg("--secret-file").arg(folder.path().join(secret));
        command.arg("--body-file").arg(folder.path().join(body));
        run(&mut command)
    };
    assert_eq!(doctor("secret", "body", &[]).exits(0).stdout, "genuine\n");
    let pasted = doctor("pasted", "body", &[]).exits(1);
    assert!(
        pasted.stdout.contains("without the quotation marks"),
        "{pasted:?}"
    );
    assert!(!pasted.stdout.contains(SECRET) && !pasted.stderr.contains(SECRET));
    let forged = doctor("secret", "forged", &["--format", "json"])
        .exits(1)
        .json();
    assert_eq!(forged["genuine"], false);
    assert_eq!(forged["notes"].as_array().unwrap().len(), 1, "{forged}");
    doctor("secret", "body", &["--option", "header=X"]).could_not_ask(&["no option `header`"]);
}

#[test]
fn a_provider_is_set_up_by_what_is_printed() {
    let init = |provider: &str| run(&mut vouchsafe(&["webhook", "init", provider]));
    let said = init("meta").exits(0).stdout;
    for part in [
        "# 1. URL: https://app.example/webhook/meta",
        "meta = \"env:META_WEBHOOK_SECRET\"",
        "methods = [\"GET\", \"POST\"]",
        "token = [\"meta-token\"]",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    init("strype").could_not_ask(&["did you mean `stripe`?"]);
}
