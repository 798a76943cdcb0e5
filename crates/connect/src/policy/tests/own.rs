//! Names, addresses and listeners of our own.

use super::*;

#[test]
fn names_addresses_and_listeners_of_our_own_are_refused() {
    let own = |exceptions| Policy {
        own: Own {
            names: vec![name("coach.school.example")],
            listeners: vec![
                "93.184.216.34:8443".parse().unwrap(),
                "0.0.0.0:8080".parse().unwrap(),
            ],
            interfaces: vec![
                "93.184.216.35".parse().unwrap(),
                "10.0.0.5".parse().unwrap(),
            ],
        },
        exceptions,
        ..Policy::default()
    };
    let closed = own(Vec::new());
    let open = own(vec![
        exception("id.example", "93.184.216.34/32"),
        exception("id.example", "93.184.216.35/32"),
        exception("id.example", "10.0.0.0/8"),
        exception("id.example", "127.0.0.0/8"),
        exception("coach.school.example", "127.0.0.0/8"),
    ]);
    for (url, address, without, with) in [
        (
            "https://coach.school.example/",
            "93.184.216.40",
            Err("name.own"),
            Err("name.own"),
        ),
        ("https://id.example/", "93.184.216.40", Ok(()), Ok(())),
        // An address we listen on is ours on every port, not only on the listener's.
        (
            "https://id.example/",
            "93.184.216.34",
            Err("address.own"),
            Ok(()),
        ),
        (
            "https://id.example:8443/",
            "93.184.216.34",
            Err("address.own-listener"),
            Err("address.own-listener"),
        ),
        (
            "https://id.example/",
            "93.184.216.35",
            Err("address.own"),
            Ok(()),
        ),
        (
            "https://id.example:8080/",
            "93.184.216.35",
            Err("address.own-listener"),
            Err("address.own-listener"),
        ),
        (
            "https://id.example/",
            "10.0.0.5",
            Err("address.private"),
            Ok(()),
        ),
        (
            "https://id.example:8080/",
            "10.0.0.5",
            Err("address.own-listener"),
            Err("address.own-listener"),
        ),
        (
            "https://id.example:8080/",
            "10.0.0.6",
            Err("address.private"),
            Ok(()),
        ),
        (
            "https://id.example:8080/",
            "127.0.0.1",
            Err("address.own-listener"),
            Err("address.own-listener"),
        ),
        (
            "https://id.example:8443/",
            "127.0.0.1",
            Err("address.loopback"),
            Ok(()),
        ),
        (
            "https://id.example:8080/",
            "::ffff:127.0.0.1",
            Err("address.own-listener"),
            Err("address.own-listener"),
        ),
    ] {
        assert_eq!(
            rule(&closed, url, &[address]),
            without,
            "{url} at {address}"
        );
        assert_eq!(
            rule(&open, url, &[address]),
            with,
            "{url} at {address}, excepted"
        );
    }
}
