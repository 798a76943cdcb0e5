//! A client: sends its steps on as few connections as it can, and looks at what comes back.

use std::rc::Rc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, split},
    task::yield_now,
};

use super::{
    Witness,
    marks::{self, Ends, Message},
    script::{Asks, Script, Step},
};

/// Most requests sent ahead of their answers.
const AHEAD: usize = 3;

/// Most pieces of a request.
const MOST_PIECES: usize = 32;

/// The request as bytes, and how long its head is.
fn request(mark: usize, step: &Step) -> (Vec<u8>, usize) {
    let method = match step.asks {
        Asks::Get => "GET",
        Asks::Head => "HEAD",
        Asks::Put => "PUT",
        Asks::Post | Asks::Chunked | Asks::Expects => "POST",
    };
    let mut head = format!("{method} /m/{mark} HTTP/1.1\r\nHost: gate.test\r\n");
    match step.asks {
        Asks::Get | Asks::Head => {}
        Asks::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
        Asks::Put | Asks::Post | Asks::Expects => {
            head.push_str(&format!("Content-Length: {}\r\n", step.length));
        }
    }
    if step.asks == Asks::Expects {
        head.push_str("Expect: 100-continue\r\n");
    }
    if step.closes {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    let length = head.len();
    let mut bytes = head.into_bytes();
    let body = marks::body(mark, step.length);
    if step.asks == Asks::Chunked {
        for piece in body.chunks(777) {
            bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            bytes.extend(piece);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
    } else {
        bytes.extend(body);
    }
    (bytes, length)
}

/// A connection to the gate, with the requests that wait for their answer.
struct Open {
    reader: ReadHalf<DuplexStream>,
    writer: WriteHalf<DuplexStream>,
    received: Vec<u8>,
    ended: bool,
    /// Marks of requests in the order in which they were sent.
    waiting: Vec<usize>,
}

impl Open {
    fn new(stream: DuplexStream) -> Self {
        let (reader, writer) = split(stream);
        Self {
            reader,
            writer,
            received: Vec::new(),
            ended: false,
            waiting: Vec::new(),
        }
    }

    /// Sends `bytes` in pieces; false once the gate takes no more.
    async fn send(&mut self, bytes: &[u8], piece: usize) -> bool {
        // Many small pieces say no more than some: each costs a turn of everybody.
        for piece in bytes.chunks(piece.max(bytes.len() / MOST_PIECES + 1)) {
            // The gate may answer before it has read all of this: both directions at once.
            let mut rest = piece;
            while !rest.is_empty() {
                let mut more = [0; 4096];
                tokio::select! {
                    biased;
                    written = self.writer.write(rest) => match written {
                        Ok(count @ 1..) => rest = rest.get(count..).unwrap_or_default(),
                        _ => return false,
                    },
                    read = self.reader.read(&mut more), if !self.ended => match read {
                        Ok(count @ 1..) => {
                            self.received.extend(more.get(..count).unwrap_or_default());
                        }
                        _ => self.ended = true,
                    },
                }
            }
            yield_now().await;
        }
        true
    }

    /// Receives more; false at the end.
    async fn receive(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let mut more = [0; 4096];
        match self.reader.read(&mut more).await {
            Ok(count @ 1..) => {
                self.received.extend(more.get(..count).unwrap_or_default());
                true
            }
            _ => {
                self.ended = true;
                false
            }
        }
    }
}

pub(super) async fn run(
    number: usize,
    script: Rc<Script>,
    witness: Rc<Witness>,
    open: impl Fn() -> DuplexStream,
) {
    let mut connection: Option<Open> = None;
    for (mark, step) in script.steps.iter().enumerate() {
        if step.client != number {
            continue;
        }
        for _ in 0..step.pause {
            yield_now().await;
        }
        let mut now = connection.take().unwrap_or_else(|| Open::new(open()));
        now.waiting.push(mark);
        let (bytes, head) = request(mark, step);
        let upto = step
            .gives_up
            .map_or(bytes.len(), |at| bytes.len() * at / 64);
        let (front, back) = bytes.split_at_checked(upto.min(head)).unwrap_or_default();
        let mut sent = now.send(front, step.piece).await;
        if step.asks == Asks::Expects && upto > head && sent {
            sent = go_ahead(&mut now, &script, &witness).await;
        }
        let back = back.get(..upto.saturating_sub(head)).unwrap_or_default();
        sent = sent && now.send(back, step.piece).await;
        if !step.is_whole() {
            if step.half && now.writer.shutdown().await.is_ok() {
                drain(&mut now, &script, &witness).await;
            }
            // Otherwise dropped: both directions close at once.
            continue;
        }
        if sent && step.pipelined && !step.closes && now.waiting.len() < AHEAD {
            connection = Some(now);
            continue;
        }
        if drain(&mut now, &script, &witness).await {
            connection = Some(now);
        }
    }
    if let Some(mut now) = connection {
        drain(&mut now, &script, &witness).await;
    }
}

/// Waits for 100 Continue behind the answers that are due before it; false where the last request
/// got its final answer instead, so that its body must not be sent.
async fn go_ahead(now: &mut Open, script: &Script, witness: &Witness) -> bool {
    loop {
        while let Some(message) = take(now, script) {
            if !message.whole {
                break;
            }
            if message.head.starts_with("HTTP/1.1 100 ") && now.waiting.len() == 1 {
                return true;
            }
            if !judge(now, script, witness, &message) {
                return false;
            }
        }
        if now.waiting.is_empty() || !now.receive().await {
            return false;
        }
    }
}

/// Reads every answer that is due; whether the connection goes on.
async fn drain(now: &mut Open, script: &Script, witness: &Witness) -> bool {
    loop {
        if now.waiting.is_empty() {
            if !now.received.is_empty() {
                let text = now.received.escape_ascii().to_string();
                witness.fault(format!("a client got more than its answers: {text}"));
            }
            return !now.ended;
        }
        match take(now, script) {
            Some(message) if message.whole => {
                if !judge(now, script, witness, &message) {
                    return false;
                }
            }
            partial => {
                if !now.receive().await {
                    if let Some(partial) = partial {
                        judge(now, script, witness, &partial);
                    }
                    // Closed: a message that ends with its connection is whole only now.
                    if let Some(last) = take(now, script).filter(|last| last.whole) {
                        judge(now, script, witness, &last);
                    }
                    return false;
                }
            }
        }
    }
}

/// The next message, as far as it has come.
fn take(now: &mut Open, script: &Script) -> Option<Message> {
    let mark = *now.waiting.first()?;
    let interim = now.received.starts_with(b"HTTP/1.1 1");
    let bodiless = now.received.starts_with(b"HTTP/1.1 204");
    let head = script
        .steps
        .get(mark)
        .is_some_and(|step| step.asks == Asks::Head);
    let ends = if interim || bodiless || head {
        Ends::BehindHead
    } else {
        Ends::WithConnection
    };
    marks::message(&mut now.received, ends, now.ended)
}

/// Looks at an answer, whole or broken off; whether the connection goes on.
fn judge(now: &mut Open, script: &Script, witness: &Witness, message: &Message) -> bool {
    let Some(&mark) = now.waiting.first() else {
        return false;
    };
    let marked = message.number("x-mark");
    if let Some(other) = marked.filter(|other| *other != mark) {
        witness.fault(format!("request {mark} got the answer of {other}"));
    }
    if message.head.starts_with("HTTP/1.1 1") {
        return true;
    }
    if message.whole {
        now.waiting.remove(0);
    }
    let Some(step) = script.steps.get(mark) else {
        return false;
    };
    if marked.is_some() {
        if !marks::is_of(mark, &message.body) {
            witness.fault(format!("request {mark} got a body of another"));
        }
        let empty = step.asks == Asks::Head || message.head.starts_with("HTTP/1.1 204");
        if message.whole {
            witness.answered.set(witness.answered.get() + 1);
            let expected = if empty { 0 } else { step.answer };
            if message.body.len() != expected && !step.may_shrink() {
                let length = message.body.len();
                witness.fault(format!(
                    "request {mark} got {length} of {expected} bytes as whole"
                ));
            }
        }
    } else {
        if message.whole {
            witness.refused.set(witness.refused.get() + 1);
        }
        if message.head.starts_with("HTTP/1.1 2") {
            witness.fault(format!("request {mark} got an answer of nobody"));
        }
    }
    message.whole && !message.says("connection: close")
}

impl Step {
    /// Whether a body cut off at the upstream looks whole to everybody behind it.
    fn may_shrink(&self) -> bool {
        use super::script::Behaviour::{Early, EarlyClose};
        matches!(self.behaviour, Early | EarlyClose)
    }
}
