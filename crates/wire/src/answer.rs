//! Answer heads of the upstream, parsed as strictly as requests (RFC 9112 sections 4 and 6).
//!
//! Owns the status line and what the fields of an answer mean, given what was asked. Refuses what a
//! client could read differently, switches nobody asked for, and bodies where none may be. Trusts
//! the upstream no more than a client.

use crate::fields::{Fields, Line, Single, foreign};
use crate::framing::{Announced, BodyFraming};
use crate::head::{HeadLimits, Method, Parsed, Version, version};
use crate::message::{Message, StartLine};
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
}

/// `HTTP/1.1 200 ` is 13 bytes long.
const REASON_START: usize = 13;

/// A status line, and what the fields behind it say of a switch.
#[derive(Debug)]
struct StatusLine {
    phase: Phase,
    at: usize,
    version: Version,
    status: u16,
    reason: Span,
    websocket: bool,
}

impl StartLine for StatusLine {
    const EMPTY: Self = Self {
        phase: Phase::Version,
        at: 0,
        version: Version::Http11,
        status: 0,
        reason: Span::new(0, 0),
        websocket: false,
    };

    fn read(&mut self, line: &[u8]) -> Result<Option<usize>, FramingRefusal> {
        if self.phase == Phase::Version
            && let Some(status) = usual_status(line)
        {
            self.status = status;
            self.at = REASON_START;
            self.phase = Phase::Reason;
        }
        loop {
            if self.phase == Phase::Reason {
                self.at = value_end(line, self.at);
            }
            match (self.phase, line.get(self.at)) {
                (Phase::LineFeed, _) => return Ok(Some(self.at)),
                (_, None) => return Ok(None),
                (Phase::Version, Some(_)) => match version(line)? {
                    None => return Ok(None),
                    Some((version, b' ')) => {
                        self.version = version;
                        self.at = 9;
                        self.phase = Phase::Status;
                    }
                    Some((_, after)) => return Err(foreign(after, FramingRefusal::StatusLine)),
                },
                (Phase::Status, Some(&byte)) => self.end_status(byte)?,
                (Phase::Reason, Some(b'\r')) => {
                    self.reason = Span::new(REASON_START, self.at);
                    self.at += 1;
                    self.phase = Phase::LineFeed;
                }
                (Phase::Reason, Some(&byte)) => {
                    return Err(foreign(byte, FramingRefusal::StatusLine));
                }
            }
        }
    }

    fn version(&self) -> Version {
        self.version
    }

    fn note(&mut self, line: &Line<'_>, _bytes: &[u8]) -> Result<(), FramingRefusal> {
        if line.kind == Name::Upgrade {
            self.websocket = !line.again && line.value.eq_ignore_ascii_case(b"websocket");
        }
        Ok(())
    }
}

/// The status where a line begins as nearly every one does, so that its bytes need not be taken one
/// at a time. Any other beginning is left to the phases.
#[inline]
fn usual_status(line: &[u8]) -> Option<u16> {
    let (version, rest) = line.split_first_chunk::<9>()?;
    let [first @ b'1'..=b'5', second, third, b' '] = rest.first_chunk()? else {
        return None;
    };
    let usual = version == b"HTTP/1.1 " && second.is_ascii_digit() && third.is_ascii_digit();
    let digit = |byte: &u8| u16::from(byte - b'0');
    usual.then(|| 100 * digit(first) + 10 * digit(second) + digit(third))
}

impl StatusLine {
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
}

/// An answer head: offsets into a buffer that the caller owns, reused without allocation.
#[derive(Debug)]
pub struct AnswerHead {
    message: Message<StatusLine>,
    framing: BodyFraming,
}

