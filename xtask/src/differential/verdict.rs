//! What became of a shape, and whether that is what must become of it.
//!
//! Owns the comparison with what the shape demands, byte by byte, and the short words for what
//! other servers did. Refuses nothing and excuses nothing: each fault is a sentence.

use super::{
    client::{End, Heard},
    message,
    readers::{Kind, Reading, Sample},
    shape::{self, Expect, Shape, Upstream},
};

/// What one server did with one shape.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) heard: Heard,
    /// What the origin was sent, connection by connection.
    pub(super) upstream: Vec<Vec<u8>>,
}

/// One answer that the client heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: u16,
    /// Whether it is a refusal of Vouchsafe's own.
    pub(super) own: bool,
}

impl Seen {
    /// The final answers, and whether bytes are left over.
    pub(super) fn said(&self) -> (Vec<Said>, bool) {
        let bytes = &self.heard.bytes;
        let closed = self.heard.end != End::Open;
        let (whole, _) = message::answers(bytes, &self.heard.headless, closed);
        let (mut at, mut said) = (0, Vec::new());
        // Interim answers lie between: they are walked again, one by one.
        while said.len() < whole.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let headless = self.heard.headless.get(said.len()).copied();
            let Some(one) = message::answer(rest, headless.unwrap_or(false), closed) else {
                break;
            };
            at += one.len;
            let status = message::status(rest);
            if matches!(status, 100 | 102..=199) {
                continue;
            }
            let head = rest.get(..one.head).unwrap_or_default();
            let body = rest.get(one.head..one.len).unwrap_or_default();
            let own = message::values(head, "cache-control") == ["no-store"]
                && (body.starts_with(b"{\"error\":") || body.is_empty())
                && !message::values(head, "x-request-id").is_empty();
            said.push(Said { status, own });
        }
        (said, at < bytes.len())
    }

    /// What readers are asked about: each upstream connection, and what the client was sent.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let methods = self.heard.headless.iter().map(|&headless| {
            let method = if headless { "HEAD" } else { "GET" };
            method.to_owned()
        });
        let down = Sample {
            kind: Kind::Answer,
            bytes: self.heard.bytes.clone(),
            methods: methods.collect(),
        };
        let up = self.upstream.iter().map(|bytes| Sample {
            kind: Kind::Request,
            bytes: bytes.clone(),
            methods: Vec::new(),
        });
        std::iter::once(down).chain(up).collect()
    }
}

/// Everything in which Vouchsafe did not do what the shape demands.
pub(super) fn faults(shape: &Shape, host: &str, seen: &Seen) -> Vec<String> {
    let mut faults = Vec::new();
    let (said, left) = seen.said();
    let mut heard = said.iter();
    for (at, expect) in shape.expect.iter().enumerate() {
        let place = format!("answer {}", at + 1);
        match (expect, heard.as_slice().first()) {
            (Expect::Answer(status), Some(said)) if said.status == *status && !said.own => {}
            (Expect::Refused { status, .. } | Expect::Hidden(status), Some(said))
                if said.status == *status && said.own => {}
            (Expect::Cut { .. }, None) if left => continue,
            (Expect::Cut { .. }, _) => {
                faults.push(format!("{place} did not break off"));
                continue;
            }
            (Expect::Silence | Expect::Left { .. }, None) if !left => continue,
            (Expect::Silence | Expect::Left { .. }, _) => {
                faults.push(format!("{place} was not silence"));
                continue;
            }
            (expected, Some(said)) => {
                faults.push(format!("{place} was {said:?}, not {expected:?}"));
            }
            (expected, None) => faults.push(format!("{place} never came: {expected:?}")),
        }
        heard.next();
    }
    if heard.len() > 0 {
        faults.push(format!("{} answers more than expected", heard.len()));
    }
    if left && !shape.expect.iter().any(Expect::is_cut) {
        faults.push("bytes follow the last answer".to_owned());
    }
    match seen.heard.end {
        End::Closed => {}
        End::Reset if shape.expect.iter().any(Expect::may_reset) => {}
        End::Reset => faults.push("the connection was reset".to_owned()),
        End::Open => faults.push("the connection was left open".to_owned()),
    }
    faults.extend(upstream(shape, host, seen));
    match shape.expected_client() {
        Ok(Some(expected)) => {
            let sent = shape::normal(&seen.heard.bytes);
            if sent != expected {
                faults.push(format!("the client was sent {}", show(&sent)));
            }
        }
        Ok(None) => {}
        Err(fault) => faults.push(fault),
    }
    faults
}

