//! Fuzz bodies: plain functions over arbitrary bytes that assert what must always hold.
//!
//! Owns the invariants of reading and judging. Each function takes any bytes and panics when one is
//! broken; a fuzzer or a property test calls it. Trusts nothing.
#![expect(
    clippy::expect_used,
    reason = "a body says so where an invariant is broken"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use control::Timestamp;

use crate::{
    nat64::Nat64,
    policy::{Denial, Exception, Own, PORTS, Policy},
    resolve::Answer,
    target::{Host, Target, UrlFault},
};

/// Two lines: a URL, and a reference that is read from there.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (text, reference) = text.split_once('\n').unwrap_or((text, ""));
    let target = Target::parse(text);
    let suspect = |byte: u8| !byte.is_ascii_graphic() || byte == b'\\';
    if text.bytes().any(suspect) {
        assert!(target.is_err(), "read although it holds what is screened");
    }
    let Ok(target) = target else { return };
    sound(&target);
    if let Ok(joined) = target.join(reference) {
        sound(&joined);
        let start = reference.split(['/', '?', '#']).next().unwrap_or_default();
        if !start.contains(':') && !reference.starts_with("//") {
            assert_eq!(
                joined.destination(),
                target.destination(),
                "a path left its origin"
            );
        }
    }
}

/// What holds of everything that was read.
fn sound(target: &Target) {
    let destination = target.destination();
    let asked = target.path_and_query();
    assert!(asked.starts_with('/'), "no path");
    assert!(
        asked
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#'),
        "a broken line"
    );
    let path = asked.split('?').next().unwrap_or_default();
    assert!(
        !path.split('/').any(|segment| matches!(segment, "." | "..")),
        "a dot segment"
    );
    assert_ne!(destination.port(), 0);
    if let Host::Name(name) = destination.host() {
        let text = name.as_str();
        assert!(text.parse::<IpAddr>().is_err(), "an address as a name");
        assert_eq!(text, text.to_ascii_lowercase());
        assert!(!text.ends_with('.') && !text.is_empty());
        let last = text.rsplit('.').next().unwrap_or_default();
        assert!(
            !last.bytes().all(|byte| byte.is_ascii_digit()),
            "a number as a name"
        );
    }
    let again = Target::parse(&format!("{destination}{asked}"));
    match again {
        Err(UrlFault::TooLong) => {}
        again => assert_eq!(again.as_ref(), Ok(target), "does not read again"),
    }
}

/// Nine bytes of choices, then addresses of an answer: whatever is allowed is public to an
/// independent reading, or lies where an exception opens it.
pub fn judged(data: &[u8]) {
    let Some(([choices, port @ ..], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let now = Timestamp::from_seconds(1000);
    let port = match u16::from_be_bytes(*port) {
        at if choices & 1 == 0 => PORTS.get(usize::from(at % 4)).copied().unwrap_or(80),
        0 => 1,
        at => at,
    };
    let inside = "10.1.0.0/16".parse().expect("a network");
    let policy = Policy {
        nat64: Nat64::parse("64:ff9b::/96")
            .into_iter()
            .filter(|_| choices & 2 != 0)
            .collect(),
        exceptions: vec![Exception {
            host: Host::parse("id.example").expect("a name"),
            network: inside,
            port: Some(9000),
            reason: String::new(),
            until: Timestamp::from_seconds(if choices & 4 == 0 { 2000 } else { 1000 }),
        }],
        denials: vec![Denial {
            host: None,
            network: "10.1.7.0/24".parse().expect("a network"),
        }],
        own: Own::default(),
    };
    let host = if choices & 8 == 0 {
        "id.example"
    } else {
        "other.example"
    };
    let target = Target::parse(&format!("http://{host}:{port}/")).expect("a URL");
    let Ok(admitted) = policy.admit(target.destination(), now) else {
        return;
    };
    let answer = Answer {
        aliases: Vec::new(),
        addresses: addresses(rest),
    };
    let excepted = choices & 12 == 0;
    let Ok(judged) = admitted.judge(&answer) else {
        return;
    };
    assert_eq!(judged.len(), answer.addresses.len(), "one was left out");
    for (given, judged) in answer.addresses.iter().zip(judged) {
        let address = judged.address();
        assert_eq!(
            address.ip(),
            given.to_canonical(),
            "another was put in its place"
        );
        assert_eq!(address.port(), port);
        let opened = |ip: IpAddr| match ip {
            IpAddr::V4(v4) => matches!(v4.octets(), [10, 1, c, _] if c != 7),
            IpAddr::V6(_) => false,
        };
        if excepted && opened(address.ip()) {
            continue;
        }
        assert!(PORTS.contains(&port), "{address} on a port nobody opened");
        let hidden = choices & 2 != 0;
        assert!(
            plainly_public(address.ip(), hidden),
            "{address} was allowed"
        );
    }
}

/// Each address takes a byte and 4 or 16 more; one of the forms that hide IPv4 where the byte says so.
fn addresses(mut data: &[u8]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    while let Some((kind, rest)) = data.split_first() {
        let v4 = rest
            .first_chunk::<4>()
            .map(|octets| Ipv4Addr::from(*octets));
        let v6 = rest
            .first_chunk::<16>()
            .map(|octets| Ipv6Addr::from(*octets));
        let within =
            |prefix: u128| v4.map(|v4| Ipv6Addr::from(prefix | u128::from(v4.to_bits())).into());
        let (address, taken) = match kind % 6 {
            0 => (v6.map(IpAddr::V6), 16),
            1 => (within(0xffff << 32), 4),
            2 => (within(0x0064_ff9b << 96), 4),
            3 => (within(0), 4),
            _ => (v4.map(IpAddr::V4), 4),
        };
        found.extend(address);
        data = rest.get(taken..).unwrap_or_default();
    }
    found
}

/// A reading of its own, octet by octet and without the table.
fn plainly_public(address: IpAddr, nat64: bool) -> bool {
    match address {
        IpAddr::V4(v4) => !matches!(
            v4.octets(),
            [0 | 10 | 127 | 224..=255, ..]
                | [100, 64..=127, ..]
                | [169, 254, ..]
                | [172, 16..=31, ..]
                | [192, 168, ..]
                | [192, 0, 0 | 2, _]
                | [198, 18 | 19, ..]
                | [198, 51, 100, _]
                | [203, 0, 113, _]
                | [168, 63, 129, 16]
        ),
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] if nat64 => {
                let bits = u32::from(high) << 16 | u32::from(low);
                plainly_public(Ipv4Addr::from_bits(bits).into(), false)
            }
            [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002 | 0x3ffe, ..] | [0x3fff, 0..=0xfff, ..] => {
                false
            }
            [first, ..] => (0x2000..0x4000).contains(&first),
        },
    }
}
