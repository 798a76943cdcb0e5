//! Which pages of other sites may read a route's answers.
//!
//! Owns `cors` of `[[route]]`: origins by name, and what a preflight is told, rendered once. Refuses
//! `*`, `null`, origins with a path, and plain HTTP to anything but this machine. Credentials that a
//! browser adds by itself are never part of it: a page of another site brings a key or a token.

use std::{fmt::Write as _, time::Duration};

use config::{Fault, Table};
use wire::Authority;

/// Most origins of a route.
const MOST_ORIGINS: usize = 64;

/// How long a browser believes a preflight, where nothing is said.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// Longest that one may say; browsers keep none for longer.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a page of another site may always send: its credential, and the type of its body.
const ALWAYS: [&str; 3] = ["authorization", "x-api-key", "content-type"];

/// Who else may read a route's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins as a browser writes them.
    origins: Vec<Box<str>>,
    /// What a preflight is told besides origin and method, as bytes, each line ended.
    allowed: Box<[u8]>,
}

impl Cors {
    /// Reads `cors` of a route, if it is there.
    pub(super) fn read(route: &mut Table<'_>) -> Option<Self> {
        let mut table = route.optional_table("cors")?;
        let expected = "an origin such as https://app.example";
        let origins = table.parse_each("origins", expected, origin);
        let expected = "a field name such as x-tenant";
        let headers = table.parse_each("headers", expected, field_name);
        let age = table.duration_in("max_age", Duration::ZERO..=LONGEST_AGE);
        let origins: Vec<Box<str>> = origins
            .unwrap_or_default()
            .into_iter()
            .map(|found| found.value)
            .collect();
        if origins.is_empty() || origins.len() > MOST_ORIGINS {
            table.fault(
                Fault::new(
                    "cors.origins",
                    format!("cors names 1 to {MOST_ORIGINS} origins"),
                )
                .at(table.span())
                .hint("write origins = [\"https://app.example\"], or remove cors"),
            );
        }
        let further = headers.unwrap_or_default();
        let further = further.iter().map(|found| &*found.value);
        let headers: Vec<&str> = ALWAYS.into_iter().chain(further).collect();
        let age = age.map_or(MAX_AGE, |found| found.value);
        let mut allowed = String::new();
        let _ = write!(
            allowed,
            "Access-Control-Allow-Headers: {}\r\nAccess-Control-Max-Age: {}\r\n",
            headers.join(", "),
            age.as_secs()
        );
        Some(Self {
            origins,
            allowed: allowed.into_bytes().into(),
        })
    }

    /// The place of an origin among those that are named.
    #[must_use]
    pub fn find(&self, origin: &[u8]) -> Option<usize> {
        let mut origins = self.origins.iter();
        origins.position(|named| named.as_bytes() == origin)
    }

    /// The origin in this place.
    #[must_use]
    pub fn origin(&self, place: usize) -> Option<&str> {
        self.origins.get(place).map(|origin| &**origin)
    }

    /// What a preflight is told besides origin and method.
    #[must_use]
    pub const fn allowed(&self) -> &[u8] {
        &self.allowed
    }
}

/// An origin as browsers serialise it (HTML, section 7.1.1): scheme, host in lower case, and a port
/// that is not the scheme's own.
fn origin(text: &str) -> Result<Box<str>, &'static str> {
    let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) if text == "*" => return Err("lets every site in"),
        (None, None) => return Err("does not begin with https://"),
    };
    if rest.contains(['/', '?', '#', '@', '*']) || text.len() > 300 {
        return Err("is more than an origin: scheme, host and port are all of it");
    }
    let authority = Authority::parse(rest.as_bytes()).ok_or("does not name a host")?;
    let host = std::str::from_utf8(authority.host()).map_err(|_| "does not name a host")?;
    if host.is_empty() || host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("is not written as browsers write it: in small letters");
    }
    let own = if secure { 443 } else { 80 };
    if authority.port() == Some(own) || rest.ends_with(':') {
        return Err("names the port that browsers leave out");
    }
    let bare = host.trim_matches(['[', ']']);
    let local = bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if !secure && !local {
        return Err("is plain HTTP, which anybody on the way can speak for");
    }
    Ok(text.into())
}

fn field_name(text: &str) -> Result<Box<str>, &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.is_empty() || text.len() > 64 || !text.bytes().all(token) {
        return Err("is not a field name");
    }
    Ok(text.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, read, site, text};

    fn with(cors: &str) -> String {
        OPEN.replacen("[[route]]", &format!("[[route]]\ncors = {cors}"), 1)
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in [
            "https://app.example",
            "https://app.example:8443",
            "http://localhost:3000",
            "http://127.0.0.1:5173",
        ] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "app.example",
            "https://app.example/",
            "https://App.example",
            "https://app.example:443",
            "http://app.example",
            "https://*.app.example",
            "https://u@app.example",
            "https://",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_route_names_who_may_read_it() {
        let site = site(&with(
            "{ origins = [\"https://app.example\"], headers = [\"X-Tenant\"], max_age = \"1m\" }",
        ));
        let cors = site.routes()[0].cors.as_ref().unwrap();
        assert_eq!(cors.find(b"https://app.example"), Some(0));
        assert_eq!(cors.find(b"https://app.example.other"), None);
        assert_eq!(cors.find(b"HTTPS://app.example"), None);
        assert_eq!(
            std::str::from_utf8(cors.allowed()).unwrap(),
            "Access-Control-Allow-Headers: authorization, x-api-key, content-type, x-tenant\r\n\
             Access-Control-Max-Age: 60\r\n"
        );
    }

    #[test]
    fn a_route_that_names_nobody_or_everybody_is_refused() {
        for cors in [
            "{ origins = [] }",
            "{ origins = [\"*\"] }",
            "{ origin = \"https://app.example\" }",
            "{ origins = [\"https://app.example\"], max_age = \"25h\" }",
        ] {
            assert!(read(&text(&with(cors))).is_err(), "{cors}");
        }
        let good = with("{ origins = [\"https://app.example\"], max_age = \"24h\" }");
        assert!(read(&text(&good)).is_ok());
    }
}
