//! Dot segments of a path (RFC 3986 section 5.2.4).
//!
//! Owns their removal. Refuses segments in which a dot is encoded: RFC 3986 keeps them apart from
//! dot segments, browsers do not. Trusts that the path begins with a slash.

use super::UrlFault;

/// The path with its dot segments resolved.
pub(super) fn without_dots(path: &str) -> Result<String, UrlFault> {
    let segments = path.strip_prefix('/').unwrap_or(path);
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_dots = false;
    for segment in segments.split('/') {
        ends_in_dots = false;
        match dots(segment) {
            Dots::None => kept.push(segment),
            Dots::Encoded => return Err(UrlFault::EncodedDots),
            Dots::One => ends_in_dots = true,
            Dots::Two => {
                kept.pop();
                ends_in_dots = true;
            }
        }
    }
    // What stood before final dots is a folder.
    if ends_in_dots {
        kept.push("");
    }
    Ok(format!("/{}", kept.join("/")))
}

#[derive(PartialEq, Eq)]
enum Dots {
    None,
    One,
    Two,
    Encoded,
}

fn dots(segment: &str) -> Dots {
    match segment {
        "." => Dots::One,
        ".." => Dots::Two,
        _ if is_encoded_dots(segment) => Dots::Encoded,
        _ => Dots::None,
    }
}

/// Whether a segment is one or two dots, at least one of them written `%2e`.
fn is_encoded_dots(segment: &str) -> bool {
    let mut rest = segment;
    let mut count = 0;
    while !rest.is_empty() {
        let dot = [".", "%2e", "%2E"]
            .iter()
            .find_map(|dot| rest.strip_prefix(dot));
        let Some(after) = dot else { return false };
        rest = after;
        count += 1;
    }
    (1..=2).contains(&count)
}
