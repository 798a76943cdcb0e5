//! Clients behind trusted proxies, whose connections are not their own: their requests are counted.

use gate::stages::Forwarding;

use crate::house::{HOST, House, Met, ROUTES};

const PROXY: &str = "10.0.0.1:5000";
const OTHER_PROXY: &str = "10.0.0.2:5000";
const STRANGER: &str = "192.0.2.1:5000";

fn house() -> House {
    House::with(
        &format!("{ROUTES}[limits]\nrequests_per_address = 2\n"),
        false,
    )
}

fn ask(house: &House, peer: &str, forwarded: &str) -> Met {
    let forwarded = format!("X-Forwarded-For: {forwarded}");
    house.ask_from(peer, &["GET / HTTP/1.1", HOST, &forwarded], b"")
}

/// Requests of one client, as many as there may be.
fn two(house: &House, peer: &str, forwarded: &str) -> [Forwarding; 2] {
    let next = || ask(house, peer, forwarded).head().1;
    [next(), next()]
}

#[test]
fn a_client_behind_a_proxy_has_its_share_and_another_is_served() {
    let house = house();
    let [first, second] = two(&house, PROXY, "203.0.113.9");
    let (status, text) = ask(&house, PROXY, "203.0.113.9").answer();
    assert_eq!(status, 503);
    assert!(text.contains("\r\nRetry-After: 1\r\n"), "{text}");
    assert!(
        !text.contains("Connection: close"),
        "others share it: {text}"
    );
    // By whatever proxy it comes; and others by the same.
    assert_eq!(ask(&house, OTHER_PROXY, "203.0.113.9").status(), 503);
    house.forget(ask(&house, PROXY, "203.0.113.10").head().1);
    // What is ours is answered all the same.
    let field = "X-Forwarded-For: 203.0.113.9";
    let health = ["GET /.vouchsafe/health HTTP/1.1", HOST, field];
    assert_eq!(house.ask_from(PROXY, &health, b"").status(), 200);

    // A place comes back with the end of a request, and with one that is cut off.
    house.end(first, 200);
    house.end(ask(&house, PROXY, "203.0.113.9").head().1, 200);
    drop(second);
    let again = two(&house, PROXY, "203.0.113.9");
    assert_eq!(ask(&house, PROXY, "203.0.113.9").status(), 503);
    drop(again);
    let refused = |event: &serde_json::Value| event["reason"] == "requests-of-address";
    assert!(house.events().iter().any(refused));
}

#[test]
fn what_a_stranger_says_of_itself_changes_nothing() {
    let house = house();
    // It is counted by its connections, under no name that it gives itself.
    let own: Vec<_> = (0..3)
        .map(|_| ask(&house, STRANGER, "203.0.113.9").head())
        .collect();
    let named = two(&house, PROXY, "203.0.113.9");
    assert_eq!(ask(&house, PROXY, "203.0.113.9").status(), 503);
    drop((own, named));

    // Nor does a client get away from its count by what it puts in front of the proxy's word.
    let held = two(&house, PROXY, "203.0.113.9");
    for front in ["198.51.100.1", "198.51.100.2", "unknown", "10.0.0.9"] {
        let chain = format!("{front}, 203.0.113.9");
        assert_eq!(ask(&house, PROXY, &chain).status(), 503, "{chain}");
    }
    drop(held);
}

#[test]
fn an_ipv6_client_behind_a_proxy_is_its_network() {
    let house = house();
    let held = two(&house, PROXY, "2001:db8:0:1::1");
    assert_eq!(ask(&house, PROXY, "2001:db8:0:1:ffff::2").status(), 503);
    house.forget(ask(&house, PROXY, "2001:db8:0:2::1").head().1);
    drop(held);
}

#[test]
fn a_proxy_that_speaks_for_nobody_is_not_counted() {
    let house = house();
    let lines = ["GET / HTTP/1.1", HOST];
    let own: Vec<_> = (0..4)
        .map(|_| house.ask_from(PROXY, &lines, b"").head())
        .collect();
    assert_eq!(own.len(), 4);
}
