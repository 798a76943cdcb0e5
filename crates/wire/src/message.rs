//! What requests and answers have in common: a start line, then fields (RFC 9112 section 2.1).
//!
//! Owns the order of a head's parts, the limit of its first line and what fields of either kind say
//! of body and connection. Refuses a start line that is too long or ends without its line feed;
//! what stands in it is its own grammar's to judge. Trusts no byte, and looks at each one once
//! however the head is divided.

use crate::connection::ConnectionOptions;
use crate::fields::{Block, Line};
use crate::framing::{Announced, BodyFraming};
use crate::head::{HeadLimits, Parsed, Version};
use crate::names::Name;
use crate::refusal::FramingRefusal;

/// The grammar of a start line, and what the fields behind it mean to that kind of message.
pub(crate) trait StartLine {
    /// Before the first byte.
    const EMPTY: Self;

    /// Reads on from where the last call stopped, in a line that grows from call to call. Gives the
    /// offset behind its CR once that is reached, and again on each later call.
    fn read(&mut self, line: &[u8]) -> Result<Option<usize>, FramingRefusal>;

    /// The version it named.
    fn version(&self) -> Version;

    /// Hears of each field that does not speak of body or connection. `bytes` hold the start line.
    fn note(&mut self, line: &Line<'_>, bytes: &[u8]) -> Result<(), FramingRefusal>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    StartLine,
    Fields,
    Done(usize),
}

/// A head of either kind: offsets into a buffer that its caller owns.
#[derive(Debug)]
pub(crate) struct Message<S> {
    phase: Phase,
    pub(crate) start: S,
    pub(crate) announced: Announced,
    pub(crate) connection: ConnectionOptions,
    pub(crate) block: Block,
}

impl<S: StartLine> Message<S> {
    pub(crate) const fn new() -> Self {
        Self {
            phase: Phase::StartLine,
            start: S::EMPTY,
            announced: Announced::NOTHING,
            connection: ConnectionOptions::NONE,
            block: Block::new(),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.phase = Phase::StartLine;
        self.start = S::EMPTY;
        self.announced = Announced::NOTHING;
        self.connection = ConnectionOptions::NONE;
        self.block.begin(0);
    }

    /// Reads on; `bytes` starts at the first byte of the head on every call.
    #[inline]
    pub(crate) fn parse(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Parsed, FramingRefusal> {
        if self.phase == Phase::StartLine && !self.start_line(bytes, limits)? {
            return Ok(Parsed::Incomplete);
        }
        if let Phase::Done(len) = self.phase {
            return Ok(Parsed::Complete { len });
        }
        let Self {
            start,
            announced,
            connection,
            block,
            ..
        } = self;
        let parsed = block.advance(bytes, limits, |line| match line.kind {
            Name::Other => Ok(()),
            Name::ContentLength | Name::TransferEncoding => announced.note(line, start.version()),
            Name::Connection => connection.note(line.value),
            _ => start.note(line, bytes),
        })?;
        if let Parsed::Complete { len } = parsed {
            self.phase = Phase::Done(len);
        }
        Ok(parsed)
    }

    /// Reads the start line; true once it is whole.
    fn start_line(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<bool, FramingRefusal> {
        let largest = limits.line as usize;
        // Nothing beyond the limit is looked at: a refusal must not depend on how bytes arrived.
        let line = bytes.get(..largest).unwrap_or(bytes);
        if let Some(end) = self.start.read(line)? {
            match line.get(end) {
                Some(b'\n') => {
                    self.block.begin(end + 1);
                    self.phase = Phase::Fields;
                    return Ok(true);
                }
                Some(_) => return Err(FramingRefusal::BareCr),
                None => {}
            }
        }
        if line.len() >= largest {
            return Err(FramingRefusal::LineTooLong);
        }
        Ok(false)
    }

    /// How many bytes the head takes; none until it is complete.
    pub(crate) const fn length(&self) -> usize {
        match self.phase {
            Phase::Done(length) => length,
            _ => 0,
        }
    }

    /// How the body ends, with what holds when no field says so.
    pub(crate) const fn framing(&self, otherwise: BodyFraming) -> BodyFraming {
        self.announced.framing(otherwise)
    }
}
