//! One side of a connection read in any division, as the engine reads it: head, body, next head.

use wire::{
    Body, BodyFault, BodyFraming, Buffer, FramingRefusal, HeadLimits, Outgoing, buffer::LARGE,
};

use super::reference::Head;

/// Small limits, so that short inputs reach them too.
const TIGHT: HeadLimits = HeadLimits {
    line: 64,
    block: 220,
    fields: 6,
    http10_without_host: true,
};

/// A request or an answer with its body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) head: Head,
    pub(super) framing: BodyFraming,
    pub(super) keep_alive: bool,
    /// Another answer to the same request follows.
    pub(super) interim: bool,
    pub(super) body: Vec<u8>,
    pub(super) whole: bool,
}

/// How the reading of a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// More may come; this many bytes of a head, or of the data of a body, are there.
    Head(usize),
    Body(usize),
    /// The last message was the last one.
    Closed,
    Refused(FramingRefusal),
}

/// The limits that the first byte of the input asks for.
pub(super) fn limits([first, _]: [u8; 2], usual: HeadLimits) -> HeadLimits {
    if first & 0x80 == 0 { usual } else { TIGHT }
}

/// Reads messages; `head` gives the next one without its body once its head is whole.
pub(super) fn read<'s>(
    pieces: impl Iterator<Item = &'s [u8]>,
    mut head: impl FnMut(&[u8]) -> Result<Option<Seen>, FramingRefusal>,
) -> (Vec<Seen>, End) {
    let (mut input, mut data) = (Buffer::new(), Outgoing::new());
    let mut seen: Vec<Seen> = Vec::new();
    let mut body: Option<Body> = None;
    for piece in pieces {
        input.extend(piece);
        loop {
            let Some(under_way) = &mut body else {
                if input.is_empty() {
                    break;
                }
                let next = match head(input.unread()) {
                    Ok(Some(next)) => next,
                    Ok(None) => break,
                    Err(refusal) => return (seen, End::Refused(refusal)),
                };
                // Data comes out as it is: what is compared is what a receiver makes of it.
                body = Some(Body::new(next.framing, false, u64::MAX));
                input.consume(next.head.length);
                seen.push(next);
                continue;
            };
            let taken = under_way.take(&mut input, &mut data, LARGE);
            let Some(last) = seen.last_mut() else {
                return (seen, End::Closed);
            };
            last.body.extend_from_slice(data.unsent());
            data.clear();
            match taken {
                Ok(()) => {}
                Err(BodyFault::Framing(refusal)) => return (seen, End::Refused(refusal)),
                Err(fault) => panic!("nothing else can be wrong with a body: {fault}"),
            }
            if under_way.is_done() {
                last.whole = true;
                body = None;
                if !last.interim && !last.keep_alive {
                    return (seen, End::Closed);
                }
            } else if input.is_empty() {
                break;
            }
        }
    }
    let end = match (&body, seen.last()) {
        (Some(_), Some(last)) => End::Body(last.body.len()),
        _ => End::Head(input.len()),
    };
    (seen, end)
}

/// Reads `stream` at once, and demands the same of every other division: by two bytes of the input,
/// byte by byte and, for some, in two at every place. `side` makes a reader of heads.
pub(super) fn read_alike<H>(plan: [u8; 2], stream: &[u8], side: impl Fn() -> H) -> (Vec<Seen>, End)
where
    H: FnMut(&[u8]) -> Result<Option<Seen>, FramingRefusal>,
{
    let whole = read(std::iter::once(stream), side());
    assert_eq!(read(divide(plan, stream), side()), whole, "divided");
    assert_eq!(read(stream.chunks(1), side()), whole, "byte by byte");
    for at in every_offset(plan, stream) {
        let (start, rest) = stream.split_at_checked(at).unwrap_or_default();
        let again = read([start, rest].into_iter(), side());
        assert_eq!(again, whole, "divided at {at}");
    }
    whole
}

/// How `stream` is divided, as two bytes of the input say.
fn divide(plan: [u8; 2], stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let [mut size, step] = plan;
    let mut rest = stream;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = usize::from(size % 64 + 1).min(rest.len());
        size = size.wrapping_mul(5).wrapping_add(step);
        let (piece, after) = rest.split_at(length);
        rest = after;
        Some(piece)
    })
}

/// The places at which a short stream is divided in two: each of them for one input in four, for
/// it takes as many readings as there are bytes.
fn every_offset([_, second]: [u8; 2], stream: &[u8]) -> std::ops::Range<usize> {
    let each = second >= 0xc0 && stream.len() <= 256;
    0..if each { stream.len() } else { 0 }
}
