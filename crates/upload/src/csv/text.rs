//! UTF-8 across pieces.
//!
//! Owns the few bytes of a character that a piece ends within.

/// Validates a stream of UTF-8.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character whose rest is in the next piece.
    partial: [u8; 4],
    held: usize,
}

/// What a piece is made of.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// The character that began in the piece before, now whole; the first `joined` bytes of it.
    pub(super) character: [u8; 4],
    pub(super) joined: usize,
    /// Where the whole characters of this piece begin and end.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether what follows them is no character and never will be.
    pub(super) broken: bool,
}

impl Utf8 {
    /// Divides a piece into what is whole and what is held for the next one.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Piece {
        let mut piece = self.complete(bytes);
        if piece.broken || self.held > 0 {
            return piece;
        }
        let rest = bytes.get(piece.from..).unwrap_or_default();
        piece.to = bytes.len();
        if simdutf8::basic::from_utf8(rest).is_ok() {
            return piece;
        }
        if let Err(error) = std::str::from_utf8(rest) {
            piece.to = piece.from + error.valid_up_to();
            piece.broken = error.error_len().is_some();
            let tail = rest.get(error.valid_up_to()..).unwrap_or_default();
            if !piece.broken {
                for (to, from) in self.partial.iter_mut().zip(tail) {
                    *to = *from;
                }
                self.held = tail.len();
            }
        }
        piece
    }

    /// Ends the character of the piece before.
    fn complete(&mut self, bytes: &[u8]) -> Piece {
        let mut piece = Piece::default();
        while self.held > 0 {
            let Some(byte) = bytes.get(piece.from) else {
                break;
            };
            if let Some(slot) = self.partial.get_mut(self.held) {
                *slot = *byte;
            }
            piece.from += 1;
            self.held += 1;
            match std::str::from_utf8(self.partial.get(..self.held).unwrap_or_default()) {
                Ok(_) => {
                    (piece.character, piece.joined) = (self.partial, self.held);
                    self.held = 0;
                }
                Err(error) if error.error_len().is_some() => {
                    piece.broken = true;
                    break;
                }
                Err(_) => {}
            }
        }
        piece.to = piece.from;
        piece
    }

    /// Whether the stream may end here.
    pub(super) const fn is_whole(&self) -> bool {
        self.held == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid(bytes: &[u8], size: usize) -> bool {
        let mut utf8 = Utf8::default();
        bytes.chunks(size).all(|piece| !utf8.push(piece).broken) && utf8.is_whole()
    }

    #[test]
    fn a_stream_in_pieces_is_valid_as_the_whole_is() {
        for bytes in [
            &"é€😀 a".repeat(9).into_bytes()[..],
            b"\xff",
            b"a\xe2\x82",
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"\xf4\x90\x80\x80",
            b"a\xe2\x82b",
        ] {
            for size in 1..=bytes.len() {
                assert_eq!(
                    valid(bytes, size),
                    std::str::from_utf8(bytes).is_ok(),
                    "{bytes:?}"
                );
            }
        }
    }
}
