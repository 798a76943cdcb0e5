//! What the gate concludes from a request: who asks, which route governs, whether a ticket holds.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use control::{Timestamp, rng::CountingRng};
use gate::{
    Peer, Site,
    site::{route::Route, router::Found},
    stages::client,
    tickets::{Tickets, Wish},
};
use wire::{
    HeadLimits, Parsed, RequestHead, Single,
    target::{canonical, folded},
};

const SITE: &str = r#"
[deployment]
name = "policy"
public_url = "https://gate.test"
hosts = ["other.test"]
trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
[[listen]]
address = "127.0.0.1:0"
[[app]]
name = "app"
upstream = "http://127.0.0.1:1"
[[route]]
path = "/"
app = "app"
auth = "none"
reason = "a"
methods = ["GET"]
[[route]]
path = "/a"
app = "app"
auth = "none"
reason = "a"
[[route]]
path = "/a/b"
exact = true
app = "app"
auth = "none"
reason = "a"
methods = ["GET"]
[[route]]
path = "/a/B/c"
app = "app"
auth = "none"
reason = "a"
methods = ["GET", "POST"]
[[route]]
path = "/a/d"
host = "other.test"
app = "app"
auth = "none"
reason = "a"
"#;

thread_local! {
    static READ: OnceCell<Site> = const { OnceCell::new() };
}

fn with_site<T>(look: impl FnOnce(&Site) -> T) -> T {
    READ.with(|slot| look(slot.get_or_init(read)))
}

fn read() -> Site {
    match gate::fuzz::site(SITE.to_owned(), &BTreeMap::new(), false) {
        Ok(Some(site)) => site,
        Ok(None) => panic!("no site, and no fault"),
        Err(faults) => panic!("{faults}"),
    }
}

/// Who is at the other end: a stranger is taken for what it is, whatever its fields say; and what a
/// client puts in front of the chain that a trusted proxy wrote changes nothing.
pub fn client_address(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let fields: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').take(20).collect();
    let stranger: IpAddr = [192, 0, 2, 1].into();
    let proxy: IpAddr = [10, 0, 0, 1].into();
    let Some(seen) = judged(&fields, stranger) else {
        return;
    };
    assert_eq!(seen, (stranger, false, false), "a stranger was believed");

    let Some((address, ..)) = judged(&fields, proxy) else {
        return;
    };
    let name: &[u8] = match first & 1 {
        0 => b"x-forwarded-for",
        _ => b"forwarded",
    };
    let element: &[u8] = match first & 1 {
        0 => b"198.51.100.66, ",
        _ => b"for=198.51.100.66, ",
    };
    let longer: Vec<Vec<u8>> = fields
        .iter()
        .scan(false, |done, field| {
            let at = field.iter().position(|byte| *byte == b':');
            let (before, value) = field.split_at_checked(at.map_or(0, |at| at + 1))?;
            let named = before
                .strip_suffix(b":")
                .is_some_and(|it| it.eq_ignore_ascii_case(name));
            let chosen = named && !std::mem::replace(done, *done || named);
            let put: &[u8] = if chosen { element } else { b"" };
            Some([before, put, value].concat())
        })
        .collect();
    let longer: Vec<&[u8]> = longer.iter().map(Vec::as_slice).collect();
    let trusted = with_site(|site| site.deployment().trusts(address));
    if let Some((again, ..)) = judged(&longer, proxy)
        && !trusted
    {
        assert_eq!(again, address, "the client chose its own address");
    }
}