fn upstream(shape: &Shape, host: &str, seen: &Seen) -> Option<String> {
    let expected = match shape.expected_upstream(host) {
        Ok(expected) => expected,
        Err(fault) => return Some(fault),
    };
    let sent: Vec<Vec<u8>> = seen
        .upstream
        .iter()
        .map(|bytes| shape::normal(bytes))
        .collect();
    let right = match (&shape.upstream, expected.as_slice(), sent.as_slice()) {
        (Upstream::Exactly(_), expected, sent) => expected == sent,
        (Upstream::UpTo(_), _, []) => true,
        (Upstream::UpTo(_), [most], [sent]) => most.starts_with(sent),
        _ => false,
    };
    (!right).then(|| {
        let shown: Vec<String> = sent.iter().map(|bytes| show(bytes)).collect();
        format!("the origin was sent [{}]", shown.join("] ["))
    })
}

/// The words for what another server did. `readings` are those of what it sent upstream.
pub(super) fn word(seen: &Seen, readings: &[Reading]) -> String {
    let (said, left) = seen.said();
    let mut words = forwarded(readings);
    if readings.iter().any(|reading| reading.end == "incomplete") {
        words.push("forwarded a part".to_owned());
    }
    let statuses: Vec<String> = said.iter().map(|said| said.status.to_string()).collect();
    if !statuses.is_empty() {
        words.push(statuses.join(", "));
    }
    if left {
        words.push("more bytes".to_owned());
    }
    match seen.heard.end {
        End::Open => words.push("left open".to_owned()),
        End::Reset => words.push("reset".to_owned()),
        End::Closed if said.is_empty() => words.push("closed".to_owned()),
        End::Closed => {}
    }
    words.join("; ")
}

/// The words for what Vouchsafe did: reasons beside its own statuses, and nothing that depends on
/// how bytes were divided on their way.
pub(super) fn word_of_ours(shape: &Shape, seen: &Seen, readings: &[Reading]) -> String {
    let mut words = forwarded(readings);
    let (said, _) = seen.said();
    let mut said = said.iter();
    for expect in &shape.expect {
        words.push(match (expect, said.next()) {
            (Expect::Refused { status, reason }, Some(said)) if said.status == *status => {
                format!("{status} {reason}")
            }
            (Expect::Hidden(status), Some(said)) if said.status == *status => {
                format!("{status} without the application's words")
            }
            (Expect::Cut { reason }, None) => format!("cut off, {reason}"),
            (_, None) => "closed".to_owned(),
            (_, Some(said)) => said.status.to_string(),
        });
    }
    words.join("; ")
}

fn forwarded(readings: &[Reading]) -> Vec<String> {
    let requests: Vec<String> = readings
        .iter()
        .flat_map(|reading| &reading.messages)
        .map(|message| match message.body.len() / 2 {
            0 => format!("`{}`", message.start),
            bytes => format!("`{}` with {bytes} B", message.start),
        })
        .collect();
    let mut words = Vec::new();
    if !requests.is_empty() {
        words.push(format!("forwarded {}", requests.join(", ")));
    }
    if readings.iter().any(Reading::refused) {
        words.push("forwarded what httparse refuses".to_owned());
    }
    words
}

/// Bytes as a script would say them, shortened.
pub(super) fn show(bytes: &[u8]) -> String {
    const MOST: usize = 900;
    let mut text: String = bytes.iter().take(MOST).map(|&byte| escape(byte)).collect();
    if bytes.len() > MOST {
        text += &format!("… ({} bytes)", bytes.len());
    }
    text
}

