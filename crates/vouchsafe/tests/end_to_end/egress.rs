//! `egress check`: what a person reads, what a script reads, and the guide's examples.

use std::fs;

use control::Clock as _;

use crate::support::{Deployment, clock, open_route, run, site, vouchsafe};

fn check(arguments: &[&str]) -> crate::support::Said {
    run(vouchsafe(&["egress", "check"]).args(arguments))
}

#[test]
fn every_example_of_the_guide_says_what_the_guide_shows() {
    let guide = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/guide/egress-check.md"
    );
    let guide = fs::read_to_string(guide).unwrap();
    let mut shown = 0;
    for block in guide.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let (command, expected) = block.split_once('\n').unwrap();
        let command = command.strip_prefix("$ vouchsafe ").unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        let said = run(&mut vouchsafe(&words));
        assert_eq!(said.stdout, expected, "{command}");
        let refused = expected.contains("refused");
        said.exits(i32::from(refused));
        shown += 1;
    }
    assert_eq!(shown, 4);
}

#[test]
fn a_name_is_judged_by_what_it_resolves_to() {
    let at = |addresses: &str| {
        let given = format!("id.example={addresses}");
        check(&[
            "https://id.example/",
            "--resolve",
            &given,
            "--format",
            "json",
        ])
    };
    let allowed = at("93.184.216.34,2606:4700::1").exits(0).json();
    assert_eq!(allowed["verdict"], "allowed");
    assert_eq!(allowed["rule"], serde_json::Value::Null);
    assert_eq!(allowed["addresses"][1]["address"], "2606:4700::1");
    for (addresses, rule) in [
        ("127.0.0.1", "address.loopback"),
        ("10.0.0.1,93.184.216.34", "address.private"),
        ("::ffff:127.0.0.1", "address.loopback"),
        ("fd00:ec2::254", "address.metadata"),
    ] {
        let refused = at(addresses).exits(1).json();
        assert_eq!(refused["verdict"], "refused");
        assert_eq!(refused["rule"], rule, "{addresses}");
        assert_eq!(refused["mixed"], addresses.contains(','));
    }
}

#[test]
fn neither_a_secret_in_the_url_nor_its_path_is_printed() {
    for url in [
        "https://user:correct-horse@id.example/",
        "https://id.example/correct-horse?token=correct-horse",
        "https://id.example/?correct horse correct-horse",
    ] {
        for format in ["text", "json"] {
            let given = ["--resolve", "id.example=93.184.216.34", "--format", format];
            let said = check(&[&[url][..], &given].concat());
            assert_ne!(said.exit, Some(2), "{said:?}");
            said.silent_about("correct-horse");
        }
    }
}

#[test]
fn what_cannot_be_asked_is_neither_allowed_nor_refused() {
    let other = ["--resolve", "other.example=93.184.216.34"];
    check(&[&["https://id.example/"][..], &other].concat())
        .could_not_ask(&["nothing is said about id.example", "--resolve"]);
    for wrong in [
        "id.example",
        "id.example=",
        "id.example=127.1",
        "=1.2.3.4",
        "1.2.3.4=1.2.3.4",
    ] {
        let said = check(&["https://id.example/", "--resolve", wrong]);
        assert_eq!((said.exit, said.stdout.as_str()), (Some(2), ""), "{wrong}");
    }
    check(&["https://id.example/", "--config", "no-such-file.toml"]).could_not_ask(&[]);
}

#[test]
fn an_address_needs_no_name_server_and_is_judged_all_the_same() {
    let allowed = check(&["http://93.184.216.34/"]).exits(0);
    assert_eq!(
        allowed.stdout,
        "allowed: http://93.184.216.34\naddress: 93.184.216.34  public\n"
    );
    let refused = check(&["http://[::ffff:169.254.169.254]/", "--format", "json"])
        .exits(1)
        .json();
    assert_eq!(refused["rule"], "address.metadata");
    let closed = check(&["http://localhost/"]).exits(1);
    assert!(
        closed.stdout.contains("name.localhost"),
        "{}",
        closed.stdout
    );
}

#[test]
fn the_configuration_opens_and_closes() {
    let text = site("127.0.0.1:9".parse().unwrap())
        + &open_route("/")
        + "[[connect.exception]]\nhost = \"keycloak\"\nnetwork = \"10.1.0.0/16\"\nport = 9000\n\
           reason = \"our own provider\"\nuntil = 2099-01-01\n";
    let far = Deployment::new(&text);
    far.run(&["check"], &[])
        .could_not_ask(&["connect.too-long", "90 days"]);

    let mut now = clock().now().to_string();
    now.truncate(10);
    let deployment = Deployment::new(&text.replace("2099-01-01", &now));
    let at = |url: &str, address: &str| {
        let host = url
            .trim_start_matches("http://")
            .split([':', '/'])
            .next()
            .unwrap();
        let given = format!("{host}={address}");
        deployment.run(
            &["egress", "check", url],
            &["--resolve", &given, "--format", "json"],
        )
    };
    at("http://keycloak:9000/", "10.1.2.3").exits(0);
    for (url, address, rule) in [
        ("http://keycloak:9000/", "10.2.0.1", "address.private"),
        ("http://keycloak:9001/", "10.1.2.3", "name.single-label"),
        ("http://id.example/", "10.1.2.3", "address.private"),
        // The deployment's own name.
        ("http://localhost/", "93.184.216.34", "name.own"),
    ] {
        assert_eq!(
            at(url, address).exits(1).json()["rule"],
            rule,
            "{url} {address}"
        );
    }
}
