//! Cookies: what an app may have a browser keep.
//!
//! Owns the hardening of each `Set-Cookie` of an app: `Secure` where people come over HTTPS, `HttpOnly`
//! and `SameSite=Lax` unless the route names the cookie. Refuses cookies that are none and such as
//! browsers drop for their length, and takes out a `Domain` that is not a name of ours, so that no
//! neighbour gets them. Our own names are refused before this.

use crate::site::{deployment::Deployment, output::Cookies};

/// Longest name and value together that browsers keep (RFC 6265bis, section 5.6), in bytes.
const LONGEST: usize = 4096;

/// Longest attribute that browsers heed (the same section), in bytes.
const LONGEST_ATTRIBUTE: usize = 1024;

/// Appends the field for an app's cookie, or nothing where it is none. Its bytes were checked when they
/// were parsed.
pub(super) fn write(rules: &Cookies, deployment: &Deployment, value: &[u8], out: &mut Vec<u8>) {
    let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let pair = parts.next().unwrap_or_default();
    let Some((name, _)) = split(pair) else {
        return;
    };
    if name.is_empty() || pair.len() > LONGEST {
        return;
    }
    out.extend_from_slice(b"Set-Cookie: ");
    out.extend_from_slice(pair);
    let mut secure = deployment.public_url.secure;
    let mut unscripted = !rules.is_readable(name);
    let mut same_site: &[u8] = b"Lax";
    for attribute in parts {
        let (key, said) = split(attribute).unwrap_or((attribute, b""));
        if key.eq_ignore_ascii_case(b"secure") {
            secure = true;
        } else if key.eq_ignore_ascii_case(b"httponly") {
            unscripted = true;
        } else if key.eq_ignore_ascii_case(b"samesite") {
            // The last one counts, as for browsers.
            same_site = if said.eq_ignore_ascii_case(b"strict") {
                b"Strict"
            } else if said.eq_ignore_ascii_case(b"none") && rules.crosses_sites(name) {
                b"None"
            } else {
                b"Lax"
            };
        } else if key.eq_ignore_ascii_case(b"domain") && !is_ours(deployment, said) {
            // Without it the cookie is for the host that set it alone.
        } else if !attribute.is_empty() && attribute.len() <= LONGEST_ATTRIBUTE {
            out.extend_from_slice(b"; ");
            out.extend_from_slice(attribute);
        }
    }
    if secure {
        out.extend_from_slice(b"; Secure");
    }
    if unscripted {
        out.extend_from_slice(b"; HttpOnly");
    }
    out.extend_from_slice(b"; SameSite=");
    out.extend_from_slice(same_site);
    out.extend_from_slice(b"\r\n");
}

fn split(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', part)?;
    let (key, rest) = part.split_at_checked(at)?;
    let said = rest.get(1..).unwrap_or_default();
    Some((key.trim_ascii(), said.trim_ascii()))
}

/// Whether a domain is a name of ours. A point before it is ignored (RFC 6265, section 5.2.3).
fn is_ours(deployment: &Deployment, domain: &[u8]) -> bool {
    let domain = domain.strip_prefix(b".").unwrap_or(domain);
    deployment.answers_to(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, site};

    /// What becomes of a cookie on a route with `line`, under a site that is reached over HTTPS.
    fn hardened(line: &str, value: &str) -> String {
        let site = site(&OPEN.replacen("[[route]]", &format!("[[route]]\n{line}"), 1));
        let mut out = Vec::new();
        let rules = &site.routes()[0].output.cookies;
        write(rules, site.deployment(), value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_cookie_lacks_is_added_and_the_rest_stands() {
        for (said, becomes) in [
            ("a=1", "a=1; Secure; HttpOnly; SameSite=Lax"),
            (
                "sid=x=y; Path=/; Max-Age=60",
                "sid=x=y; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax",
            ),
            (
                "a=1;secure;HTTPONLY;samesite=strict",
                "a=1; Secure; HttpOnly; SameSite=Strict",
            ),
            (
                "a=1; SameSite=None; Partitioned",
                "a=1; Partitioned; Secure; HttpOnly; SameSite=Lax",
            ),
            (
                "a=1; SameSite=Strict; SameSite=None",
                "a=1; Secure; HttpOnly; SameSite=Lax",
            ),
            (
                "a=1; Domain=.coach.school.example",
                "a=1; Domain=.coach.school.example; Secure; HttpOnly; SameSite=Lax",
            ),
            (
                "a=1; Domain=school.example; domain=example",
                "a=1; Secure; HttpOnly; SameSite=Lax",
            ),
        ] {
            assert_eq!(
                hardened("", said),
                format!("Set-Cookie: {becomes}\r\n"),
                "{said}"
            );
        }
    }

    #[test]
    fn what_is_no_cookie_is_not_set() {
        let long = format!("a={}", "x".repeat(LONGEST));
        for none in ["", "a", "=1", "; Path=/", &long] {
            assert_eq!(hardened("", none), "", "{} bytes", none.len());
        }
        assert!(!hardened("", &format!("a={}", "x".repeat(LONGEST - 2))).is_empty());
    }

    #[test]
    fn a_route_names_what_scripts_read_and_what_crosses_sites() {
        let line = "cookies = { readable = [\"csrf\"], cross_site = [\"frame\"], reason = \"x\" }";
        for (said, becomes) in [
            ("csrf=1", "csrf=1; Secure; SameSite=Lax"),
            ("CSRF=1", "CSRF=1; Secure; HttpOnly; SameSite=Lax"),
            ("csrf=1; HttpOnly", "csrf=1; Secure; HttpOnly; SameSite=Lax"),
            (
                "frame=1; SameSite=None",
                "frame=1; Secure; HttpOnly; SameSite=None",
            ),
            ("frame=1", "frame=1; Secure; HttpOnly; SameSite=Lax"),
        ] {
            assert_eq!(
                hardened(line, said),
                format!("Set-Cookie: {becomes}\r\n"),
                "{said}"
            );
        }
    }
}
