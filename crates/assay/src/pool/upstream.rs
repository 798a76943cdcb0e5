//! The upstream: does with each request what its step says, and looks at what it gets.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, spawn_local, yield_now},
};

use super::{
    SETTLED, Witness,
    marks::{self, Ends, NOBODY},
    script::{Asks, Behaviour, Script, Step},
};

/// The listening task and those of its connections.
pub(super) struct Origin {
    accepting: JoinHandle<()>,
    connections: Rc<RefCell<Vec<JoinHandle<()>>>>,
}

impl Origin {
    pub(super) fn start(
        listener: &Rc<TcpListener>,
        script: &Rc<Script>,
        witness: &Rc<Witness>,
    ) -> Self {
        let connections = Rc::new(RefCell::new(Vec::new()));
        let (made, listener) = (Rc::clone(&connections), Rc::clone(listener));
        let (script, witness) = (Rc::clone(script), Rc::clone(witness));
        let accepting = spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let served = Connection {
                    stream,
                    received: Vec::new(),
                    script: Rc::clone(&script),
                    witness: Rc::clone(&witness),
                    exchanges: Cell::new(0),
                };
                made.borrow_mut().push(spawn_local(served.serve()));
            }
        });
        Self {
            accepting,
            connections,
        }
    }

    /// Ends everything; how many connections there were.
    pub(super) fn stop(self) -> usize {
        self.accepting.abort();
        let connections = self.connections.borrow();
        for connection in connections.iter() {
            connection.abort();
        }
        connections.len()
    }
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    script: Rc<Script>,
    witness: Rc<Witness>,
    /// Requests answered on it.
    exchanges: Cell<usize>,
}

/// Whether the connection goes on.
type Goes = bool;

impl Connection {
    async fn serve(mut self) {
        while let Some(mark) = self.head().await {
            let Some(step) = self.script.steps.get(mark).copied() else {
                self.witness.fault(format!("request {mark} was never made"));
                return;
            };
            if !self.exchange(mark, &step).await {
                return;
            }
            self.exchanges.set(self.exchanges.get() + 1);
        }
        if !self.received.is_empty() && !self.received.starts_with(b"GET ") {
            self.check_rest();
        }
    }

    /// What is left when the connection ends belongs to one request that was not all sent.
    fn check_rest(&self) {
        let heads = self.received.windows(9).filter(|it| it == b" HTTP/1.1");
        if heads.count() > 1 {
            self.witness
                .fault("two requests were sent and none was read");
        }
    }

