//! `[connect]`: where connections may go beside public addresses.
//!
//! Owns the section: NAT64 prefixes, a file of further roots, `[[connect.exception]]` and
//! `[[connect.deny]]`. Refuses exceptions without a reason or an end, of more than 90 days, for a
//! pattern of hosts, and for networks that no exception opens. Trusts the file's owner.

use std::{path::PathBuf, time::Duration};

use config::{Fault, Found, Table};
use control::Timestamp;
use ipnet::IpNet;

use crate::{
    nat64::Nat64,
    policy::{Denial, Exception, Own, Policy},
    ranges::may_open,
    target::{Host, UrlFault},
};

/// How far ahead an exception may end.
pub const LONGEST_EXCEPTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Exceptions, denials or prefixes that one configuration may carry.
const MOST: usize = 200;

/// What the configuration says about connections.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// NAT64 prefixes.
    pub nat64: Vec<Nat64>,
    /// A PEM file of roots that are trusted beside the public ones, as written.
    pub roots: Option<PathBuf>,
    /// Whether names in `/etc/hosts` are believed.
    pub hosts_file: bool,
    /// Networks that are opened for one host.
    pub exceptions: Vec<Exception>,
    /// Networks that are closed.
    pub denials: Vec<Denial>,
}

impl Section {
    /// Reads the section from the top of the file; faults go to the document.
    pub fn read(root: &mut Table<'_>, now: Timestamp) -> Self {
        let mut table = root.table("connect");
        let expected = "the prefix of a NAT64, such as 64:ff9b::/96";
        let nat64 = table.parse_each("nat64", expected, Nat64::parse);
        let roots = table.text("roots").map(|found| PathBuf::from(found.value));
        let hosts_file = table.flag("hosts_file", false);
        let exceptions = limited(table.tables("exception"));
        let denials = limited(table.tables("deny"));
        let section = Self {
            nat64: values(nat64.unwrap_or_default()),
            roots,
            hosts_file,
            exceptions: exceptions
                .filter_map(|table| exception(table, now))
                .collect(),
            denials: denials.filter_map(denial).collect(),
        };
        table.done();
        section
    }

    /// The policy it makes, with what is ours.
    #[must_use]
    pub fn policy(&self, own: Own) -> Policy {
        Policy {
            nat64: self.nat64.clone(),
            exceptions: self.exceptions.clone(),
            denials: self.denials.clone(),
            own,
        }
    }
}

fn limited(tables: Vec<Table<'_>>) -> impl Iterator<Item = Table<'_>> {
    if let Some(table) = tables.get(MOST) {
        table.fault(
            Fault::new(
                "connect.too-many",
                format!("{} is one of more than {MOST}", table.title()),
            )
            .at(table.span())
            .hint("name networks instead of single addresses"),
        );
    }
    tables.into_iter().take(MOST)
}

fn values<T>(found: Vec<Found<T>>) -> Vec<T> {
    found
        .into_iter()
        .take(MOST)
        .map(|found| found.value)
        .collect()
}

fn exception(mut table: Table<'_>, now: Timestamp) -> Option<Exception> {
    let host = table.required_parse("host", HOST, read_host);
    let network = table.required_parse("network", NETWORK, read_network);
    let port = table.count_in("port", 1..=u64::from(u16::MAX));
    let reason = table.required_text("reason");
    let until = table.required_date("until");
    if let Some(network) = &network
        && !may_open(network.value)
    {
        table.fault(
            Fault::new(
                "connect.never-opened",
                format!("no exception opens {}", network.value),
            )
            .at(network.span)
            .label("not a private network")
            .hint(
                "name a network within loopback, private, shared or unique local addresses, or \
                 public addresses alone",
            ),
        );
    }
    let until = until.and_then(|found| end(&table, &found, now));
    table.done();
    Some(Exception {
        host: host?.value,
        network: network?.value,
        port: port.and_then(|port| u16::try_from(port.value).ok()),
        reason: reason?.value,
        until: until?,
    })
}

/// The end of the day written, in UTC.
fn end(table: &Table<'_>, found: &Found<time::Date>, now: Timestamp) -> Option<Timestamp> {
    let midnight = found.value.next_day()?.midnight().assume_utc();
    let end = Timestamp::from_seconds(midnight.unix_timestamp());
    // The day written counts whole, so the furthest end is the midnight behind the last day.
    let day = |at: Timestamp| at.seconds().div_euclid(24 * 60 * 60);
    let furthest = now.plus(LONGEST_EXCEPTION);
    if day(end) > day(furthest) + 1 {
        let latest: String = furthest.to_string().chars().take(10).collect();
        table.fault(
            Fault::new(
                "connect.too-long",
                "an exception ends at most 90 days from today",
            )
            .at(found.span)
            .hint(format!("write {latest} or earlier")),
        );
    }
    Some(end)
}

fn denial(mut table: Table<'_>) -> Option<Denial> {
    let host = table.parse("host", HOST, read_host);
    let network = table.required_parse("network", NETWORK, read_network);
    // Read by people alone; it must be there all the same.
    let reason = table.required_text("reason");
    table.done();
    reason?;
    Some(Denial {
        host: host.map(|host| host.value),
        network: network?.value,
    })
}

const HOST: &str = "a whole name or an address, such as id.school.internal";
const NETWORK: &str = "a network, such as 10.20.0.0/16";

fn read_host(text: &str) -> Result<Host, &'static str> {
    Host::parse(text).map_err(|fault| match fault {
        UrlFault::LegacyAddress => "is an address in a form that is read differently",
        _ => "is neither a name nor an address",
    })
}

