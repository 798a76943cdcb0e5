//! Fields that tell what an app is made of.
//!
//! Owns the list of those that are taken out of answers, `headers.keep` and `headers.remove`. Whoever
//! looks for a server with a known hole reads them first; nobody else needs them.

use config::{Fault, Table};

/// Names that are taken out, in lower case. Those that end in a dash stand for all that begin so.
const TELLING: [&str; 24] = [
    "server",
    "server-timing",
    "via",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-backend",
    "x-backend-server",
    "x-debug",
    "x-debug-",
    "x-django-",
    "x-drupal-",
    "x-envoy-",
    "x-exception",
    "x-exception-",
    "x-generator",
    "x-host-name",
    "x-php-",
    "x-powered-by",
    "x-powered-cms",
    "x-redirect-by",
    "x-runtime",
    "x-server",
    "x-served-by",
    "x-version",
];

/// Most names in one list.
const MOST_NAMES: usize = 64;

/// What is taken out of answers, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    keep: Vec<Box<str>>,
    remove: Vec<Box<str>>,
}

impl Inside {
    /// Reads both lists of a headers table over those above it.
    pub(super) fn read(table: &mut Table<'_>, above: &Self) -> Self {
        let mut names = |key| {
            let expected = "a field name such as server, or the beginning of some: x-internal-";
            let names = table.parse_each(key, expected, field_name)?;
            let names: Vec<Box<str>> = names.into_iter().map(|found| found.value).collect();
            Some(names)
        };
        let (keep, remove) = (names("keep"), names("remove"));
        let read = Self {
            keep: keep.unwrap_or_else(|| above.keep.clone()),
            remove: remove.unwrap_or_else(|| above.remove.clone()),
        };
        if read.keep.len() > MOST_NAMES || read.remove.len() > MOST_NAMES {
            table.fault(
                Fault::new(
                    "headers.names",
                    format!("a list of fields has at most {MOST_NAMES} names"),
                )
                .at(table.span())
                .hint("a name that ends in a dash stands for all that begin so"),
            );
        }
        read
    }

    /// Whether more passes than under `above`.
    pub(super) fn keeps_more_than(&self, above: &Self) -> bool {
        let fewer = above.remove.iter().any(|one| !self.remove.contains(one));
        fewer || self.keep.iter().any(|one| !above.keep.contains(one))
    }

    /// Whether a field of this name is taken out.
    #[must_use]
    pub fn tells(&self, name: &[u8]) -> bool {
        let among = |list: &[Box<str>]| list.iter().any(|one| is(one, name));
        (TELLING.iter().any(|one| is(one, name)) && !among(&self.keep)) || among(&self.remove)
    }
}

/// Whether `name` is `known`, or begins so where that ends in a dash.
fn is(known: &str, name: &[u8]) -> bool {
    let known = known.as_bytes();
    if known.ends_with(b"-") {
        let begins = name.get(..known.len());
        begins.is_some_and(|begins| begins.eq_ignore_ascii_case(known))
    } else {
        name.eq_ignore_ascii_case(known)
    }
}

fn field_name(text: &str) -> Result<Box<str>, &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.len() < 2 || text.len() > 64 || !text.bytes().all(token) {
        return Err("is not a field name");
    }
    let text = text.to_ascii_lowercase();
    let needed = ["content-", "set-cookie", "transfer-encoding", "location"];
    if needed.iter().any(|one| text.starts_with(one)) || text == "x-" {
        return Err("is what an answer needs to be read");
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, read, site, text};

    fn inside(headers: &str) -> Inside {
        let site = site(&format!("{OPEN}[headers]\n{headers}\n"));
        site.headers().inside.clone()
    }

    #[test]
    fn what_tells_of_the_inside_is_taken_out_whatever_its_spelling() {
        let inside = Inside::default();
        for telling in [
            "Server",
            "VIA",
            "X-Powered-By",
            "x-aspnet-version",
            "X-Debug-Token-Link",
            "X-Drupal-Cache",
            "X-Runtime",
        ] {
            assert!(inside.tells(telling.as_bytes()), "{telling}");
        }
        for other in [
            "Date",
            "X-Server-Side",
            "X-Powered",
            "Vary",
            "X-RateLimit-Limit",
        ] {
            assert!(!inside.tells(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_site_takes_out_more_and_keeps_some_with_a_reason() {
        let more = inside("remove = [\"X-Internal-\", \"x-team\"]");
        assert!(more.tells(b"x-internal-node") && more.tells(b"X-Team") && more.tells(b"server"));
        assert!(!more.tells(b"x-teams"));
        let kept = inside("keep = [\"server\"]\nreason = \"our monitor reads it\"");
        assert!(!kept.tells(b"Server") && kept.tells(b"via"));
        for bad in [
            "keep = [\"server\"]",
            "remove = [\"content-type\"]",
            "remove = [\"x-\"]",
            "remove = [\"a b\"]",
        ] {
            assert!(
                read(&text(&format!("{OPEN}[headers]\n{bad}\n"))).is_err(),
                "{bad}"
            );
        }
    }
}