    /// Waits until a whole head is there; the mark in it.
    async fn head(&mut self) -> Option<usize> {
        loop {
            let peeked = self.received.windows(4).any(|four| four == b"\r\n\r\n");
            if peeked {
                let text = String::from_utf8_lossy(&self.received).into_owned();
                let target = text.split(' ').nth(1)?;
                let mark = target
                    .strip_prefix("/m/")
                    .and_then(|mark| mark.parse().ok());
                if mark.is_none() {
                    let line: String = text.chars().take(60).collect();
                    self.witness.fault(format!("the upstream got {line:?}"));
                }
                return mark;
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn more(&mut self) -> bool {
        let mut more = [0; 4096];
        match self.stream.read(&mut more).await {
            Ok(count @ 1..) => {
                self.received.extend(more.get(..count).unwrap_or_default());
                true
            }
            _ => false,
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Goes {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads the whole request and looks at its body; false where it broke off.
    async fn request(&mut self, mark: usize, step: &Step) -> Goes {
        loop {
            let Some(message) = marks::message(&mut self.received, Ends::ByFields, false) else {
                return false;
            };
            if !marks::is_of(mark, &message.body) {
                self.witness
                    .fault(format!("the body of {mark} holds another's bytes"));
            }
            if message.whole {
                if message.body.len() != step.length {
                    let length = message.body.len();
                    self.witness
                        .fault(format!("request {mark} came with {length} bytes"));
                }
                if !step.is_whole() && step.length > 0 && step.gives_up != Some(63) {
                    self.witness
                        .fault(format!("request {mark} was completed by somebody"));
                }
                return true;
            }
            if !self.more().await {
                return false;
            }
        }
    }

    async fn exchange(&mut self, mark: usize, step: &Step) -> Goes {
        use Behaviour::{ClosesAtNext, Continue, Early, EarlyClose, Interim, Silent, Storm};
        if let Some(times) = self.witness.arrived.borrow_mut().get_mut(mark) {
            *times += 1;
        }
        let kept = self.exchanges.get() > 0;
        if kept
            && matches!(step.behaviour, Silent | ClosesAtNext)
            && let Some(met) = self.witness.met_closing.borrow_mut().get_mut(mark)
            && !std::mem::replace(met, true)
        {
            // The second time it is answered like any other.
            return false;
        }
        if matches!(step.behaviour, Early | EarlyClose) {
            if !self.send(&answer(mark, step).whole()).await {
                return false;
            }
            return step.behaviour == Early && self.request(mark, step).await;
        }
        let interim = match step.behaviour {
            Continue => "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
            _ if step.asks == Asks::Expects => "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
            Interim => format!("HTTP/1.1 103 \r\nX-Mark: {mark}\r\n\r\n").repeat(3),
            Storm => format!("HTTP/1.1 103 \r\nX-Mark: {mark}\r\n\r\n").repeat(40),
            _ => String::new(),
        };
        if !self.send(interim.as_bytes()).await || !self.request(mark, step).await {
            return false;
        }
        self.answer(mark, step).await
    }

    async fn answer(&mut self, mark: usize, step: &Step) -> Goes {
        use Behaviour::{
            BodyBehindEmpty, ChunkedSurplus, Closes, Cut, CutHead, Dribble, Late, LateSurplus,
            SaysClose, Silent, Surplus, UntilClose,
        };
        let answer = answer(mark, step);
        let whole = answer.whole();
        match step.behaviour {
            Silent => false,
            Cut => {
                let half = answer.head.len() + answer.body.len() / 2;
                self.send(whole.get(..half).unwrap_or_default()).await;
                false
            }
            CutHead => {
                let half = answer.head.len() / 2;
                self.send(whole.get(..half).unwrap_or_default()).await;
                false
            }
            Dribble => {
                for piece in whole.chunks(whole.len() / 7 + 1) {
                    if !self.send(piece).await {
                        return false;
                    }
                    yield_now().await;
                }
                true
            }
            Surplus | ChunkedSurplus | BodyBehindEmpty => {
                self.send(&[whole.as_slice(), &nobody()].concat()).await
            }
            LateSurplus => {
                if !self.send(&whole).await {
                    return false;
                }
                for _ in 0..step.pause {
                    yield_now().await;
                }
                // Behind the next request it would be that request's answer to anybody.
                let mut first = [0];
                match self.stream.try_read(&mut first) {
                    Ok(0) => false,
                    Ok(_) => {
                        self.received.extend(first);
                        true
                    }
                    Err(_) => self.send(&nobody()).await,
                }
            }
            Late => {
                for _ in 0..SETTLED / 2 {
                    yield_now().await;
                }
                self.send(&whole).await
            }
            SaysClose | UntilClose | Closes => {
                self.send(&whole).await;
                false
            }
            _ => self.send(&whole).await,
        }
    }
}

/// An answer as it is sent.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn whole(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

fn answer(mark: usize, step: &Step) -> Answer {
    use Behaviour::{
        BodyBehindEmpty, Chunked, ChunkedSurplus, Empty, SaysClose, TwoLengths, UntilClose,
    };
    let data = marks::body(mark, step.answer);
    let length = data.len();
    let (status, framing, mut body) = match step.behaviour {
        Chunked | ChunkedSurplus => {
            let mut coded = Vec::new();
            for piece in data.chunks(1000) {
                coded.extend(format!("{:x};x\r\n", piece.len()).into_bytes());
                coded.extend(piece);
                coded.extend(b"\r\n");
            }
            coded.extend(b"0\r\nX-Trailer: 1\r\n\r\n");
            ("200 OK", "Transfer-Encoding: chunked\r\n".to_owned(), coded)
        }
        Empty | BodyBehindEmpty => ("204 No Content", String::new(), Vec::new()),
        UntilClose => ("200 OK", String::new(), data),
        SaysClose => {
            let framing = format!("Content-Length: {length}\r\nConnection: close\r\n");
            ("200 OK", framing, data)
        }
        TwoLengths => {
            let framing = format!("Content-Length: {length}\r\n").repeat(2);
            ("200 OK", framing, data)
        }
        _ => ("200 OK", format!("Content-Length: {length}\r\n"), data),
    };
    if step.asks == Asks::Head {
        body.clear();
    }
    Answer {
        head: format!("HTTP/1.1 {status}\r\nX-Mark: {mark}\r\n{framing}\r\n"),
        body,
    }
}

/// An answer nobody asked for.
fn nobody() -> Vec<u8> {
    let body = marks::body(NOBODY, 200);
    let head = format!("HTTP/1.1 200 OK\r\nX-Mark: {NOBODY}\r\nContent-Length: 200\r\n\r\n");
    [head.as_bytes(), &body].concat()
}