fn escape(byte: u8) -> String {
    match byte {
        b'\r' => r"\r".to_owned(),
        b'\n' => r"\n".to_owned(),
        b'\t' => r"\t".to_owned(),
        b'\\' => r"\\".to_owned(),
        0x20..=0x7e => char::from(byte).to_string(),
        _ => format!(r"\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const REFUSED: &str = "HTTP/1.1 400 \r\nCache-Control: no-store\r\nContent-Length: 11\r\n\
                           X-Request-Id: 0\r\n\r\n{\"error\":1}";

    fn shape(id: &str) -> Shape {
        let groups = shape::all().unwrap();
        let mut shapes = groups.into_iter().flat_map(|group| group.shapes);
        shapes.find(|shape| shape.id == id).unwrap()
    }

    fn seen(bytes: &str, upstream: &[&str]) -> Seen {
        Seen {
            heard: Heard {
                bytes: bytes.into(),
                end: End::Closed,
                headless: vec![false],
            },
            upstream: upstream.iter().map(|&bytes| bytes.into()).collect(),
        }
    }

    /// What must arrive upstream for a shape, with an id of a real length.
    fn right(shape: &Shape) -> String {
        let bytes = shape.expected_upstream("h").unwrap().concat();
        let id = format!("X-Request-Id: {}", "0123456789abcdef".repeat(2));
        String::from_utf8(bytes)
            .unwrap()
            .replace("X-Request-Id: ID", &id)
    }

    #[test]
    fn what_a_shape_demands_has_no_fault_and_everything_else_has_one() {
        let forwarded = shape("cl");
        let right = right(&forwarded);
        let faults = |seen: &Seen| faults(&forwarded, "h", seen);
        assert!(faults(&seen(OK, &[&right])).is_empty());
        let other = right.replace("hello", "hellx");
        let twice = [OK, OK].concat();
        let more = [OK, "H"].concat();
        for wrong in [
            seen(REFUSED, &[&right]),
            seen("", &[&right]),
            seen(&twice, &[&right]),
            seen(&more, &[&right]),
            seen(OK, &[]),
            seen(OK, &[&other]),
            seen(OK, &[&right, &right]),
        ] {
            assert!(!faults(&wrong).is_empty(), "{wrong:?}");
        }
        let mut open = seen(OK, &[&right]);
        open.heard.end = End::Open;
        assert!(!faults(&open).is_empty());
    }

    #[test]
    fn a_refusal_is_the_gates_own_and_leaves_nothing_upstream() {
        let refused = shape("cl-te");
        assert!(faults(&refused, "h", &seen(REFUSED, &[])).is_empty());
        let of_the_app = "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n";
        for wrong in [
            seen(of_the_app, &[]),
            seen(OK, &[]),
            seen(REFUSED, &["GET / HTTP/1.1\r\n\r\n"]),
        ] {
            assert!(!faults(&refused, "h", &wrong).is_empty(), "{wrong:?}");
        }
    }

    #[test]
    fn an_error_that_is_hidden_shows_nothing_of_the_application() {
        let hidden = shape("answer-500");
        let upstream = right(&hidden);
        let faults = |bytes: &str| {
            let mut seen = seen(&[bytes, OK].concat(), &[&upstream]);
            seen.heard.headless = vec![false, false];
            faults(&hidden, "h", &seen)
        };
        let own = REFUSED.replace("400", "500");
        assert_eq!(faults(&own), Vec::<String>::new());
        assert!(!faults("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nok").is_empty());
        assert!(!faults(REFUSED).is_empty());
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_answer() {
        let cut = shape("answer-short");
        let upstream = right(&cut);
        let begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort";
        assert!(faults(&cut, "h", &seen(begun, &[&upstream])).is_empty());
        assert!(!faults(&cut, "h", &seen(OK, &[&upstream])).is_empty());
    }
}
