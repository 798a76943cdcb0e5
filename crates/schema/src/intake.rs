//! Taking a body in: the bytes of the wire, bounded while they come.
//!
//! Owns the count against the route's limits, with and without an announced length, plain and
//! compressed. The caller has undone the transfer coding, so a chunked body is one without length.

use crate::{
    inflate::{Coding, Expansion, Inflater},
    refusal::{Fault, Refusal},
};

/// Bounds on the size of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes as sent.
    pub sent: u64,
    /// Bytes and ratio once inflated. `None` takes no compressed body.
    pub inflated: Option<Expansion>,
}

impl Sizes {
    /// 10 MiB, plain.
    pub const DEFAULT: Self = Self {
        sent: 10_485_760,
        inflated: None,
    };
}

/// A body in the course of being taken in.
#[derive(Debug)]
pub struct Intake {
    inflater: Inflater,
    limit: u64,
    announced: Option<u64>,
    taken: u64,
    /// No bytes are shown by `Debug`: this says only how many there are.
    body: Bytes,
}

struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} bytes", self.0.len())
    }
}

impl Intake {
    /// Begins a body. `coding` is Content-Encoding as it stands, `length` is Content-Length.
    ///
    /// # Errors
    ///
    /// The length is beyond the limit, or the coding is not taken: nothing need be read.
    pub fn new(sizes: Sizes, coding: Option<&[u8]>, length: Option<u64>) -> Result<Self, Refusal> {
        let limit = sizes.sent;
        let coding = Coding::parse(coding)?;
        if length.is_some_and(|length| length > limit) {
            return Err(Refusal::whole(Fault::TooLarge { limit }));
        }
        let bounds = match (coding, sizes.inflated) {
            (Coding::Plain, _) => Expansion {
                bytes: limit,
                ratio: 1,
            },
            (_, Some(bounds)) => bounds,
            (_, None) => {
                return Err(Refusal::header("Content-Encoding", Fault::CodingUnknown));
            }
        };
        // An announced length is only a claim: room for it is made as the bytes come.
        Ok(Self {
            inflater: Inflater::new(coding, bounds),
            limit,
            announced: length,
            taken: 0,
            body: Bytes(Vec::new()),
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// More than the limit or the announced length, or a compressed stream that is broken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.taken = self.taken.saturating_add(crate::count(bytes.len()));
        if self.announced.is_some_and(|length| self.taken > length) {
            return Err(Refusal::whole(Fault::LengthMismatch));
        }
        if self.taken > self.limit {
            let limit = self.limit;
            return Err(Refusal::whole(Fault::TooLarge { limit }));
        }
        self.inflater.push(bytes, &mut self.body.0)
    }

    /// Ends the body and gives its bytes, inflated.
    ///
    /// # Errors
    ///
    /// Fewer bytes than announced, or a compressed stream without end.
    pub fn finish(self) -> Result<Vec<u8>, Refusal> {
        if self.announced.is_some_and(|length| self.taken != length) {
            return Err(Refusal::whole(Fault::LengthMismatch));
        }
        self.inflater.finish()?;
        Ok(self.body.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes {
        sent: 10,
        inflated: Some(Expansion {
            bytes: 100,
            ratio: 50,
        }),
    };

    fn take(coding: Option<&str>, length: Option<u64>, pieces: &[&[u8]]) -> Result<Vec<u8>, Fault> {
        let mut intake =
            Intake::new(SIZES, coding.map(str::as_bytes), length).map_err(|it| it.fault)?;
        for piece in pieces {
            intake.push(piece).map_err(|it| it.fault)?;
        }
        intake.finish().map_err(|it| it.fault)
    }

    #[test]
    fn a_body_is_bounded_with_and_without_length() {
        assert_eq!(
            take(None, Some(10), &[b"01234", b"56789"]).unwrap(),
            b"0123456789"
        );
        assert_eq!(
            take(None, None, &[b"01234", b"56789"]).unwrap(),
            b"0123456789"
        );
        assert_eq!(take(None, None, &[]).unwrap(), b"");
        let too_large = Err(Fault::TooLarge { limit: 10 });
        assert_eq!(take(None, Some(11), &[]), too_large);
        assert_eq!(take(None, None, &[b"0123456789", b"0"]), too_large);
        for (length, pieces) in [(4, &[&b"01234"[..]][..]), (6, &[b"01234"]), (1, &[])] {
            assert_eq!(take(None, Some(length), pieces), Err(Fault::LengthMismatch));
        }
    }

    #[test]
    fn a_compressed_body_is_bounded_before_and_behind() {
        let body = miniz_oxide::deflate::compress_to_vec_zlib(b"aaaaaaaaaa", 6);
        assert!(body.len() > 10, "one more than the bound on what is sent");
        let taken = take(Some("deflate"), None, &[&body]);
        assert_eq!(taken, Err(Fault::TooLarge { limit: 10 }));
        let wide = Sizes {
            sent: 1000,
            ..SIZES
        };
        let mut intake = Intake::new(wide, Some(b"deflate"), None).unwrap();
        intake.push(&body).unwrap();
        assert_eq!(intake.finish().unwrap(), b"aaaaaaaaaa");
        let body = miniz_oxide::deflate::compress_to_vec_zlib(&[b'a'; 101], 6);
        let mut intake = Intake::new(wide, Some(b"deflate"), None).unwrap();
        assert_eq!(
            intake.push(&body).map_err(|it| it.fault),
            Err(Fault::TooLarge { limit: 100 })
        );
    }

    #[test]
    fn codings_are_taken_only_where_a_bound_is_given() {
        let refused = Intake::new(Sizes::DEFAULT, Some(b"gzip"), None).map_err(|it| it.code());
        assert_eq!(refused.err(), Some("coding-unknown"));
        assert!(Intake::new(Sizes::DEFAULT, Some(b"identity"), None).is_ok());
    }

    #[test]
    fn debug_shows_no_content() {
        let mut intake = Intake::new(SIZES, None, None).unwrap();
        intake.push(b"secret").unwrap();
        let shown = format!("{intake:?}");
        assert!(
            shown.contains("6 bytes") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