fn read_network(text: &str) -> Result<IpNet, &'static str> {
    let net: IpNet = match text.parse() {
        Ok(net) => net,
        Err(_) => IpNet::from(
            text.parse::<std::net::IpAddr>()
                .map_err(|_| "is neither a network nor an address")?,
        ),
    };
    if net.trunc() != net {
        return Err("has bits behind its length");
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T00:00:00Z.
    const NOW: Timestamp = Timestamp::from_seconds(1_795_132_800);

    fn read(text: &str) -> Result<Section, config::Faults> {
        let mut document = config::Document::parse("vouchsafe.toml", text);
        let mut root = document.root();
        let section = Section::read(&mut root, NOW);
        root.done();
        document.finish()?;
        Ok(section)
    }

    fn codes(text: &str) -> Vec<&'static str> {
        let faults = read(text).unwrap_err();
        faults.list().iter().map(|fault| fault.code).collect()
    }

    fn exception(host: &str, network: &str, until: &str) -> String {
        format!(
            "[[connect.exception]]\nhost = \"{host}\"\nnetwork = \"{network}\"\nreason = \"our own \
             provider\"\nuntil = {until}\n"
        )
    }

    #[test]
    fn everything_the_section_takes_reads() {
        let text = format!(
            "[connect]\nnat64 = [\"64:ff9b::/96\"]\nroots = \"ca.pem\"\nhosts_file = true\n\
             [[connect.deny]]\nnetwork = \"10.20.7.0/24\"\nreason = \"cameras\"\n{}port = 9000\n",
            exception("Id.School.Internal.", "10.20.0.0/16", "2027-01-01")
        );
        let section = read(&text).unwrap();
        assert_eq!(section.nat64, [Nat64::parse("64:ff9b::/96").unwrap()]);
        assert_eq!(section.roots, Some("ca.pem".into()));
        assert!(section.hosts_file);
        let denied = &section.denials[0];
        assert_eq!(
            (denied.host.is_none(), denied.network.to_string().as_str()),
            (true, "10.20.7.0/24")
        );
        let opened = &section.exceptions[0];
        assert_eq!(opened.host.to_string(), "id.school.internal");
        assert_eq!(opened.port, Some(9000));
        assert_eq!(opened.until.to_string(), "2027-01-02T00:00:00.000Z");
        assert_eq!(
            section.policy(Own::default()).exceptions,
            section.exceptions
        );
    }

    #[test]
    fn a_file_without_the_section_opens_nothing() {
        let section = read("").unwrap();
        assert!(section.exceptions.is_empty() && section.nat64.is_empty());
        assert!(!section.hosts_file);
    }

    #[test]
    fn an_exception_of_ninety_days_reads_and_one_day_more_does_not() {
        let at = |until| exception("a.internal", "10.0.0.0/8", until);
        assert!(read(&at("2027-02-18")).is_ok());
        assert_eq!(codes(&at("2027-02-19")), ["connect.too-long"]);
        // One that has ended reads, so that the gate still starts; it opens nothing.
        assert!(read(&at("2020-01-01")).is_ok());
    }

    #[test]
    fn networks_that_no_exception_opens_are_refused() {
        for network in [
            "0.0.0.0/0",
            "0.0.0.0/8",
            "8.0.0.0/5",
            "169.254.169.254",
            "169.254.0.0/16",
            "168.63.129.16",
            "168.0.0.0/8",
            "100.100.100.200",
            "224.0.0.1",
            "::/0",
            "fe80::/10",
            "64:ff9b::/96",
            "4000::/16",
            "fd00:ec2::254",
        ] {
            let text = exception("a.internal", network, "2027-01-01");
            let said = read(&text).map(|_| network);
            assert!(said.is_err(), "{network}");
            assert_eq!(codes(&text), ["connect.never-opened"], "{network}");
        }
        for network in [
            "10.0.0.0/8",
            "127.0.0.1",
            "::1",
            "fd12::/16",
            "93.184.216.34",
        ] {
            assert!(read(&exception("a.internal", network, "2027-01-01")).is_ok());
        }
    }

    #[test]
    fn an_exception_is_for_one_host_with_a_reason() {
        for (host, network) in [
            ("*.internal", "10.0.0.0/8"),
            ("a b", "10.0.0.0/8"),
            ("127.1", "127.0.0.0/8"),
            ("a.internal", "10.0.0.1/8"),
            ("a.internal", "10"),
        ] {
            assert_eq!(
                codes(&exception(host, network, "2027-01-01")),
                ["config.value"]
            );
        }
        let mute = exception("a.internal", "10.0.0.0/8", "2027-01-01");
        assert_eq!(
            codes(&mute.replace("our own provider", " ")),
            ["config.value"]
        );
        let endless = mute.replace("until = 2027-01-01\n", "");
        assert_eq!(codes(&endless), ["config.missing-key"]);
        assert_eq!(
            codes(&format!("{mute}prot = 9000\n")),
            ["config.unknown-key"]
        );
    }
}
