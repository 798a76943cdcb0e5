//! What passes on an HTTP/2 connection, frame by frame.
//!
//! Owns nine bytes at the head of each frame (RFC 9113, section 4.1) and the first four behind them,
//! found in whatever pieces the bytes come. Refuses nothing: it only tells. Trusts the lengths that
//! heads announce, as the reader behind it does, which refuses what is too long.

/// Longest part of a frame that is looked at: its head and a code of 32 bits.
const SEEN: usize = 13;

/// Length of a frame's head.
const HEAD: usize = 9;

/// Types of frames (RFC 9113, section 6).
pub(super) mod kind {
    pub(in crate::serve::h2) const DATA: u8 = 0;
    pub(in crate::serve::h2) const HEADERS: u8 = 1;
    pub(in crate::serve::h2) const RESET: u8 = 3;
}

/// The flag END_STREAM of a DATA frame; ACK of SETTINGS and PING.
const LAST: u8 = 1;

/// A frame as its first bytes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    /// Bytes behind the head.
    pub(super) length: usize,
    /// Whether END_STREAM, or ACK, is set.
    pub(super) last: bool,
    /// The first four bytes behind the head: the code of RST_STREAM. Zero where there are fewer.
    pub(super) code: u32,
}

/// Finds frames in a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Frames {
    seen: [u8; SEEN],
    count: usize,
    /// Bytes of the present frame that are skipped.
    skip: usize,
}

/// Length of what a client sends before its first frame (RFC 9113, section 3.4).
const PREFACE: usize = 24;

impl Frames {
    /// Frames of a client, which begin behind its preface.
    pub(super) fn behind_preface() -> Self {
        Self {
            skip: PREFACE,
            ..Self::default()
        }
    }

    /// Reads on in `bytes` and tells each frame as soon as enough of it was seen.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Frame)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            // A frame that is whole in its head, such as an empty one, needs no byte more.
            if let Some((frame, behind)) = self.whole() {
                tell(frame);
                self.skip = frame.length - behind;
                self.count = 0;
                continue;
            }
            let Some((first, rest)) = bytes.split_first() else {
                return;
            };
            if let Some(slot) = self.seen.get_mut(self.count) {
                *slot = *first;
            }
            self.count += 1;
            bytes = rest;
        }
    }

    /// The present frame and how many bytes behind its head were taken, once that is enough.
    fn whole(&self) -> Option<(Frame, usize)> {
        let [a, b, c, kind, flags, ..] = self.seen;
        if self.count < HEAD {
            return None;
        }
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let wanted = length.min(SEEN - HEAD);
        let code = match self.seen {
            [.., w, x, y, z] if wanted == 4 => u32::from_be_bytes([w, x, y, z]),
            _ => 0,
        };
        let frame = Frame {
            kind,
            length,
            last: flags & LAST != 0,
            code,
        };
        (self.count == HEAD + wanted).then_some((frame, wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_are_found_however_their_bytes_are_divided() {
        let all = [
            frame(kind::DATA, 0, b""),
            frame(kind::RESET, 0, &[0, 0, 0, 8]),
            frame(kind::DATA, 1, &[7; 200]),
            frame(kind::HEADERS, 4, b"ab"),
            frame(7, 0, &[0, 0, 0, 1, 0, 0, 0, 11]),
        ]
        .concat();
        for step in 1..all.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in all.chunks(step) {
                frames.read(piece, |frame| {
                    found.push((frame.kind, frame.length, frame.last))
                });
            }
            let expected = [
                (kind::DATA, 0, false),
                (kind::RESET, 4, false),
                (kind::DATA, 200, true),
                (kind::HEADERS, 2, false),
                (7, 8, false),
            ];
            assert_eq!(found, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn the_code_of_a_reset_is_told_and_a_frame_cut_short_is_not() {
        let mut frames = Frames::default();
        let mut codes = Vec::new();
        let reset = frame(kind::RESET, 0, &[0, 0, 1, 8]);
        frames.read(&reset[..12], |frame| codes.push(frame.code));
        assert!(codes.is_empty());
        frames.read(&reset[12..], |frame| codes.push(frame.code));
        assert_eq!(codes, [0x108]);
    }
}