/// Address, whether it is secure, and whether a host was believed.
fn judged(fields: &[&[u8]], peer: IpAddr) -> Option<(IpAddr, bool, bool)> {
    let mut bytes = b"GET / HTTP/1.1\r\nHost: gate.test\r\n".to_vec();
    for field in fields {
        bytes.extend_from_slice(field);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    let mut head = RequestHead::new();
    match head.parse(&bytes, &HeadLimits::REQUEST) {
        Ok(Parsed::Complete { len }) if len == bytes.len() => {}
        _ => return None,
    }
    let peer = Peer {
        address: SocketAddr::new(peer, 5000),
        spoken: gate::stages::Spoken::Plain,
        certificate: None,
    };
    with_site(|site| {
        let seen = client::judge(site.deployment(), &peer, &head.request(&bytes));
        Some((seen.address, seen.secure, seen.host != Single::Absent))
    })
}

/// Which route governs a path: the longest by whole segments, under the path as written and as the
/// most lenient reader would have it; where the two differ, none.
pub fn route(data: &[u8]) {
    let Some((first, path)) = data.split_first() else {
        return;
    };
    let Ok(plain) = canonical(path) else {
        return;
    };
    let folded = folded(&plain);
    let host = if first & 1 == 0 {
        "gate.test"
    } else {
        "Other.test"
    };
    let method = if first & 2 == 0 { "GET" } else { "DELETE" };
    with_site(|site| {
        let fold = |path: &str| wire::target::folded(path).into_owned();
        let by_plain = longest(site.routes(), host, &plain, method, str::to_owned);
        let by_folded = longest(site.routes(), host, &folded, method, fold);
        let expected = match by_plain {
            Found::Route(_) if by_folded != by_plain => Found::Ambiguous,
            other => other,
        };
        assert_eq!(
            site.find(host.as_bytes(), &plain, &folded, method),
            expected,
            "{plain:?}"
        );
    });
}

/// The plain reading: of the routes for this very host, or else of those for any, the longest path
/// that is the path or stands above it; one for that path alone comes first.
fn longest(
    routes: &[Route],
    host: &str,
    path: &str,
    method: &str,
    written: impl Fn(&str) -> String,
) -> Found {
    let governs = |route: &Route| {
        let above = written(&route.path);
        let below = format!("{}/", above.trim_end_matches('/'));
        path == above || (!route.exact && path.starts_with(&below))
    };
    for limited in [true, false] {
        let of_host = |route: &Route| match &route.host {
            Some(name) => limited && name.eq_ignore_ascii_case(host),
            None => !limited,
        };
        let rank = |route: &Route| {
            let segments = written(&route.path)
                .split('/')
                .filter(|it| !it.is_empty())
                .count();
            (segments, route.exact)
        };
        let governing = || {
            routes
                .iter()
                .enumerate()
                .filter(|(_, it)| of_host(it) && governs(it))
        };
        let Some(best) = governing().map(|(_, route)| rank(route)).max() else {
            continue;
        };
        let mut best = governing().filter(|(_, route)| rank(route) == best);
        return match best.find(|(_, route)| route.lists(method)) {
            Some((index, _)) => Found::Route(index),
            None => Found::MethodNotListed,
        };
    }
    Found::Nothing
}

/// Tickets: each admits the one request it was minted for, once, within its time.
pub fn tickets(data: &[u8]) {
    let (tickets, rng) = (Tickets::default(), CountingRng::from_seed(3));
    let mut now = Timestamp::from_seconds(1_800_000_000);
    // Ticket, number of its request, when it was minted, and whether it was presented.
    let mut minted: Vec<(String, u8, Timestamp, bool)> = Vec::new();
    for [what, which] in data.as_chunks::<2>().0.iter().take(64) {
        let target = format!("/t/{which}");
        if what % 3 == 0 {
            let wish = Wish {
                method: "GET",
                target: &target,
                body_sha256: seal::sha256(&[*which]),
                webhook: None,
            };
            if let Ok(made) = tickets.mint(&wish, &rng, now) {
                assert!(minted.iter().all(|(known, ..)| *known != made.ticket));
                minted.push((made.ticket, *which, now, false));
            }
        } else if what % 3 == 1 {
            now = now.plus(std::time::Duration::from_secs(u64::from(*which) / 8));
        } else {
            let count = minted.len().max(1);
            let Some(entry) = minted.get_mut(usize::from(what / 3) % count) else {
                continue;
            };
            let (ticket, number, at, used) = entry;
            let young = now.millis() < at.plus(gate::tickets::LIFE).millis();
            let fits = number == which && young && !*used;
            let claimed = tickets.claim(ticket.as_bytes(), b"GET", target.as_bytes(), now);
            assert_eq!(
                claimed.is_ok(),
                fits,
                "ticket for {number}, used for {which}"
            );
            *used = true;
            if let Ok(claimed) = claimed {
                let body = [*which, 0];
                let length = usize::from(what % 2) + 1;
                let right = length == 1;
                let redeemed = claimed.redeem(body.get(..length).unwrap_or_default());
                assert_eq!(redeemed.is_ok(), right, "the body of a ticket");
            }
        }
    }
}
