//! The page that was asked for before the login, to go back to.
//!
//! Owns the one form such a page has: a path of our own origin. Refuses whatever any browser could
//! read as another place.

/// Longest page that is gone back to, in bytes.
pub const LONGEST: usize = 2048;

/// A path and query of our own origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(Box<str>);

/// The text names no page of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path of this site")]
pub struct NotOurs;

impl ReturnTo {
    /// Reads a path and query.
    ///
    /// # Errors
    ///
    /// For an absolute URL, `//`, a backslash, dot segments, anything but visible ASCII, what is too
    /// long, and our own endpoints, however they are written.
    pub fn parse(text: &str) -> Result<Self, NotOurs> {
        let rest = text.strip_prefix('/').ok_or(NotOurs)?;
        let plain = text
            .bytes()
            .all(|byte| matches!(byte, b'!'..=b'~') && byte != b'\\');
        if text.len() > LONGEST || rest.starts_with('/') || !plain {
            return Err(NotOurs);
        }
        let (path, _) = text.split_once('?').unwrap_or((text, ""));
        // For looking at, not for going there.
        let path = seal::encode::unpercent(path.as_bytes());
        let path = String::from_utf8_lossy(&path).to_ascii_lowercase();
        let mut segments = path.split('/').skip(1);
        if segments
            .clone()
            .any(|segment| matches!(segment, "." | ".."))
        {
            return Err(NotOurs);
        }
        if segments.next().is_some_and(|first| first == ".vouchsafe") {
            return Err(NotOurs);
        }
        // A fragment never comes to a server; one in the text was put there to confuse.
        if text.contains('#') {
            return Err(NotOurs);
        }
        Ok(Self(text.into()))
    }

    /// The first page.
    #[must_use]
    pub fn home() -> Self {
        Self("/".into())
    }

    /// Its text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_ours_is_gone_back_to() {
        for page in [
            "/",
            "/page",
            "/page?a=b&c=%2F%2Fx",
            "/a//b",
            "/@x",
            "/.vouchsafely",
            "/a/.vouchsafe",
            "/a..b/...",
            "/%25%32%65",
        ] {
            assert_eq!(ReturnTo::parse(page).unwrap().as_str(), page);
        }
    }

    #[test]
    fn whatever_could_be_read_as_another_place_is_refused() {
        let long = format!("/{}", "a".repeat(LONGEST));
        for text in [
            "",
            "page",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "https://evil.example/",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\r\nSet-Cookie: a=b",
            "/ page",
            "/é",
            "/#a",
            "/.vouchsafe/logout",
            "/.vouchsafe?x",
            "/.VOUCHSAFE/login",
            "/%2evouchsafe/login",
            &long,
        ] {
            assert_eq!(ReturnTo::parse(text), Err(NotOurs), "{text:?}");
        }
    }

    /// Found by fuzzing beside a parser that browsers agree with: it resolves them, so that the page
    /// reached was another than the one that was judged.
    #[test]
    fn fuzz_finding_dot_segments_led_to_pages_of_the_gate() {
        for text in [
            "/a/../.vouchsafe/login",
            "/a/%2e%2E/b",
            "/..",
            "/./a",
            "/a/.",
        ] {
            assert_eq!(ReturnTo::parse(text), Err(NotOurs), "{text:?}");
        }
    }
}