impl AnswerHead {
    /// A head that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            message: Message::new(),
            framing: BodyFraming::None,
        }
    }

    /// Forgets everything: call before the first byte of each answer, interim answers included.
    pub fn clear(&mut self) {
        self.message.clear();
        self.framing = BodyFraming::None;
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
        let parsed = self.message.parse(bytes, limits)?;
        if let Parsed::Complete { .. } = parsed {
            self.framing = self.judge(asked)?;
        }
        Ok(parsed)
    }

    /// How the body ends (RFC 9112 section 6.3), in the order of that section.
    fn judge(&self, asked: Asked) -> Result<BodyFraming, FramingRefusal> {
        let message = &self.message;
        let status = message.start.status;
        let Announced { length, chunked } = message.announced;
        if status == 101 {
            let whole = asked.upgrade
                && message.start.version == Version::Http11
                && message.start.websocket
                && message.connection.upgrade
                && message.block.has(Name::SecWebSocketAccept);
            if !whole {
                return Err(FramingRefusal::SwitchUnasked);
            }
        }
        if status < 200 || status == 204 {
            // Some frameworks announce an empty body here; only an empty one is read alike by all.
            return if chunked || length.is_some_and(|length| length > 0) {
                Err(FramingRefusal::BodyForbidden)
            } else {
                Ok(BodyFraming::None)
            };
        }
        if status == 304 || asked.method == Method::Head {
            return Ok(BodyFraming::None);
        }
        Ok(message.framing(BodyFraming::UntilClose))
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
        self.head.message.start.status
    }

    /// Reason phrase as received; may be empty.
    #[must_use]
    pub fn reason(&self) -> &'b [u8] {
        self.head.message.start.reason.of(self.bytes)
    }

    /// The status line as received, with its end; none until the head is whole.
    pub(crate) fn line(&self) -> Option<&'b [u8]> {
        let end = self.head.message.start.reason.end as usize + 2;
        let whole = self.head.message.length() > 0;
        whole.then(|| self.bytes.get(..end)).flatten()
    }

    /// Whether another head follows: 1xx other than 101.
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.head.message.start.status < 200 && self.head.message.start.status != 101
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.head.message.start.version
    }

    /// All fields in order.
    #[must_use]
    pub fn fields(&self) -> Fields<'b> {
        self.head.message.block.fields(self.bytes)
    }

    /// Whether a field of that name, other than [`Name::Other`], was sent; costs no walk.
    #[must_use]
    pub const fn has(&self, name: Name) -> bool {
        self.head.message.block.has(name)
    }

    /// Value of the first field of that name.
    #[must_use]
    pub fn value(&self, name: Name) -> Option<&'b [u8]> {
        self.head.message.block.value(self.bytes, name)
    }

    /// Value of the only field of that name.
    #[must_use]
    pub fn single(&self, name: Name) -> Single<'b> {
        self.head.message.block.single(self.bytes, name)
    }

    /// Whether `Connection` lists this name, case and underscores folded: then the field is not
    /// forwarded.
    #[must_use]
    pub fn connection_lists(&self, name: &[u8]) -> bool {
        self.head.message.connection.others
            && self.head.message.block.connection_lists(self.bytes, name)
    }

    /// How the body ends, given what was asked: [`BodyFraming::None`] on 1xx, 204, 304 and HEAD.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.head.framing
    }

    /// The length announced, also where no body follows (304 and HEAD), for passing on.
    #[must_use]
    pub const fn announced_length(&self) -> Option<u64> {
        self.head.message.announced.length
    }

    /// Whether the upstream connection may be used again once the body is read: HTTP/1.1, no
    /// `Connection: close`, a body that ends by itself, no switch.
    ///
    /// Not after HEAD or 304 with a body announced: an upstream that sends it all the same would be
    /// found out only when its bytes, perhaps chosen by a client, stood for the next answer.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        matches!(self.head.message.start.version, Version::Http11)
            && !self.head.message.connection.close
            && !matches!(self.head.framing, BodyFraming::UntilClose)
            && !self.announces_absent_body()
            && self.head.message.start.status != 101
    }

    /// Whether the head announces a body where none follows.
    const fn announces_absent_body(&self) -> bool {
        let Announced { length, chunked } = self.head.message.announced;
        matches!(self.head.framing, BodyFraming::None) && (chunked || matches!(length, Some(1..)))
    }
}
