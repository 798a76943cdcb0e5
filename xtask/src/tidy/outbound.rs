//! Only named crates reach out into the network.
//!
//! Looks for the calls with which Rust programs dial or look names up, outside of tests and
//! comments. It reads text, so it is a tripwire and no proof: what it protects is that a new way
//! out is seen in review.

use std::collections::BTreeSet;

use super::{Findings, Rules};
use crate::tree::Tree;

/// How a connection is opened or a name looked up.
const CALLS: &[&str] = &[
    "TcpStream::connect",
    "TcpSocket::new",
    "UdpSocket::bind",
    "Socket::new",
    "lookup_host",
    ".to_socket_addrs(",
    "hyper_util::client",
    "reqwest",
    "ureq",
];

pub(crate) fn check(tree: &Tree, rules: &Rules) -> Findings {
    let mut findings = Findings::default();
    let mut dialling = BTreeSet::new();
    for (path, text) in tree.rust() {
        let Some((name, inside)) = path
            .strip_prefix("crates/")
            .and_then(|path| path.split_once('/'))
        else {
            continue;
        };
        if !inside.starts_with("src/") || inside.ends_with("/tests.rs") {
            continue;
        }
        for (number, line) in shipped(text) {
            let Some(call) = CALLS.iter().find(|call| line.contains(*call)) else {
                continue;
            };
            dialling.insert(name);
            if !rules.outbound.contains_key(name) {
                findings.fault(format!("{path}:{number}"), format!("{name} calls {call}"));
            }
        }
    }
    for name in rules
        .outbound
        .keys()
        .filter(|name| !dialling.contains(name.as_str()))
    {
        findings.notes.push(format!("{name} may dial and does not"));
    }
    findings
}

/// The lines that are compiled into the product, with their numbers: no comments, and nothing from
/// the module of tests at the end of the file on.
fn shipped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| matches!(pair, ["#[cfg(test)]", next] if next.starts_with("mod tests {")))
        .unwrap_or(lines.len());
    lines
        .into_iter()
        .take(tests)
        .enumerate()
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALS: &str = "//! TcpStream::connect\nfn f() { TcpStream::connect(a); }\n";

    #[test]
    fn a_crate_that_is_not_named_must_not_dial() {
        let tree = Tree::of(&[("crates/wire/src/a.rs", DIALS)]);
        let findings = check(&tree, &Rules::sample("[outbound]\ngate = \"upstreams\"\n"));
        assert_eq!(
            findings.said(),
            "crates/wire/src/a.rs:2: wire calls TcpStream::connect"
        );
        assert_eq!(findings.notes, ["gate may dial and does not"]);
    }

    #[test]
    fn a_named_crate_and_tests_may() {
        let test = format!("fn f() {{}}\n\n#[cfg(test)]\nmod tests {{\n{DIALS}}}\n");
        let tree = Tree::of(&[
            ("crates/gate/src/a.rs", DIALS),
            ("crates/wire/src/a.rs", &test),
            ("crates/wire/tests/a.rs", DIALS),
            ("crates/wire/src/a/tests.rs", DIALS),
        ]);
        let findings = check(&tree, &Rules::sample("[outbound]\ngate = \"upstreams\"\n"));
        assert_eq!(findings, Findings::default());
    }

    #[test]
    fn a_test_module_elsewhere_does_not_hide_what_follows() {
        let text = format!("#[cfg(test)]\nmod fixtures;\n{DIALS}");
        let tree = Tree::of(&[("crates/wire/src/a.rs", &text)]);
        assert_eq!(check(&tree, &Rules::sample("")).faults.len(), 1);
    }
}
