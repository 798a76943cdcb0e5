//! GIF (CompuServe, versions 87a and 89a): screen, blocks, sub-blocks, trailer.

use super::{Structure, Want, broken, byte, judge_sides, le16};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Image};

#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    Screen,
    /// Behind a colour table or at the start of a block.
    Ready,
    Block,
    Picture,
    Table,
    Extension,
    Size,
    Data,
}

#[derive(Debug)]
pub(super) struct Gif {
    rules: Image,
    at: At,
    pictures: u32,
}

impl Gif {
    pub(super) const fn new(rules: Image) -> Self {
        Self {
            rules,
            at: At::Start,
            pictures: 0,
        }
    }

    /// Steps over the colour table that `flags` announce, to `then`.
    const fn table(&mut self, flags: u8, then: At) -> Want {
        self.at = then;
        if flags & 0x80 == 0 {
            Want::Skip(0)
        } else {
            Want::Skip(3 << ((flags & 7) + 1))
        }
    }

    const fn see(&mut self, count: usize, then: At) -> Want {
        self.at = then;
        Want::See(count)
    }
}

/// The most pictures of an animation.
const PICTURES: u32 = 10_000;

impl Structure for Gif {
    fn kind(&self) -> Kind {
        Kind::Gif
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        Ok(match self.at {
            At::Start => self.see(13, At::Screen),
            At::Screen => {
                judge_sides(&self.rules, le16(seen, 6).into(), le16(seen, 8).into())?;
                self.table(byte(seen, 10), At::Ready)
            }
            At::Ready => self.see(1, At::Block),
            At::Block => match byte(seen, 0) {
                0x2c => self.see(9, At::Picture),
                0x21 => self.see(1, At::Extension),
                0x3b if self.pictures > 0 => Want::End,
                0x3b => return broken(Kind::Gif, at, "no picture"),
                _ => return broken(Kind::Gif, at, "a block is unknown"),
            },
            At::Picture => {
                judge_sides(&self.rules, le16(seen, 4).into(), le16(seen, 6).into())?;
                self.pictures += 1;
                if self.pictures > PICTURES {
                    return broken(Kind::Gif, at, "more than 10000 pictures");
                }
                self.table(byte(seen, 8), At::Table)
            }
            // The least code size, and the label of an extension, say nothing about structure.
            At::Table => self.see(1, At::Extension),
            At::Extension => self.see(1, At::Size),
            At::Size => match byte(seen, 0) {
                0 => self.see(1, At::Block),
                size => {
                    self.at = At::Data;
                    Want::Skip(size.into())
                }
            },
            At::Data => self.see(1, At::Size),
        })
    }

    fn is_past_head(&self) -> bool {
        self.pictures > 0
    }
}
