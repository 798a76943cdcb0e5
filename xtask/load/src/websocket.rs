//! WebSocket messages (RFC 6455), as many as a benchmark needs: binary and close, never in parts.

use crate::message::odd;
use std::io;

/// The key and what it is accepted with, both from RFC 6455, section 1.3. A fixed key spares both
/// ends a SHA-1 that says nothing about a proxy.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Longest message that is understood.
const LONGEST: usize = u16::MAX as usize;

const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const MASKED: u8 = 0x80;

/// Any mask but zero does.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The head of a frame at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) close: bool,
    mask: Option<[u8; 4]>,
    /// Where the message lies.
    from: usize,
    pub(crate) end: usize,
}

/// A message as a client sends it, or as a server does.
pub(crate) fn write(message: &[u8], close: bool, masked: bool, to: &mut Vec<u8>) {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mask = if masked { MASKED } else { 0 };
    to.push(if close { CLOSE } else { BINARY });
    match u8::try_from(length) {
        Ok(short @ ..=125) => to.push(mask | short),
        _ => {
            to.push(mask | 126);
            to.extend_from_slice(&length.to_be_bytes());
        }
    }
    let message = message.iter().take(LONGEST);
    if masked {
        to.extend_from_slice(&MASK);
        to.extend(
            message
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
    } else {
        to.extend(message);
    }
}

/// The frame at the front of `bytes`; `None` while it is not whole.
pub(crate) fn read(bytes: &[u8]) -> io::Result<Option<Frame>> {
    let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else {
        return Ok(None);
    };
    if first != BINARY && first != CLOSE {
        return Err(odd("a frame that is neither binary nor close"));
    }
    let (mut from, length) = match second & !MASKED {
        126 => match bytes.get(2..4) {
            Some(&[high, low]) => (4, usize::from(u16::from_be_bytes([high, low]))),
            _ => return Ok(None),
        },
        127 => return Err(odd("a message that is too long")),
        short => (2, usize::from(short)),
    };
    let mut mask = None;
    if second & MASKED != 0 {
        let Some(&[a, b, c, d]) = bytes.get(from..from + 4) else {
            return Ok(None);
        };
        mask = Some([a, b, c, d]);
        from += 4;
    }
    let end = from + length;
    let close = first == CLOSE;
    Ok((bytes.len() >= end).then_some(Frame {
        close,
        mask,
        from,
        end,
    }))
}

impl Frame {
    /// The message in the clear.
    pub(crate) fn message(&self, bytes: &[u8]) -> Vec<u8> {
        let message = bytes.get(self.from..self.end).unwrap_or_default();
        match self.mask {
            None => message.to_vec(),
            Some(mask) => message
                .iter()
                .zip(mask.iter().cycle())
                .map(|(b, m)| b ^ m)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_went() {
        for size in [0, 1, 125, 126, 200, 65_535] {
            let message: Vec<u8> = (0..size).map(|n: u32| n as u8).collect();
            for masked in [true, false] {
                let mut bytes = Vec::new();
                write(&message, false, masked, &mut bytes);
                for cut in [0, 1, bytes.len() - 1] {
                    assert_eq!(read(&bytes[..cut]).unwrap(), None);
                }
                bytes.push(0);
                let frame = read(&bytes).unwrap().unwrap();
                assert_eq!(frame.message(&bytes), message);
                assert_eq!((frame.end, frame.close), (bytes.len() - 1, false));
            }
        }
    }

    /// RFC 6455, section 5.7: a masked and an unmasked message holding `Hello`; ours are binary.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        let unmasked = [0x82, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        let masked = [
            0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        for bytes in [&unmasked[..], &masked] {
            assert_eq!(read(bytes).unwrap().unwrap().message(bytes), b"Hello");
        }
        assert!(read(&[0x01, 0x00]).is_err());
    }
}
