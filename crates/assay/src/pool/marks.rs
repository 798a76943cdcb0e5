//! Marked bytes, and reading them back.

/// Bytes of one mark.
const MARK: usize = 4;

/// The mark of what nobody asked for.
pub(super) const NOBODY: usize = 999;

/// `length` bytes that say `mark` all over. A body shorter than a mark says it in part.
pub(super) fn body(mark: usize, length: usize) -> Vec<u8> {
    let word = format!("<{mark:03}");
    word.bytes().cycle().take(length).collect()
}

/// Whether these bytes are the front of a body with this mark.
pub(super) fn is_of(mark: usize, bytes: &[u8]) -> bool {
    let word = format!("<{mark:03}");
    debug_assert_eq!(word.len(), MARK);
    bytes
        .iter()
        .copied()
        .eq(word.bytes().cycle().take(bytes.len()))
}

/// A message as far as it has come: its head, and its body without framing.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) whole: bool,
}

impl Message {
    /// The number behind `name` in the head.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        let value = self.head.lines().find_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        })?;
        value.trim().parse().ok()
    }

    pub(super) fn says(&self, text: &str) -> bool {
        self.head.to_ascii_lowercase().contains(text)
    }
}

/// How a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// As its fields say; without any, at once.
    ByFields,
    /// As its fields say; without any, with the connection.
    WithConnection,
    /// Behind its head.
    BehindHead,
}

/// Takes one message off the front of `bytes`. Nothing until its head is whole; a body that has
/// not all come is given as far as it has, and stays.
pub(super) fn message(bytes: &mut Vec<u8>, ends: Ends, at_end: bool) -> Option<Message> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let (text, rest) = bytes.split_at_checked(head)?;
    let mut message = Message {
        head: String::from_utf8_lossy(text).into_owned(),
        body: Vec::new(),
        whole: false,
    };
    let used = if ends == Ends::BehindHead {
        message.whole = true;
        0
    } else if message.says("transfer-encoding: chunked") {
        chunks(rest, &mut message)
    } else {
        let length = message.number("content-length");
        let open = ends == Ends::WithConnection && length.is_none();
        let length = length.unwrap_or(if open { usize::MAX } else { 0 });
        let there = rest.get(..length.min(rest.len())).unwrap_or_default();
        message.body = there.to_vec();
        message.whole = there.len() == length || (open && at_end);
        there.len()
    };
    if message.whole {
        bytes.drain(..head + used);
    }
    Some(message)
}

/// Reads chunks as far as they have come; how many bytes they took.
fn chunks(rest: &[u8], message: &mut Message) -> usize {
    let mut at = 0;
    loop {
        let rest = rest.get(at..).unwrap_or_default();
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return at;
        };
        let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        let Ok(size) = usize::from_str_radix(&line, 16) else {
            return at;
        };
        let data = rest.get(end + 2..).unwrap_or_default();
        let there = data.get(..size.min(data.len())).unwrap_or_default();
        message.body.extend_from_slice(there);
        if data.len() < size + 2 {
            return at;
        }
        at += end + 2 + size + 2;
        if size == 0 {
            message.whole = true;
            return at;
        }
    }
}
