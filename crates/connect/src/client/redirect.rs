//! Redirects (RFC 9110 section 15.4).
//!
//! Owns what becomes of a request that is sent elsewhere. Refuses a way from https to http, a body
//! that would go to another origin, and a `Location` that is absent, doubled or read differently by
//! different readers. Drops every field that was not made to travel when the origin changes, by an
//! allow-list: a key in a field of its own is a credential like any other. The next hop is judged as
//! if a person had typed it.

use super::{Fault, Field, Method, Request, Response};
use crate::target::Scheme;

/// Whether an answer of this status sends us elsewhere.
pub(super) const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The request that follows a redirect.
pub(super) fn next(request: Request, response: &Response) -> Result<Request, Fault> {
    let location = response
        .field("location")
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .ok_or(Fault::NoLocation)?;
    let target = request.target.join(location).map_err(Fault::Location)?;
    let (from, to) = (request.target.destination(), target.destination());
    let same = from == to;
    if from.scheme() == Scheme::Https && to.scheme() == Scheme::Http {
        return Err(Fault::Downgrade);
    }
    let keeps_body = matches!(response.status(), 307 | 308);
    let (method, body) = match request.body {
        Some(_) if keeps_body && !same => return Err(Fault::BodyElsewhere),
        Some(body) if keeps_body => (request.method, Some(body)),
        _ => (Method::Get, None),
    };
    let mut fields = request.fields;
    if !same {
        fields.retain(Field::travels);
    }
    Ok(Request {
        method,
        target,
        fields,
        body,
    })
}

#[cfg(test)]
mod tests {
    use control::Secret;

    use super::*;
    use crate::target::{Target, UrlFault};

    fn target(url: &str) -> Target {
        Target::parse(url).unwrap()
    }

    fn get(url: &str) -> Request {
        Request::get(target(url))
            .with(Field::new("X-Api-Key", "key").unwrap())
            .with(Field::new("Authorization", "Bearer key").unwrap())
            .with(Field::new("Accept", "application/json").unwrap())
    }

    fn post(url: &str) -> Request {
        Request {
            fields: get(url).fields,
            ..Request::post(target(url), "text/plain", Secret::new(b"secret".to_vec()))
        }
    }

    fn answer(status: u16, locations: &[&str]) -> Response {
        let fields = locations
            .iter()
            .map(|text| ("location".into(), text.as_bytes().to_vec()));
        Response {
            status,
            target: target("https://unused.example/"),
            fields: fields.collect(),
            body: Vec::new(),
        }
    }

    fn names(request: &Request) -> Vec<String> {
        let text = |field: &Field| String::from_utf8(field.name().to_vec()).unwrap();
        request.fields.iter().map(text).collect()
    }

    #[test]
    fn fields_stay_within_an_origin_and_only_harmless_ones_leave_it() {
        let all = ["x-api-key", "authorization", "accept"];
        for (location, kept) in [
            ("/b", &all[..]),
            ("https://a.example/b", &all),
            ("https://a.example:443/b", &all),
            ("https://A.example./b", &all),
            ("https://b.example/", &all[2..]),
            ("https://x.a.example/", &all[2..]),
            ("https://a.example:8443/", &all[2..]),
            ("//a.example.b.example/", &all[2..]),
        ] {
            let request = next(get("https://a.example/a"), &answer(302, &[location])).unwrap();
            assert_eq!(names(&request), kept, "{location}");
        }
        let up = next(
            get("http://a.example/a"),
            &answer(301, &["https://a.example/"]),
        )
        .unwrap();
        assert_eq!(names(&up), ["accept"]);
    }

    #[test]
    fn https_never_becomes_http() {
        for location in [
            "http://a.example/",
            "http://b.example/",
            "HTTP://a.example:443/",
        ] {
            let fault = next(get("https://a.example/"), &answer(302, &[location])).unwrap_err();
            assert!(matches!(fault, Fault::Downgrade), "{location}");
        }
        assert!(
            next(
                get("http://a.example/"),
                &answer(302, &["http://b.example/"])
            )
            .is_ok()
        );
    }

    #[test]
    fn a_body_is_sent_again_only_within_its_origin() {
        for status in [307, 308] {
            let again = next(post("https://a.example/a"), &answer(status, &["/b"])).unwrap();
            assert_eq!((again.method, again.body.is_some()), (Method::Post, true));
            let elsewhere = answer(status, &["https://b.example/"]);
            let fault = next(post("https://a.example/a"), &elsewhere).unwrap_err();
            assert!(matches!(fault, Fault::BodyElsewhere), "{status}");
            // Without a body there is nothing to carry.
            let read = next(get("https://a.example/a"), &elsewhere).unwrap();
            assert_eq!(read.method, Method::Get);
        }
        for status in [301, 302, 303] {
            let read = next(
                post("https://a.example/a"),
                &answer(status, &["https://b.example/"]),
            );
            let read = read.unwrap();
            assert_eq!(
                (read.method, read.body.is_some()),
                (Method::Get, false),
                "{status}"
            );
        }
    }

    #[test]
    fn a_location_is_there_once_and_read_strictly() {
        let fault = |locations: &[&str]| {
            next(get("https://a.example/"), &answer(302, locations)).unwrap_err()
        };
        assert!(matches!(fault(&[]), Fault::NoLocation));
        assert!(matches!(fault(&["/a", "/b"]), Fault::NoLocation));
        for (location, cause) in [
            ("https://user@b.example/", UrlFault::UserInfo),
            ("/\\b.example", UrlFault::Backslash),
            ("file:///etc/passwd", UrlFault::Scheme),
            ("https://2130706433/", UrlFault::LegacyAddress),
            ("http:/b.example", UrlFault::Slashes),
        ] {
            assert!(matches!(fault(&[location]), Fault::Location(found) if found == cause));
        }
    }

    #[test]
    fn other_statuses_are_no_redirects() {
        for status in [200, 201, 300, 304, 305, 306, 309, 400, 500] {
            assert!(!is_redirect(status), "{status}");
        }
        for status in [301, 302, 303, 307, 308] {
            assert!(is_redirect(status), "{status}");
        }
    }
}
