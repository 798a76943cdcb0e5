use super::*;

/// For every range: one before it, its first, its last, one after it, in order. `public` is where a
/// connection may go.
const BOUNDARIES_V4: &[&str] = &[
    "0.0.0.0 this-network",
    "0.255.255.255 this-network",
    "1.0.0.0 public",
    "9.255.255.255 public",
    "10.0.0.0 private",
    "10.255.255.255 private",
    "11.0.0.0 public",
    "100.63.255.255 public",
    "100.64.0.0 shared",
    "100.100.100.199 shared",
    "100.100.100.200 metadata",
    "100.100.100.201 shared",
    "100.127.255.255 shared",
    "100.128.0.0 public",
    "126.255.255.255 public",
    "127.0.0.0 loopback",
    "127.255.255.255 loopback",
    "128.0.0.0 public",
    "168.63.129.15 public",
    "168.63.129.16 metadata",
    "168.63.129.17 public",
    "169.253.255.255 public",
    "169.254.0.0 link-local",
    "169.254.42.41 link-local",
    "169.254.42.42 metadata",
    "169.254.42.43 link-local",
    "169.254.169.253 link-local",
    "169.254.169.254 metadata",
    "169.254.169.255 link-local",
    "169.254.170.1 link-local",
    "169.254.170.2 metadata",
    "169.254.170.3 link-local",
    "169.254.170.22 link-local",
    "169.254.170.23 metadata",
    "169.254.170.24 link-local",
    "169.254.255.255 link-local",
    "169.255.0.0 public",
    "172.15.255.255 public",
    "172.16.0.0 private",
    "172.31.255.255 private",
    "172.32.0.0 public",
    "191.255.255.255 public",
    "192.0.0.0 protocol",
    "192.0.0.191 protocol",
    "192.0.0.192 metadata",
    "192.0.0.193 protocol",
    "192.0.0.255 protocol",
    "192.0.1.0 public",
    "192.0.1.255 public",
    "192.0.2.0 documentation",
    "192.0.2.255 documentation",
    "192.0.3.0 public",
    "192.31.195.255 public",
    "192.31.196.0 as112",
    "192.31.196.255 as112",
    "192.31.197.0 public",
    "192.52.192.255 public",
    "192.52.193.0 amt",
    "192.52.193.255 amt",
    "192.52.194.0 public",
    "192.88.98.255 public",
    "192.88.99.0 6to4-relay",
    "192.88.99.255 6to4-relay",
    "192.88.100.0 public",
    "192.167.255.255 public",
    "192.168.0.0 private",
    "192.168.255.255 private",
    "192.169.0.0 public",
    "192.175.47.255 public",
    "192.175.48.0 as112",
    "192.175.48.255 as112",
    "192.175.49.0 public",
    "198.17.255.255 public",
    "198.18.0.0 benchmarking",
    "198.19.255.255 benchmarking",
    "198.20.0.0 public",
    "198.51.99.255 public",
    "198.51.100.0 documentation",
    "198.51.100.255 documentation",
    "198.51.101.0 public",
    "203.0.112.255 public",
    "203.0.113.0 documentation",
    "203.0.113.255 documentation",
    "203.0.114.0 public",
    "223.255.255.255 public",
    "224.0.0.0 multicast",
    "239.255.255.255 multicast",
    "240.0.0.0 reserved",
    "255.255.255.254 reserved",
    "255.255.255.255 broadcast",
];

/// As [`BOUNDARIES_V4`].
const BOUNDARIES_V6: &[&str] = &[
    ":: unspecified",
    "::1 loopback",
    "::2 ipv4-compatible",
    "::ffff:ffff ipv4-compatible",
    "::1:0:0 unallocated",
    "::fffe:ffff:ffff:ffff unallocated",
    "::ffff:0:0:0 ipv4-translated",
    "::ffff:0:ffff:ffff ipv4-translated",
    "::ffff:1:0:0 unallocated",
    "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff unallocated",
    "64:ff9b:: nat64",
    "64:ff9b::ffff:ffff nat64",
    "64:ff9b::1:0:0 unallocated",
    "64:ff9b:0:ffff:ffff:ffff:ffff:ffff unallocated",
    "64:ff9b:1:: nat64",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff nat64",
    "64:ff9b:2:: unallocated",
    "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff unallocated",
    "100:: discard",
    "100::ffff:ffff:ffff:ffff discard",
    "100:0:0:1:: dummy",
    "100::1:ffff:ffff:ffff:ffff dummy",
    "100:0:0:2:: unallocated",
    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff public",
    "2001:: teredo",
    "2001:0:ffff:ffff:ffff:ffff:ffff:ffff teredo",
    "2001:1:: protocol",
    "2001:1:ffff:ffff:ffff:ffff:ffff:ffff protocol",
    "2001:2:: benchmarking",
    "2001:2:0:ffff:ffff:ffff:ffff:ffff benchmarking",
    "2001:2:1:: protocol",
    "2001:f:ffff:ffff:ffff:ffff:ffff:ffff protocol",
    "2001:10:: orchid",
    "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff orchid",
    "2001:20:: orchid",
    "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff orchid",
    "2001:30:: drip",
    "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff drip",
    "2001:40:: protocol",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff protocol",
    "2001:200:: public",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff public",
    "2001:db8:: documentation",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff documentation",
    "2001:db9:: public",
    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff public",
    "2002:: 6to4",
    "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff 6to4",
    "2003:: public",
    "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff public",
    "2620:4f:8000:: as112",
    "2620:4f:8000:ffff:ffff:ffff:ffff:ffff as112",
    "2620:4f:8001:: public",
    "3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff public",
    "3ffe:: 6bone",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 6bone",
    "3fff:: documentation",
    "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff documentation",
    "3fff:1000:: public",
    "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff unallocated",
    "5f00:: segment-routing",
    "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff segment-routing",
    "5f01:: unallocated",
    "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff unallocated",
    "fc00:: unique-local",
    "fd00:42::41 unique-local",
    "fd00:42::42 metadata",
    "fd00:42::43 unique-local",
    "fd00:ec2::22 unique-local",
    "fd00:ec2::23 metadata",
    "fd00:ec2::24 unique-local",
    "fd00:ec2::253 unique-local",
    "fd00:ec2::254 metadata",
    "fd00:ec2::255 unique-local",
    "fd20:ce::253 unique-local",
    "fd20:ce::254 metadata",
    "fd20:ce::255 unique-local",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff unique-local",
    "fe00:: unallocated",
    "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff unallocated",
    "fe80:: link-local",
    "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff link-local",
    "fec0:: site-local",
    "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff site-local",
    "ff00:: multicast",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff multicast",
];

