//! What the guides show is taken as it stands.

use std::{fs, path::Path, time::Duration};

use control::{Clock as _, SystemClock};

use crate::support::{Client, Deployment, Upstream, request, site};

/// The blocks of `language` in a guide, without the indent of the list they stand in.
fn blocks(guide: &str, language: &str) -> Vec<String> {
    blocks_of(guide, language, str::trim_start)
}

/// The same of programs that a reader saves as they stand, every byte of them.
pub(crate) fn examples(guide: &str, language: &str) -> Vec<String> {
    blocks_of(guide, language, |line| line)
}

fn blocks_of(guide: &str, language: &str, of_line: fn(&str) -> &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let text = fs::read_to_string(path.join(guide)).unwrap();
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(of_line) {
        match line.strip_prefix("```") {
            Some(opened) if !inside && opened == language => {
                inside = true;
                blocks.push(String::new());
            }
            Some(_) => inside = false,
            None if inside => {
                let block = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// The day a month from now.
fn in_a_month() -> String {
    let then = SystemClock::new()
        .now()
        .plus(Duration::from_secs(30 * 86_400));
    then.to_string().chars().take(10).collect()
}

#[test]
fn every_configuration_in_the_guide_to_logging_in_is_taken() {
    let upstream = Upstream::start();
    let shown = blocks("login.md", "toml");
    assert_eq!(shown.len(), 3);
    // The guide's own day passes; an exception must end soon, and not yet.
    let (before, _) = shown[2].split_once("until = ").unwrap();
    let exception = &format!("{before}until = {}\n", in_a_month());
    for block in &shown[..2] {
        let secure = site(upstream.address).replace("http://localhost", "https://localhost");
        for more in ["", exception] {
            let deployment = Deployment::new(&format!("{secure}{block}\n{more}"))
                .with("LOGIN_CLIENT_SECRET", "s");
            deployment.run(&["check"], &[]).exits(0);
        }
        // The twin: a slip in the same block is noticed.
        let slip = block.replace("client_id", "client_name");
        assert_ne!(&slip, block);
        Deployment::new(&format!("{secure}{slip}"))
            .with("LOGIN_CLIENT_SECRET", "s")
            .run(&["check"], &[])
            .exits(2);
    }
}

/// Whether `said` reads as `shown`, where each `…` stands for something of this run.
fn reads_as(said: &str, shown: &str) -> bool {
    let mut rest = said;
    let mut parts = shown.split('…');
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else {
        return false;
    };
    rest = after;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

#[test]
fn every_command_of_the_guide_to_accounts_says_what_the_guide_shows() {
    let upstream = Upstream::start();
    let settings = blocks("accounts.md", "toml");
    assert_eq!(settings.len(), 3);
    let secure = site(upstream.address).replace("http://localhost", "https://localhost");
    let (told, settings) = settings.split_last().unwrap();
    for (section, exit) in [(told.clone(), 0), (told.replace("retry", "retries"), 2)] {
        let deployment = Deployment::new(&format!("{secure}{}\n{section}", settings[0]));
        let deployment = deployment.with("ALERT_SECRET", crate::alerts::SECRET);
        deployment.run(&["check"], &[]).exits(exit);
    }
    for block in settings {
        let deployment = Deployment::new(&format!("{secure}{block}"));
        deployment.run(&["check"], &[]).exits(0);
        let slip = block.replace("[accounts]", "[accounts]\nattempt = 5");
        let slip = Deployment::new(&format!("{secure}{slip}"));
        slip.run(&["check"], &[]).exits(2).says(&["attempts"]);
    }
    let deployment = Deployment::new(&format!("{secure}{}", settings[0]));
    let gate = deployment.up();
    let mut shown = 0;
    for block in blocks("accounts.md", "console") {
        for example in block.split("$ vouchsafe ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap();
            let (verb, arguments) = command.split_at(
                command
                    .match_indices(' ')
                    .nth(1)
                    .unwrap_or((command.len(), ""))
                    .0,
            );
            let verb: Vec<&str> = verb.split(' ').collect();
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            let said = deployment.run(&verb, &arguments);
            let text = format!("{}{}", said.stderr, said.stdout);
            assert!(reads_as(&text, expected), "{command}: {text}");
            said.exits(i32::from(expected.starts_with("0 ")));
            shown += 1;
            if shown == 1 {
                // As the guide goes on: the person sets a password and signs in.
                let (_, link) = text.trim_end().rsplit_once("?link=").unwrap();
                let password = "copper+lantern+walks+slowly";
                for (place, filled) in [
                    (
                        "claim",
                        format!("link={link}&password={password}&repeat={password}"),
                    ),
                    (
                        "sign-in",
                        format!("name=ann%40helpline.example&password={password}"),
                    ),
                ] {
                    let fields = "Content-Type: application/x-www-form-urlencoded\r\n\
                                  Sec-Fetch-Site: same-origin\r\n";
                    let asked = request("POST", &format!("/.vouchsafe/{place}"), fields, &filled);
                    let status = Client::dial(gate.address).ask(asked).status;
                    assert!([200, 303].contains(&status), "{place}: {status}");
                }
            }
        }
    }
    assert_eq!(shown, 8);
    gate.stop();
}

#[test]
fn what_differs_from_a_guide_is_noticed() {
    assert!(reads_as("a 12 b\n", "a … b\n"));
    for said in ["a 12 b", "a 12 c\n", "x a 12 b\n", "a 12 b\nmore\n"] {
        assert!(!reads_as(said, "a … b\n"), "{said}");
    }
}

#[test]
fn the_configurations_of_guides_keep_what_they_promise() {
    let upstream = crate::support::Upstream::start();
    for (guide, promises) in [
        (
            "browsers.md",
            &["cors.named", "page.scripts", "download.inert"][..],
        ),
        ("bodies.md", &["body.checked", "body.text"]),
        (
            "uploads.md",
            &[
                "upload.size",
                "upload.type",
                "upload.names",
                "upload.rows",
                "upload.schema",
                "upload.friendly",
            ],
        ),
        (
            "answers.md",
            &["errors.hidden", "export.formulas", "headers.inside"],
        ),
        (
            "files.md",
            &[
                "files.confined",
                "files.names",
                "files.metadata",
                "files.parameter",
            ],
        ),
    ] {
        let text = examples(guide, "toml").concat();
        let text = crate::support::site(upstream.address) + &text;
        let deployment = crate::support::Deployment::new(&text);
        std::fs::create_dir(deployment.folder().join("public")).unwrap();
        let promised = examples(guide, "markdown").concat();
        deployment.write("SECURITY.md", promised.as_bytes());
        let gate = deployment.up();
        let proof = deployment.run(&["prove"], &[]).exits(0);
        for promise in promises {
            assert!(proof.stdout.contains(promise), "{}", proof.stdout);
        }
        gate.stop();
    }
}

#[test]
fn the_guide_to_roles_shows_what_explain_prints() {
    let upstream = Upstream::start();
    let shown = blocks("access.md", "toml");
    assert_eq!(shown.len(), 2);
    let deployment = Deployment::new(&format!("{}{}", site(upstream.address), shown[0]));
    deployment.run(&["check"], &[]).exits(0);
    let commands = blocks("access.md", "console");
    let commands: Vec<&str> = commands[0].lines().collect();
    let printed = &blocks("access.md", "text")[0];
    let words = |line: &str| -> Vec<String> {
        let words = line.split_whitespace().skip(2);
        words.map(str::to_owned).collect()
    };
    let asked = words(commands[0]);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let said = deployment.run(&["explain"], &asked).exits(1).stdout;
    let said = said.replace(&deployment.configuration(), "vouchsafe.toml");
    assert_eq!(said, *printed);
    // The twin: without a credential another stage refuses.
    let nobody = words(commands[2]);
    let nobody: Vec<&str> = nobody.iter().map(String::as_str).collect();
    let said = deployment.run(&["explain"], &nobody).exits(1).stdout;
    assert!(said.ends_with("refused with 401\n"), "{said}");
}

#[test]
fn the_guide_to_rows_promises_what_its_configuration_keeps() {
    let upstream = Upstream::start();
    let shown = &blocks("access.md", "toml")[1];
    let people = "\n[accounts]\n";
    let secure = site(upstream.address).replace("http://localhost", "https://localhost");
    let deployment = Deployment::new(&format!("{secure}{people}{shown}"));
    deployment.run(&["check"], &[]).exits(0);
    let promised = &blocks("access.md", "markdown")[1];
    deployment.write("SECURITY.md", format!("# Rows\n\n{promised}").as_bytes());
    let gate = deployment.up();
    let arguments = ["--allow", "writes", "--format", "json"];
    let proof = deployment.run(&["prove"], &arguments).exits(0).json();
    let promises = proof["promises"].as_array().unwrap();
    assert_eq!(promises.len(), 3);
    for promise in promises {
        assert_eq!(promise["verdict"], "kept", "{promise:#}");
    }
    gate.stop();
}

#[test]
fn every_configuration_and_command_of_the_guide_to_keys_is_taken() {
    let upstream = Upstream::start();
    let shown = blocks("keys.md", "toml");
    assert_eq!(shown.len(), 4);
    for block in &shown {
        let text = format!("{}{block}", site(upstream.address));
        // A block that shows no route stands beside one.
        let route = "\n[[route]]\npath = \"/x\"\napp = \"app\"\nauth = [\"api-key\"]\n";
        let text = if block.contains("[[route]]") {
            text
        } else {
            text + route
        };
        Deployment::new(&text).run(&["check"], &[]).exits(0);
        // The twin: a slip in the same block is noticed.
        let (name, _) = block.split_once(" = ").unwrap();
        let name = name.lines().last().unwrap();
        let slip = text.replacen(&format!("{name} = "), &format!("{name}s = "), 2);
        assert_ne!(slip, text);
        Deployment::new(&slip).run(&["check"], &[]).exits(2);
    }
    let deployment = Deployment::new(&format!("{}{}", site(upstream.address), shown[0]));
    let gate = deployment.up();
    let commands = blocks("keys.md", "console");
    let mut lines = commands[0].lines();
    let words = |line: &str| -> Vec<String> {
        // One argument of the guide is quoted: methods and path.
        let quoted = line.split('\'').enumerate().flat_map(|(at, part)| {
            let whole = vec![part.to_owned()];
            let split = part.split_whitespace().map(str::to_owned).collect();
            if at % 2 == 1 { whole } else { split }
        });
        quoted.skip(3).collect()
    };
    let run = |verb: &str, line: &str, id: Option<&str>| {
        assert!(line.starts_with(&format!("vouchsafe key {verb}")), "{line}");
        let mut arguments = words(line);
        if let (Some(last), Some(id)) = (arguments.last_mut(), id) {
            id.clone_into(last);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        deployment.run(&["key", verb], &arguments).exits(0).stdout
    };
    let key = run("create", lines.next().unwrap(), None);
    let id = key
        .trim()
        .strip_prefix("vsk_")
        .unwrap()
        .split('_')
        .next()
        .unwrap();
    assert!(run("list", lines.next().unwrap(), None).contains(id));
    run("revoke", lines.next().unwrap(), Some(id));
    assert!(run("list", "vouchsafe key list", None).contains("revoked"));
    gate.stop();
}
