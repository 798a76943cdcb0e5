//! URLs as `connect` reads them, and as the parser that browsers agree on does.

use connect::{Host, Scheme, Target};
use identity::oidc::ReturnTo;

/// What we read, the WHATWG's parser reads as the same: scheme, host, port, path and query.
pub fn url_reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(ours) = Target::parse(text) else {
        return;
    };
    let destination = ours.destination();
    let host = destination.host().to_string();
    let Ok(theirs) = url::Url::parse(text) else {
        // It alone decodes such labels; to us, as to the DNS, they are letters and digits.
        assert!(
            host.split('.').any(|label| label.starts_with("xn--")),
            "it refuses {host}"
        );
        return;
    };
    let scheme = match destination.scheme() {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    assert_eq!(theirs.scheme(), scheme);
    let same = match (destination.host(), theirs.host()) {
        (Host::V4(ours), Some(url::Host::Ipv4(theirs))) => *ours == theirs,
        (Host::V6(ours), Some(url::Host::Ipv6(theirs))) => *ours == theirs,
        (Host::Name(ours), Some(url::Host::Domain(theirs))) => {
            ours.as_str() == theirs.strip_suffix('.').unwrap_or(theirs)
        }
        _ => false,
    };
    assert!(same, "{host} is {:?} to it", theirs.host());
    assert_eq!(theirs.port_or_known_default(), Some(destination.port()));
    assert!(theirs.username().is_empty() && theirs.password().is_none());
    let (path, query) = match ours.path_and_query().split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (ours.path_and_query(), None),
    };
    if !climbs_over_a_drive(text) {
        assert_eq!(theirs.path(), path);
    }
    // It encodes the one sub-delimiter that some pages put around a value.
    let query = query.map(|query| query.replace('\'', "%27"));
    assert_eq!(theirs.query(), query.as_deref());
}

/// Whether a path has a segment like `c:` that a `..` may take away. The reference keeps it under every
/// scheme, where its standard keeps it in file URLs alone (URL Standard, "shorten a url's path").
fn climbs_over_a_drive(text: &str) -> bool {
    let drive = |segment: &str| {
        let (letter, rest) = segment.split_at_checked(1).unwrap_or_default();
        letter.chars().all(|letter| letter.is_ascii_alphabetic()) && rest == ":"
    };
    let mut segments = text.split(['/', '?', '#']);
    segments.any(drive) && segments.any(|segment| segment == "..")
}

/// A page that a login goes back to is, to a browser on our origin, a page of ours that is not one of
/// the gate's own, and exactly the one that was asked for.
pub fn return_to(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(page) = ReturnTo::parse(text) else {
        return;
    };
    assert_eq!(page.as_str(), text);
    let Ok(origin) = url::Url::parse("https://app.example:8443/a/b") else {
        return;
    };
    let reached = origin.join(text);
    assert!(
        reached
            .as_ref()
            .is_ok_and(|reached| reached.origin() == origin.origin()),
        "it leads to {reached:?}"
    );
    let path = reached
        .map(|reached| reached.path().to_owned())
        .unwrap_or_default();
    let (asked, _) = text.split_once('?').unwrap_or((text, ""));
    assert!(!path.starts_with("/.vouchsafe/"), "it leads to {path}");
    assert_eq!(
        path.matches('/').count(),
        asked.matches('/').count(),
        "{path}"
    );
}
