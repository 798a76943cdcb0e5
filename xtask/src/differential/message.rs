//! Just enough HTTP to know when a message is over.
//!
//! Owns the count of whole messages in what has come so far, so that the client knows how many
//! answers it has and the origin when to give one. Reads leniently on purpose and judges nothing:
//! judging is for the readers.

/// One whole message at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// Length of its head, with the empty line.
    pub(super) head: usize,
    /// Length of all of it.
    pub(super) len: usize,
}

/// Where the head at the start of `bytes` ends.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|&byte| byte == b'\n') {
        let end = from + at + 1;
        match bytes.get(end..)? {
            [b'\n', ..] => return Some(end + 1),
            [b'\r', b'\n', ..] => return Some(end + 2),
            _ => from = end,
        }
    }
    None
}

/// The values of the fields called `name`, as text.
pub(super) fn values<'h>(head: &'h [u8], name: &str) -> Vec<&'h str> {
    head.split(|&byte| byte == b'\n')
        .skip(1)
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'))
        .filter(|(found, _)| found.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// The request at the start of `bytes`, once it is whole.
pub(super) fn request(bytes: &[u8]) -> Option<Whole> {
    let head = head_end(bytes)?;
    let len = body_end(bytes, head, Some(head))?;
    Some(Whole { head, len })
}

/// The status of the answer at the start of `bytes`; 0 where there is none.
pub(super) fn status(bytes: &[u8]) -> u16 {
    bytes
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .unwrap_or(0)
}

/// The answer at the start of `bytes`, once it is whole. `headless` says that it answers HEAD; one
/// that ends with its connection is whole when `closed`.
pub(super) fn answer(bytes: &[u8], headless: bool, closed: bool) -> Option<Whole> {
    let head = head_end(bytes)?;
    let status = status(bytes);
    let len = if headless || matches!(status, 100..=199 | 204 | 304) {
        head
    } else {
        body_end(bytes, head, closed.then_some(bytes.len()))?
    };
    Some(Whole { head, len })
}

/// The final answers at the start of `bytes`, interim ones among the bytes before each; how many
/// bytes they take in all.
pub(super) fn answers(bytes: &[u8], headless: &[bool], closed: bool) -> (Vec<Whole>, usize) {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let headless = headless.get(found.len()).copied().unwrap_or(false);
        let Some(whole) = answer(rest, headless, closed) else {
            break;
        };
        at += whole.len;
        let interim = matches!(status(rest), 100 | 102..=199);
        if !interim {
            found.push(whole);
        }
    }
    (found, at)
}

/// Where the body behind the head ends; `otherwise` is for a head that does not say.
fn body_end(bytes: &[u8], head: usize, otherwise: Option<usize>) -> Option<usize> {
    let fields = bytes.get(..head)?;
    let chunked = values(fields, "transfer-encoding")
        .iter()
        .any(|value| value.to_ascii_lowercase().contains("chunked"));
    if chunked {
        return chunks_end(bytes, head);
    }
    let Some(length) = values(fields, "content-length").first().copied() else {
        return otherwise;
    };
    let end = head.checked_add(length.parse().ok()?)?;
    (end <= bytes.len()).then_some(end)
}

fn chunks_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let line = bytes.get(at..)?.iter().position(|&byte| byte == b'\n')?;
        let text = std::str::from_utf8(bytes.get(at..at + line)?).ok()?;
        let digits = text.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).ok()?;
        at += line + 1;
        if size == 0 {
            break;
        }
        at = at.checked_add(size)?;
        let end = bytes.get(at..)?.iter().position(|&byte| byte == b'\n')?;
        at += end + 1;
    }
    loop {
        let line = bytes.get(at..)?.iter().position(|&byte| byte == b'\n')?;
        at += line + 1;
        if line <= 1 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_end_where_their_framing_says() {
        for whole in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
        ] {
            let bytes = format!("{whole}GET");
            let found = request(bytes.as_bytes()).map(|whole| whole.len);
            assert_eq!(found, Some(whole.len()), "{whole}");
            let early = whole.as_bytes().get(..whole.len() - 1).unwrap();
            assert_eq!(request(early), None, "{whole}");
        }
    }

    #[test]
    fn interim_answers_are_no_answers() {
        let bytes =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP";
        let (found, at) = answers(bytes, &[], false);
        assert_eq!((found.len(), at), (1, bytes.len() - 4));
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(answers(bytes, &[], false).0.len(), 0);
        assert_eq!(answers(bytes, &[true], false).0.len(), 1);
        let bytes = b"HTTP/1.0 200 OK\r\n\r\nall";
        assert_eq!(answers(bytes, &[], false).0.len(), 0);
        assert_eq!(answers(bytes, &[], true).1, bytes.len());
    }
}
