//! What a client is told of its limits.
//!
//! Owns the fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), for the
//! limit that is nearest. Refuses to allocate: numbers are written into the head as it grows.

use crate::pace::{Pace, seconds};

/// How a caller stands with one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit, by its place among those of the configuration.
    pub rate: u16,
    /// How many more may pass at once.
    pub left: u32,
    /// Seconds until all of them may again.
    pub reset: u32,
}

impl Standing {
    /// How a caller stands that is so many nanoseconds ahead.
    #[must_use]
    pub fn new(rate: u16, pace: &Pace, ahead: i64) -> Self {
        Self {
            rate,
            left: pace.left(ahead),
            reset: if ahead > 0 { seconds(ahead) } else { 0 },
        }
    }

    /// The one that leaves less.
    #[must_use]
    pub fn nearer(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.left < self.left => other,
            _ => self,
        }
    }

    /// Appends both fields.
    pub fn write(&self, name: &str, pace: &Pace, out: &mut Vec<u8>) {
        let number = |before: &[u8], number: u64, out: &mut Vec<u8>| {
            out.extend_from_slice(before);
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        };
        out.extend_from_slice(b"RateLimit-Policy: \"");
        out.extend_from_slice(name.as_bytes());
        number(b"\";q=", pace.requests().into(), out);
        number(b";w=", pace.per().as_secs(), out);
        out.extend_from_slice(b"\r\nRateLimit: \"");
        out.extend_from_slice(name.as_bytes());
        number(b"\";r=", self.left.into(), out);
        number(b";t=", self.reset.into(), out);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_client_is_told_the_limit_and_what_is_left_of_it() {
        let pace = Pace::new(120, Duration::from_secs(60)).unwrap();
        let standing = Standing::new(0, &pace, 30_000_000_001);
        let mut out = Vec::new();
        standing.write("api", &pace, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "RateLimit-Policy: \"api\";q=120;w=60\r\nRateLimit: \"api\";r=59;t=31\r\n"
        );
    }

    #[test]
    fn the_nearest_limit_is_the_one_told() {
        let pace = Pace::new(10, Duration::from_secs(10)).unwrap();
        let (far, near) = (
            Standing::new(0, &pace, 0),
            Standing::new(1, &pace, 9_000_000_000),
        );
        assert_eq!((far.left, near.left), (10, 1));
        assert_eq!(far.nearer(Some(near)), near);
        assert_eq!(near.nearer(Some(far)), near);
        assert_eq!(far.nearer(None), far);
    }
}
