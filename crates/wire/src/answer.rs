//! Answer heads of the upstream, parsed as strictly as requests (RFC 9112 sections 4 and 6).
//!
//! Owns the status line and what the fields of an answer mean, given what was asked. Refuses what a
//! client could read differently, switches nobody asked for, and bodies where none may be. Trusts
//! the upstream no more than a client.

use crate::connection::ConnectionOptions;
use crate::fields::{Block, Fields, Single, foreign};
use crate::framing::{Announced, BodyFraming};
use crate::head::{HeadLimits, Method, Parsed, Version, version};
use crate::names::Name;
use crate::refusal::FramingRefusal;
use crate::scan::{Span, value_end};

/// What was asked, which decides what an answer may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Method of the request.
    pub method: Method,
    /// Whether the request was a WebSocket handshake, so that 101 is a possible answer.
    pub upgrade: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Version,
    Status,
    Reason,
    LineFeed,
    Fields,
    Done(usize),
}

/// `HTTP/1.1 200 ` is 13 bytes long.
const REASON_START: usize = 13;

/// An answer head: offsets into a buffer that the caller owns, reused without allocation.
#[derive(Debug)]
pub struct AnswerHead {
    phase: Phase,
    at: usize,
    version: Version,
    status: u16,
    reason: Span,
    announced: Announced,
    connection: ConnectionOptions,
    websocket: bool,
    framing: BodyFraming,
    block: Block,
}

impl AnswerHead {
    /// A head that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Version,
            at: 0,
            version: Version::Http11,
            status: 0,
            reason: Span::new(0, 0),
            announced: Announced {
                length: None,
                chunked: false,
            },
            connection: ConnectionOptions::NONE,
            websocket: false,
            framing: BodyFraming::None,
            block: Block::new(),
        }
    }

    /// Forgets everything: call before the first byte of each answer, interim answers included.
    pub fn clear(&mut self) {
        self.phase = Phase::Version;
        self.at = 0;
        self.version = Version::Http11;
        self.status = 0;
        self.reason = Span::new(0, 0);
        self.announced = Announced::default();
        self.connection = ConnectionOptions::NONE;
        self.websocket = false;
        self.framing = BodyFraming::None;
        self.block.begin(0);
    }

    /// Reads on; as [`crate::RequestHead::parse`]. `asked` must be the same on every call.
    ///
    /// # Errors
    ///
    /// The first thing wrong; the upstream connection must be closed and nothing of it forwarded.
    #[cfg_attr(feature = "profile", inline(never))]
    pub fn parse(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
        asked: Asked,
    ) -> Result<Parsed, FramingRefusal> {
        if !matches!(self.phase, Phase::Fields | Phase::Done(_)) && !self.line(bytes, limits)? {
            return Ok(Parsed::Incomplete);
        }
        if let Phase::Done(len) = self.phase {
            return Ok(Parsed::Complete { len });
        }
        let Self {
            block,
            announced,
            connection,
            websocket,
            version,
            ..
        } = self;
        let parsed = block.advance(bytes, limits, |line| match line.kind {
            Name::ContentLength | Name::TransferEncoding => announced.note(line, *version),
            Name::Connection => connection.note(line.value),
            Name::Upgrade => {
                *websocket = !line.again && line.value.eq_ignore_ascii_case(b"websocket");
                Ok(())
            }
            _ => Ok(()),
        })?;
        if let Parsed::Complete { len } = parsed {
            self.framing = self.judge(asked)?;
            self.phase = Phase::Done(len);
        }
        Ok(parsed)
    }

    /// Reads the status line; true once it is whole.
    fn line(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<bool, FramingRefusal> {
        let largest = limits.line as usize;
        let line = bytes.get(..largest).unwrap_or(bytes);
        loop {
            if self.phase == Phase::Reason {
                self.at = value_end(line, self.at);
            }
            let Some(&byte) = line.get(self.at) else {
                break;
            };
            match self.phase {
                Phase::Version => {
                    let Some((version, after)) = version(line)? else {
                        break;
                    };
                    if after != b' ' {
                        return Err(foreign(after, FramingRefusal::StatusLine));
                    }
                    self.version = version;
                    self.at = 9;
                    self.phase = Phase::Status;
                }
                Phase::Status => self.end_status(byte)?,
                Phase::Reason => {
                    if byte != b'\r' {
                        return Err(foreign(byte, FramingRefusal::StatusLine));
                    }
                    self.reason = Span::new(REASON_START, self.at);
                    self.at += 1;
                    self.phase = Phase::LineFeed;
                }
                Phase::LineFeed => {
                    if byte != b'\n' {
                        return Err(FramingRefusal::BareCr);
                    }
                    self.block.begin(self.at + 1);
                    self.phase = Phase::Fields;
                    return Ok(true);
                }
                Phase::Fields | Phase::Done(_) => return Ok(true),
            }
        }
        if line.len() >= largest {
            return Err(FramingRefusal::LineTooLong);
        }
        Ok(false)
    }

    /// Takes one byte of the three digits and the space after them, which must stand there even
    /// before an empty reason.
    fn end_status(&mut self, byte: u8) -> Result<(), FramingRefusal> {
        let place = self.at + 4 - REASON_START;
        let fits = match place {
            0 => matches!(byte, b'1'..=b'5'),
            1 | 2 => byte.is_ascii_digit(),
            _ => byte == b' ',
        };
        if !fits {
            return Err(match byte {
                b'\r' => FramingRefusal::StatusLine,
                _ => foreign(byte, FramingRefusal::StatusLine),
            });
        }
        self.at += 1;
        if place < 3 {
            self.status = self.status * 10 + u16::from(byte - b'0');
        } else {
            self.phase = Phase::Reason;
        }
        Ok(())
    }

    /// How the body ends (RFC 9112 section 6.3), in the order of that section.
    fn judge(&self, asked: Asked) -> Result<BodyFraming, FramingRefusal> {
        let Announced { length, chunked } = self.announced;
        if self.status == 101 {
            let whole = asked.upgrade
                && self.version == Version::Http11
                && self.websocket
                && self.connection.upgrade
                && self.block.has(Name::SecWebSocketAccept);
            if !whole {
                return Err(FramingRefusal::SwitchUnasked);
            }
        }
        if self.status < 200 || self.status == 204 {
            // Some frameworks announce an empty body here; only an empty one is read alike by all.
            return if chunked || length.is_some_and(|length| length > 0) {
                Err(FramingRefusal::BodyForbidden)
            } else {
                Ok(BodyFraming::None)
            };
        }
        if self.status == 304 || asked.method == Method::Head {
            return Ok(BodyFraming::None);
        }
        Ok(self.announced.framing(BodyFraming::UntilClose))
    }

    /// The parsed head together with its bytes. Only meaningful after [`Parsed::Complete`].
    #[must_use]
    pub const fn answer<'b>(&'b self, bytes: &'b [u8]) -> Answer<'b> {
        Answer { head: self, bytes }
    }
}

