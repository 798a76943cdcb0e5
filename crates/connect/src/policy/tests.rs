use super::*;
use crate::{resolve::Fixed, target::Target};

mod own;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn destination(url: &str) -> Destination {
    Target::parse(url).unwrap().destination().clone()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn answer(addresses: &[&str]) -> Answer {
    Answer {
        aliases: Vec::new(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn exception(host: &str, network: &str) -> Exception {
    Exception {
        host: Host::parse(host).unwrap(),
        network: network.parse().unwrap(),
        port: None,
        reason: "a test".to_owned(),
        until: NOW.plus(std::time::Duration::from_secs(1)),
    }
}

fn denial(host: Option<&str>, network: &str) -> Denial {
    Denial {
        host: host.map(|host| Host::parse(host).unwrap()),
        network: network.parse().unwrap(),
    }
}

/// The rule that refuses `url` where it resolves to `addresses`.
fn rule(policy: &Policy, url: &str, addresses: &[&str]) -> Result<(), &'static str> {
    let destination = destination(url);
    let admitted = policy
        .admit(&destination, NOW)
        .map_err(|refused| refused.rule())?;
    let answer = match destination.host().address() {
        Some(address) => Answer::literal(address),
        None => answer(addresses),
    };
    let judged = admitted.judge(&answer).map_err(|refused| refused.rule())?;
    assert_eq!(judged.len(), answer.addresses.len());
    Ok(())
}

#[test]
fn public_addresses_on_usual_ports_are_allowed_and_others_are_not() {
    let policy = Policy::default();
    for port in ["", ":80", ":443", ":8080", ":8443"] {
        let url = format!("https://id.example{port}/");
        assert_eq!(
            rule(&policy, &url, &["93.184.216.34", "2606:4700::1"]),
            Ok(()),
            "{url}"
        );
    }
    for port in [1, 22, 25, 79, 81, 444, 3306, 6379, 8081, 65535] {
        let url = format!("http://id.example:{port}/");
        assert_eq!(
            rule(&policy, &url, &["93.184.216.34"]),
            Err("port"),
            "{url}"
        );
    }
}

#[test]
fn literal_addresses_are_judged_like_any_other() {
    let policy = Policy::default();
    for (url, expected) in [
        ("http://93.184.216.34/", Ok(())),
        ("http://[2606:4700::1]/", Ok(())),
        ("http://[::ffff:93.184.216.34]/", Ok(())),
        ("http://127.0.0.1/", Err("address.loopback")),
        ("http://127.0.0.1./", Err("address.loopback")),
        ("http://0.0.0.0/", Err("address.this-network")),
        ("http://[::]/", Err("address.unspecified")),
        ("http://[::1]/", Err("address.loopback")),
        ("http://[::ffff:127.0.0.1]/", Err("address.loopback")),
        ("http://[::ffff:7f00:1]/", Err("address.loopback")),
        ("http://[::127.0.0.1]/", Err("address.ipv4-compatible")),
        ("http://169.254.169.254/", Err("address.metadata")),
        ("http://[::ffff:a9fe:a9fe]/", Err("address.metadata")),
        ("http://[64:ff9b::169.254.169.254]/", Err("address.nat64")),
        ("http://[fd00:ec2::254]/", Err("address.metadata")),
        ("http://100.100.100.200/", Err("address.metadata")),
        ("http://168.63.129.16/", Err("address.metadata")),
    ] {
        assert_eq!(rule(&policy, url, &[]), expected, "{url}");
    }
}

#[test]
fn one_refused_address_fails_the_whole_answer_wherever_it_stands() {
    let policy = Policy::default();
    let url = "https://id.example/";
    for (addresses, expected) in [
        (&["93.184.216.34"][..], Ok(())),
        (&["93.184.216.34", "10.0.0.1"], Err("address.private")),
        (&["10.0.0.1", "93.184.216.34"], Err("address.private")),
        (&["93.184.216.34", "::1"], Err("address.loopback")),
        (&["2606:4700::1", "127.0.0.1"], Err("address.loopback")),
        (
            &["93.184.216.34", "::ffff:10.0.0.1"],
            Err("address.private"),
        ),
        (&[], Err("answer.empty")),
    ] {
        assert_eq!(rule(&policy, url, addresses), expected, "{addresses:?}");
    }
    let many = ["93.184.216.34"; MOST_ADDRESSES + 1];
    assert_eq!(rule(&policy, url, &many), Err("answer.too-many"));
    assert_eq!(rule(&policy, url, &many[1..]), Ok(()));
}

#[test]
fn a_name_is_refused_before_it_is_resolved() {
    let policy = Policy::default();
    let public = &["93.184.216.34"];
    assert_eq!(
        rule(&policy, "http://localhost/", public),
        Err("name.localhost")
    );
    assert_eq!(
        rule(&policy, "http://LocalHost./", public),
        Err("name.localhost")
    );
    assert_eq!(
        rule(&policy, "http://keycloak/", public),
        Err("name.single-label")
    );
    assert_eq!(rule(&policy, "http://localhost.example/", public), Ok(()));
}

#[test]
fn an_alias_of_a_refused_name_is_refused() {
    let policy = Policy::default();
    let destination = destination("https://id.example/");
    let admitted = policy.admit(&destination, NOW).unwrap();
    let mut answer = answer(&["93.184.216.34"]);
    answer.aliases = vec![name("cdn.example")];
    assert!(admitted.judge(&answer).is_ok());
    answer.aliases.push(name("metadata.google.internal"));
    let refused = admitted.judge(&answer).unwrap_err();
    answer.aliases = vec![name("cdn.example"); MOST_ALIASES];
    assert!(admitted.judge(&answer).is_ok());
    answer.aliases.push(name("cdn.example"));
    assert_eq!(
        admitted.judge(&answer).unwrap_err(),
        Refused::TooManyAliases
    );
    assert_eq!(refused.rule(), "name.metadata");
    assert_eq!(
        refused.to_string(),
        "id.example is an alias of metadata.google.internal, which is refused by name (Google \
         Cloud instance metadata)"
    );
}

#[test]
fn an_exception_opens_its_network_for_its_host_alone() {
    let policy = Policy {
        exceptions: vec![
            exception("keycloak", "10.1.0.0/16"),
            exception("127.0.0.1", "127.0.0.1/32"),
        ],
        ..Policy::default()
    };
    for (url, address, expected) in [
        ("http://keycloak/", "10.1.2.3", Ok(())),
        ("http://keycloak/", "10.2.0.1", Err("address.private")),
        ("http://keycloak/", "127.0.0.1", Err("address.loopback")),
        // What its exception opens is the private network; a public address stands for another.
        (
            "http://keycloak/",
            "93.184.216.34",
            Err("name.single-label"),
        ),
        (
            "http://keycloak/",
            "169.254.169.254",
            Err("address.metadata"),
        ),
        (
            "http://keycloak:9000/",
            "10.1.2.3",
            Err("name.single-label"),
        ),
        ("http://id.example/", "10.1.2.3", Err("address.private")),
        ("http://127.0.0.1/", "", Ok(())),
        ("http://127.0.0.2/", "", Err("address.loopback")),
        ("http://[::ffff:127.0.0.1]/", "", Err("address.loopback")),
    ] {
        assert_eq!(
            rule(&policy, url, &[address]),
            expected,
            "{url} at {address}"
        );
    }
}

#[test]
fn an_exception_with_a_port_opens_that_port_on_its_network_alone() {
    let policy = Policy {
        exceptions: vec![Exception {
            port: Some(9000),
            ..exception("id.example", "10.1.0.0/16")
        }],
        ..Policy::default()
    };
    for (url, address, expected) in [
        ("http://id.example:9000/", "10.1.2.3", Ok(())),
        ("http://id.example/", "10.1.2.3", Ok(())),
        ("http://id.example:9001/", "10.1.2.3", Err("port")),
        ("http://id.example:9000/", "93.184.216.34", Err("port")),
        ("http://id.example/", "93.184.216.34", Ok(())),
    ] {
        assert_eq!(
            rule(&policy, url, &[address]),
            expected,
            "{url} at {address}"
        );
    }
}

#[test]
fn an_exception_that_has_ended_opens_nothing() {
    let policy = Policy {
        exceptions: vec![exception("keycloak", "10.0.0.0/8")],
        ..Policy::default()
    };
    let destination = destination("http://keycloak/");
    let until = policy.exceptions[0].until;
    let before = Timestamp::from_millis(until.millis() - 1);
    let admitted = policy.admit(&destination, before).unwrap();
    assert!(admitted.judge(&answer(&["10.0.0.1"])).is_ok());
    let refused = policy.admit(&destination, until).unwrap_err();
    assert_eq!(refused.rule(), "name.single-label");
}

#[test]
fn no_exception_opens_what_is_never_opened() {
    // The section refuses such exceptions; the policy does not rely on it.
    let policy = Policy {
        exceptions: vec![
            exception("id.example", "0.0.0.0/0"),
            exception("id.example", "::/0"),
        ],
        ..Policy::default()
    };
    for (address, expected) in [
        ("10.0.0.1", Ok(())),
        ("169.254.169.254", Err("address.metadata")),
        ("100.100.100.200", Err("address.metadata")),
        ("fd00:ec2::254", Err("address.metadata")),
        ("0.0.0.0", Err("address.this-network")),
        ("224.0.0.1", Err("address.multicast")),
        ("::ffff:169.254.169.254", Err("address.metadata")),
        ("64:ff9b::10.0.0.1", Err("address.nat64")),
    ] {
        assert_eq!(
            rule(&policy, "http://id.example/", &[address]),
            expected,
            "{address}"
        );
    }
    assert_eq!(
        rule(&policy, "http://metadata.goog/", &["10.0.0.1"]),
        Err("name.metadata")
    );
}

#[test]
fn behind_a_nat64_no_exception_counts() {
    let policy = Policy {
        nat64: vec![Nat64::parse("64:ff9b::/96").unwrap()],
        exceptions: vec![
            exception("id.example", "10.0.0.0/8"),
            exception("id.example", "::/0"),
        ],
        ..Policy::default()
    };
    let at = |address| rule(&policy, "http://id.example/", &[address]);
    assert_eq!(at("64:ff9b::93.184.216.34"), Ok(()));
    assert_eq!(at("64:ff9b::10.0.0.1"), Err("address.private"));
    assert_eq!(at("10.0.0.1"), Ok(()));
}

#[test]
fn the_more_specific_setting_counts_and_the_denial_where_neither_is() {
    for (host, network, address, expected) in [
        // A network inside the exception's is denied, for everybody or for this host.
        (None, "10.1.0.0/16", "10.1.0.1", Err("address.denied")),
        (
            Some("id.example"),
            "10.1.0.0/16",
            "10.1.0.1",
            Err("address.denied"),
        ),
        (None, "10.1.0.0/16", "10.2.0.1", Ok(())),
        // The same network: for everybody is less specific than for one host, for the same host is not.
        (None, "10.0.0.0/8", "10.1.0.1", Ok(())),
        (
            Some("id.example"),
            "10.0.0.0/8",
            "10.1.0.1",
            Err("address.denied"),
        ),
        // A larger network is less specific.
        (None, "10.0.0.0/7", "10.1.0.1", Ok(())),
        (Some("id.example"), "10.0.0.0/7", "10.1.0.1", Ok(())),
        (Some("other.example"), "10.1.0.0/16", "10.1.0.1", Ok(())),
        // Public addresses can be denied as well.
        (
            None,
            "93.184.0.0/16",
            "93.184.216.34",
            Err("address.denied"),
        ),
        (None, "93.184.0.0/16", "93.185.0.1", Ok(())),
    ] {
        let policy = Policy {
            exceptions: vec![exception("id.example", "10.0.0.0/8")],
            denials: vec![denial(host, network)],
            ..Policy::default()
        };
        let found = rule(&policy, "http://id.example/", &[address]);
        assert_eq!(found, expected, "{host:?} {network} {address}");
    }
}

#[tokio::test]
async fn what_is_judged_is_exactly_what_was_resolved() {
    let policy = Policy::default();
    let mut names = Fixed::default();
    names.add(
        name("id.example"),
        ["93.184.216.34", "::ffff:93.184.216.35"].map(|it| it.parse().unwrap()),
    );
    let addresses = |url| {
        let admitted = policy.admit(&destination(url), NOW).unwrap();
        let names = &names;
        async move {
            let judged = admitted.addresses(names).await?;
            let texts = judged.iter().map(|one| one.address().to_string());
            Ok::<Vec<_>, Unreached>(texts.collect())
        }
    };
    let found = addresses("https://id.example:8443/").await.unwrap();
    assert_eq!(found, ["93.184.216.34:8443", "93.184.216.35:8443"]);
    let literal = addresses("http://[2606:4700::1]/").await.unwrap();
    assert_eq!(literal, ["[2606:4700::1]:80"]);
    let unknown = addresses("http://other.example/").await.unwrap_err();
    assert!(matches!(
        unknown,
        Unreached::Lookup(LookupFault::Unknown(_))
    ));
}