fn boundaries() -> impl Iterator<Item = (IpAddr, &'static str)> {
    BOUNDARIES_V4.iter().chain(BOUNDARIES_V6).map(|line| {
        let (address, rule) = line.split_once(' ').unwrap();
        (address.parse().unwrap(), rule)
    })
}

#[test]
fn every_range_begins_and_ends_where_its_source_says() {
    for (address, rule) in boundaries() {
        let found = range_of(address).map_or("address.public", |range| range.rule);
        assert_eq!(found, format!("address.{rule}"), "{address}");
    }
}

#[test]
fn every_boundary_of_every_range_is_listed() {
    let listed: Vec<IpAddr> = boundaries().map(|(address, _)| address).collect();
    for range in RANGES {
        let (first, last) = (range.network.network(), range.network.broadcast());
        let neighbours = [
            step(first, false),
            Some(first),
            Some(last),
            step(last, true),
        ];
        for address in neighbours.into_iter().flatten() {
            assert!(listed.contains(&address), "{address} at {}", range.network);
        }
    }
}

/// The address after or before another, where there is one.
fn step(address: IpAddr, up: bool) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(v4) if up => Ipv4Addr::from_bits(v4.to_bits().checked_add(1)?).into(),
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits().checked_sub(1)?).into(),
        IpAddr::V6(v6) if up => Ipv6Addr::from_bits(v6.to_bits().checked_add(1)?).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().checked_sub(1)?).into(),
    })
}

#[test]
fn rows_are_networks_with_their_own_names_and_sources() {
    for (at, range) in RANGES.iter().enumerate() {
        assert_eq!(range.network, range.network.trunc(), "{}", range.network);
        assert!(range.source.len() > 6, "{}", range.network);
        let again = RANGES
            .iter()
            .skip(at + 1)
            .any(|other| other.network == range.network);
        assert!(!again, "{} stands twice", range.network);
    }
}

#[test]
fn an_exception_opens_what_people_run_services_on_and_nothing_beside_it() {
    let open = |text: &str| may_open(text.parse().unwrap());
    for text in [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "172.16.0.0/12",
        "192.168.1.1/32",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "::1/128",
        "fc00::/7",
        "fd00:ec2::/32",
        "93.184.216.34/32",
        "2a00::/12",
    ] {
        assert!(open(text), "{text}");
    }
    for text in [
        "0.0.0.0/0",
        "10.0.0.0/7",
        "172.16.0.0/11",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "100.100.100.200/32",
        "168.63.129.0/24",
        "192.0.2.0/24",
        "255.255.255.255/32",
        "::/0",
        "::/127",
        "::7f00:1/128",
        "fe80::/10",
        "64:ff9b::/96",
        "2000::/3",
        "4000::/3",
        "fd00:ec2::254/128",
    ] {
        assert!(!open(text), "{text}");
    }
}

proptest::proptest! {
    /// A second opinion by the standard library, as far as it goes.
    #[test]
    fn what_the_standard_library_knows_to_be_special_is_refused(bits: u32, low: u128) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        proptest::prop_assert!(!special || range_of(v4.into()).is_some(), "{}", v4);
        let v6 = Ipv6Addr::from_bits(low);
        let special = v6.is_loopback() || v6.is_multicast() || v6.is_unspecified()
            || v6.is_unique_local() || v6.is_unicast_link_local();
        proptest::prop_assert!(!special || range_of(v6.into()).is_some(), "{}", v6);
    }
}