impl Default for AnswerHead {
    fn default() -> Self {
        Self::new()
    }
}

/// A parsed answer head and the bytes it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'b> {
    head: &'b AnswerHead,
    bytes: &'b [u8],
}

impl<'b> Answer<'b> {
    /// Status code, 100 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// Reason phrase as received; may be empty.
    #[must_use]
    pub fn reason(&self) -> &'b [u8] {
        self.head.reason.of(self.bytes)
    }

    /// Whether another head follows: 1xx other than 101.
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.head.status < 200 && self.head.status != 101
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.head.version
    }

    /// All fields in order.
    #[must_use]
    pub fn fields(&self) -> Fields<'b> {
        self.head.block.fields(self.bytes)
    }

    /// Whether a field of that name, other than [`Name::Other`], was sent; costs no walk.
    #[must_use]
    pub const fn has(&self, name: Name) -> bool {
        self.head.block.has(name)
    }

    /// Value of the first field of that name.
    #[must_use]
    pub fn value(&self, name: Name) -> Option<&'b [u8]> {
        self.head.block.value(self.bytes, name)
    }

    /// Value of the only field of that name.
    #[must_use]
    pub fn single(&self, name: Name) -> Single<'b> {
        self.head.block.single(self.bytes, name)
    }

    /// Whether `Connection` lists this name, case and underscores folded: then the field is not
    /// forwarded.
    #[must_use]
    pub fn connection_lists(&self, name: &[u8]) -> bool {
        self.head.connection.others && self.head.block.connection_lists(self.bytes, name)
    }

    /// How the body ends, given what was asked: [`BodyFraming::None`] on 1xx, 204, 304 and HEAD.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.head.framing
    }

    /// The length announced, also where no body follows (304 and HEAD), for passing on.
    #[must_use]
    pub const fn announced_length(&self) -> Option<u64> {
        self.head.announced.length
    }

    /// Whether the upstream connection may be used again once the body is read: HTTP/1.1, no
    /// `Connection: close`, a body that ends by itself, no switch.
    ///
    /// Not after HEAD or 304 with a body announced: an upstream that sends it all the same would be
    /// found out only when its bytes, perhaps chosen by a client, stood for the next answer.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        matches!(self.head.version, Version::Http11)
            && !self.head.connection.close
            && !matches!(self.head.framing, BodyFraming::UntilClose)
            && !self.announces_absent_body()
            && self.head.status != 101
    }

    /// Whether the head announces a body where none follows.
    const fn announces_absent_body(&self) -> bool {
        let Announced { length, chunked } = self.head.announced;
        matches!(self.head.framing, BodyFraming::None) && (chunked || matches!(length, Some(1..)))
    }
}
