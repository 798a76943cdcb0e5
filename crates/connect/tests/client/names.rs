//! Names asked of a real name server, which the test plays over UDP.

use std::net::SocketAddr;

use connect::{Dns, LookupFault, Name, Policy, Refused, Resolve, Target, Unreached};
use tokio::net::UdpSocket;

use crate::server::TODAY;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// A record of the zone: owner, type, data.
type Row = (&'static str, u16, Vec<u8>);

/// The labels of a name, as they go over the wire.
fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn v4(owner: &'static str, address: [u8; 4]) -> Row {
    (owner, A, address.to_vec())
}

fn v6(owner: &'static str, address: &str) -> Row {
    let address: std::net::Ipv6Addr = address.parse().unwrap();
    (owner, AAAA, address.octets().to_vec())
}

fn alias(owner: &'static str, of: &str) -> Row {
    (owner, CNAME, labels(of))
}

/// A server that answers a question with every alias there is and every record of the type asked for:
/// what belongs together is the resolver's to find out. Names without a row do not exist.
async fn zone(rows: Vec<Row>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
            let answer = answer(&packet[..length], &rows);
            socket.send_to(&answer, peer).await.unwrap();
        }
    });
    address
}

/// An answer as RFC 1035 section 4.1 lays it out.
fn answer(question: &[u8], rows: &[Row]) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let asked = u16::from_be_bytes([question[end], question[end + 1]]);
    let name = question[12..end].to_ascii_lowercase();
    let known = rows.iter().any(|(owner, ..)| labels(owner) == name);
    let found: Vec<&Row> = rows
        .iter()
        .filter(|(_, kind, _)| known && (*kind == asked || *kind == CNAME))
        .collect();
    let mut out = question[..2].to_vec();
    out.extend_from_slice(&[0x81, if known { 0x80 } else { 0x83 }, 0, 1]);
    out.extend_from_slice(&u16::try_from(found.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&question[12..end + 4]);
    for (owner, kind, data) in found {
        out.extend_from_slice(&labels(owner));
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
        out.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend_from_slice(data);
    }
    out
}

async fn look(rows: Vec<Row>, name: &str) -> Result<connect::Answer, LookupFault> {
    let dns = Dns::of_servers(&[zone(rows).await]).unwrap();
    dns.resolve(&Name::parse(name).unwrap()).await
}

fn texts(answer: &connect::Answer) -> (Vec<String>, Vec<String>) {
    let aliases = answer.aliases.iter().map(ToString::to_string);
    let addresses = answer.addresses.iter().map(ToString::to_string);
    (aliases.collect(), addresses.collect())
}

#[tokio::test]
async fn a_name_has_its_addresses_of_both_families_and_no_others() {
    let rows = vec![
        v4("id.example", [93, 184, 216, 34]),
        v4("id.example", [93, 184, 216, 35]),
        v6("id.example", "2606:4700::1"),
        // What a server puts beside them belongs to another name.
        v4("other.example", [10, 0, 0, 1]),
    ];
    let (aliases, addresses) = texts(&look(rows, "id.example").await.unwrap());
    assert!(aliases.is_empty());
    assert_eq!(
        addresses,
        ["93.184.216.34", "93.184.216.35", "2606:4700::1"]
    );
}

#[tokio::test]
async fn aliases_are_followed_to_the_address_and_told() {
    let rows = vec![
        alias("id.example", "cdn.example"),
        alias("cdn.example", "edge.example"),
        v4("edge.example", [93, 184, 216, 34]),
        v4("id.example", [10, 0, 0, 1]),
    ];
    let (aliases, addresses) = texts(&look(rows, "id.example").await.unwrap());
    assert_eq!(aliases, ["cdn.example", "edge.example"]);
    assert_eq!(addresses, ["93.184.216.34"]);
}

/// The verdict on `https://id.example/` with these rows.
async fn judged(rows: Vec<Row>) -> Result<usize, Unreached> {
    let dns = Dns::of_servers(&[zone(rows).await]).unwrap();
    let target = Target::parse("https://id.example/").unwrap();
    let policy = Policy::default();
    let admitted = policy.admit(target.destination(), TODAY)?;
    Ok(admitted.addresses(&dns).await?.len())
}

#[tokio::test]
async fn an_alias_that_leads_inside_is_refused() {
    let chain = |address| {
        vec![
            alias("id.example", "inside.example"),
            v4("inside.example", address),
        ]
    };
    assert_eq!(judged(chain([93, 184, 216, 34])).await.unwrap(), 1);
    let refused = judged(chain([169, 254, 169, 254])).await.unwrap_err();
    assert!(
        matches!(refused, Unreached::Refused(Refused::Address(_))),
        "{refused}"
    );
    let named = vec![
        alias("id.example", "db.internal"),
        v4("db.internal", [93, 184, 216, 34]),
    ];
    let refused = judged(named).await.unwrap_err();
    assert!(
        matches!(refused, Unreached::Refused(Refused::Alias { .. })),
        "{refused}"
    );
}

#[tokio::test]
async fn a_family_that_leads_inside_fails_the_other() {
    let rows = |inside: &str| {
        vec![
            v4("id.example", [93, 184, 216, 34]),
            v6("id.example", inside),
        ]
    };
    assert_eq!(judged(rows("2606:4700::1")).await.unwrap(), 2);
    for inside in ["::1", "fd00::1", "::ffff:10.0.0.1", "fe80::1"] {
        let refused = judged(rows(inside)).await.unwrap_err();
        assert!(
            matches!(refused, Unreached::Refused(Refused::Address(_))),
            "{inside}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_circle_of_aliases_ends() {
    let rows = vec![
        alias("id.example", "a.example"),
        alias("a.example", "b.example"),
        alias("b.example", "a.example"),
    ];
    let ended = judged(rows).await.unwrap_err();
    assert!(
        !matches!(ended, Unreached::Refused(Refused::Address(_))),
        "{ended}"
    );
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told_from_a_server_that_is_not() {
    let nobody = look(vec![v4("id.example", [93, 184, 216, 34])], "gone.example").await;
    assert_eq!(
        nobody,
        Err(LookupFault::NoAddress(Name::parse("gone.example").unwrap()))
    );
    // A port that nothing listens on.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let dns = Dns::of_servers(&[address]).unwrap();
    let fault = dns
        .resolve(&Name::parse("id.example").unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(fault, LookupFault::Failed { .. } | LookupFault::TimedOut(_)),
        "{fault}"
    );
}
