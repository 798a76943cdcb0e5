//! One connection from a client, from its first byte to its last.
//!
//! Owns the loop that reads a head, lets the stages judge it and sees it answered, request after
//! request in the order they came. Refuses to read on after anything whose end is not certain.
//! Trusts the stages for every decision.

use std::{mem, rc::Rc, time::Duration};

use control::Refusal;
use tokio::time::Instant;
use wire::{
    AnswerHead, Body, BodyFraming, Deadline, HeadLimits, Link, Method, Name, Outgoing, Parsed,
    Request, RequestHead, Single, Version, buffer,
};

use super::{
    berth::Berth,
    forward::body_times,
    held::Origin,
    kit::{Buffers, Kit},
    local::{Local, Seat},
    refusals,
    reset::Client,
};
use crate::{
    core::CurrentSite,
    metrics::Metric,
    site::limits::Limits,
    stages::{self, HeadDecision, OwnAnswer, Peer, forward, framing, record, response},
};

/// How long the last bytes of a closing connection are waited for.
const LINGER: Duration = Duration::from_secs(2);

/// The most of them that are read.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// What happens to the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next request is read.
    Again,
    /// The answer is whole and the last one.
    Close,
    /// Both sides have ended what they had to say.
    Leave,
    /// The answer broke off: nothing may make it look whole.
    Abort,
}

/// What the engine needs of a request after its head is gone from the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) framing: BodyFraming,
    pub(super) keep_alive: bool,
    pub(super) expects: bool,
    pub(super) upgrade: bool,
    /// What an app must answer to this WebSocket handshake.
    pub(super) accept: Option<[u8; ACCEPT_LENGTH]>,
}

/// Length of the value of `Sec-WebSocket-Accept`.
const ACCEPT_LENGTH: usize = 28;

/// What an app must answer to a WebSocket handshake with this key (RFC 6455, section 4.2.2).
fn accept(key: &[u8]) -> Option<[u8; ACCEPT_LENGTH]> {
    const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest = seal::sha1_without_security(&[key, MAGIC]);
    seal::encode::base64(&digest).into_bytes().try_into().ok()
}

impl Facts {
    fn of(request: &Request<'_>) -> Self {
        let accept = match request.single(Name::SecWebSocketKey) {
            Single::One(key) if request.is_websocket() => accept(key),
            _ => None,
        };
        Self {
            method: request.method(),
            version: request.version(),
            framing: request.framing(),
            keep_alive: request.keep_alive(),
            expects: request.expects_continue(),
            upgrade: request.is_websocket(),
            accept,
        }
    }
}

/// What became of a wait for a head.
enum Arrived {
    /// It takes this many bytes of the input.
    Head(usize),
    Refused(Refusal),
    /// The client left, or was idle for too long.
    Ended,
}

/// Serves a connection to its end.
pub(crate) async fn serve<S: Client>(
    local: Rc<Local>,
    seat: Seat,
    peer: Peer,
    stream: S,
    deadline: Deadline,
) {
    let kept = Rc::clone(&local);
    let mut kit = kept.kits.take();
    Connection::new(local, seat, peer, stream, deadline, &mut kit)
        .serve()
        .await;
    kept.kits.give_back(kit);
}

/// A connection being served.
pub(super) struct Connection<'k, S: Client> {
    pub(super) local: Rc<Local>,
    pub(super) seat: Seat,
    pub(super) peer: Peer,
    pub(super) client: Link<S>,
    pub(super) deadline: Deadline,
    pub(super) request: &'k mut RequestHead,
    pub(super) answer: &'k mut AnswerHead,
    /// Where the upstream head is written before there is a connection to send it on.
    pub(super) upward: Outgoing,
    /// Where the buffers go when it ends.
    buffers: &'k mut Buffers,
    /// When the last exchange ended, where that was asked for already.
    pub(super) ended: Option<Instant>,
    /// Whether an end now would cut nothing off.
    orderly: bool,
}

/// However a connection ends, by a panic too: an answer under way never looks whole.
impl<S: Client> Drop for Connection<'_, S> {
    fn drop(&mut self) {
        *self.buffers = Buffers {
            input: mem::take(&mut self.client.input),
            output: mem::take(&mut self.client.output),
            upward: mem::take(&mut self.upward),
        };
        if !self.orderly {
            self.client.stream.reset_on_close();
        }
        if std::thread::panicking() {
            let core = &self.local.core;
            core.counters().add(Metric::Panics, 1);
            // What fell over while it served a request is the end of that request.
            if !core.books.told_defect() {
                let answer = framing::refuse(core, &core.site(), &self.peer, refusals::DEFECT);
                record::finish_own(core, answer, 0);
            }
        }
    }
}

impl<'k, S: Client> Connection<'k, S> {
    /// A connection that works with `kit`, which has seen nothing.
    fn new(
        local: Rc<Local>,
        seat: Seat,
        peer: Peer,
        stream: S,
        deadline: Deadline,
        kit: &'k mut Kit,
    ) -> Self {
        let Kit {
            request,
            answer,
            buffers,
        } = kit;
        let mut client = Link::new(stream);
        client.input = mem::take(&mut buffers.input);
        client.output = mem::take(&mut buffers.output);
        Self {
            local,
            seat,
            peer,
            client,
            deadline,
            request,
            answer,
            upward: mem::take(&mut buffers.upward),
            buffers,
            ended: None,
            orderly: true,
        }
    }

    /// Serves requests until the connection ends.
    async fn serve(mut self) {
        let mut first = true;
        loop {
            let site = self.local.core.site();
            let arrived = self.head(site.limits(), first).await;
            self.orderly = matches!(arrived, Arrived::Ended);
            // Taken once the head is here: a reload while the connection was idle governs it.
            let site = self.local.core.site();
            let next = match arrived {
                Arrived::Ended => return,
                Arrived::Refused(refusal) => {
                    let answer = framing::refuse(&self.local.core, &site, &self.peer, refusal);
                    self.own_answer(answer, false, 0).await
                }
                Arrived::Head(len) => self.judge(&site, len).await,
            };
            match next {
                Next::Again => (first, self.orderly) = (false, true),
                Next::Close => return self.close().await,
                Next::Leave => return self.orderly = true,
                Next::Abort => return,
            }
        }
    }

    /// Waits for a whole head.
    async fn head(&mut self, limits: &Limits, first: bool) -> Arrived {
        let head_limits = head_limits(limits);
        let cap = head_limits.largest();
        let ended = self.ended.take();
        self.request.clear();
        self.upward.clear();
        if self.client.input.is_empty() {
            self.client.input.shrink();
            self.client.output.shrink();
            if self.local.draining() && !first {
                return Arrived::Ended;
            }
            let wait = if first {
                limits.header_time
            } else {
                limits.keep_alive
            };
            let from = ended.unwrap_or_else(Instant::now);
            self.deadline.set(from + wait);
            self.seat.set_idle(Some(from));
            let waited = self.deadline.guard(self.client.fill(cap)).await;
            self.seat.set_idle(None);
            match waited {
                Ok(Ok(1..)) => {}
                _ => return Arrived::Ended,
            }
        }
        let mut timed = first;
        loop {
            match self.request.parse(self.client.input.unread(), &head_limits) {
                Ok(Parsed::Complete { len }) => return Arrived::Head(len),
                Ok(Parsed::Incomplete) => {}
                Err(refusal) => return Arrived::Refused(refusal.to_refusal()),
            }
            if !timed {
                self.deadline.restart(limits.header_time);
                timed = true;
            }
            match self.deadline.guard(self.client.fill(cap)).await {
                Err(_) => return Arrived::Refused(framing::HEADER_TOO_SLOW),
                Ok(Ok(1..)) => {}
                Ok(_) => return Arrived::Ended,
            }
        }
    }

    /// Lets the stages judge the request whose head takes the first `len` bytes of the input.
    async fn judge(&mut self, site: &CurrentSite, len: usize) -> Next {
        let local = Rc::clone(&self.local);
        let core = &local.core;
        let request = self.request.request(self.client.input.unread());
        let facts = Facts::of(&request);
        if facts.upgrade && self.client.input.len() > len {
            let answer = framing::refuse(core, site, &self.peer, refusals::BEFORE_SWITCH);
            return self.own_answer(answer, false, 0).await;
        }
        // What there is no room for is refused before it costs more: a body, a disk, a connection.
        let mut decision = stages::admit_head(core, site, &self.peer, &request);
        if let HeadDecision::Unproven(awaiting) = decision {
            decision = match Berth::refuses(awaiting.exchange()) {
                None => Box::pin(stages::admit_proven(core, *awaiting, &request)).await,
                Some(refusal) => HeadDecision::Answer(awaiting.refuse(refusal)),
            };
        }
        if let HeadDecision::Turn(awaiting) = decision {
            decision = Box::pin(stages::admit_turn(core, *awaiting)).await;
        }
        let admitted = match decision {
            HeadDecision::Forward(admitted) => match Berth::refuses(admitted.exchange()) {
                None => Ok(admitted),
                Some(refusal) => Err(admitted.refuse(core, refusal)),
            },
            HeadDecision::Record(awaiting) => match Berth::refuses(awaiting.exchange()) {
                None => stages::admit_recorded(awaiting).await,
                Some(refusal) => Err(awaiting.refuse(refusal)),
            },
            HeadDecision::Body(awaiting) => match Berth::refuses(awaiting.exchange()) {
                None => return self.judge_whole(site, awaiting, facts, len).await,
                Some(refusal) => Err(awaiting.refuse(refusal)),
            },
            HeadDecision::Upload(awaiting) => match Berth::refuses(awaiting.exchange()) {
                None => return Box::pin(self.judge_upload(site, *awaiting, facts, len)).await,
                Some(refusal) => Err(awaiting.refuse(refusal)),
            },
            HeadDecision::Desk(awaiting) => {
                return self.serve_desk(site, awaiting, facts, len).await;
            }
            HeadDecision::File(awaiting) => {
                return Box::pin(self.serve_file(*awaiting, facts, len)).await;
            }
            HeadDecision::Answer(answer) => Err(answer),
            // The store is asked once; whoever it does not know by then is not let in.
            HeadDecision::Unproven(awaiting) => Err(awaiting.refuse(refusals::DEFECT)),
            // So are other processes.
            HeadDecision::Turn(awaiting) => Err(awaiting.refuse(core, refusals::DEFECT)),
        };
        let written = match admitted {
            Ok(admitted) => {
                forward::write_head(core, admitted, &request, facts.framing, self.upward.begin())
            }
            Err(answer) => Err(answer),
        };
        self.client.input.consume(len);
        match written {
            Ok(forwarding) => {
                let cap = forwarding.limits().body;
                let chunks = facts.framing == BodyFraming::Chunked;
                let body = Body::new(facts.framing, chunks, cap);
                self.forward(site, forwarding, facts, body, 0).await
            }
            Err(answer) => {
                let body = Body::new(facts.framing, false, u64::MAX);
                self.refuse(answer, facts, body).await
            }
        }
    }

    /// Lets the stages judge a request by its whole body, then forwards it with that body.
    async fn judge_whole(
        &mut self,
        site: &CurrentSite,
        awaiting: stages::AwaitingBody,
        facts: Facts,
        len: usize,
    ) -> Next {
        let local = Rc::clone(&self.local);
        let core = &local.core;
        let head = self.client.input.split_front(len);
        let cap = awaiting.cap();
        let exchange = awaiting.exchange();
        let origin = Origin::new(exchange.client, exchange.route);
        let route = exchange.route().map(|route| route.limits);
        let times = body_times(
            site.limits(),
            route.unwrap_or_else(|| site.limits().of_route()),
        );
        let whole = match self.whole_body(origin, times, facts, cap).await {
            Ok(whole) => whole,
            Err(refusal) => {
                let answer = awaiting.refuse(refusal);
                return self.own_answer(answer, false, 0).await;
            }
        };
        let received = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        let request = self.request.request(&head);
        let framing = match facts.framing {
            BodyFraming::None => BodyFraming::None,
            _ => BodyFraming::Length(received),
        };
        let written = match stages::admit_body(core, awaiting, &request, &whole.bytes).await {
            Ok(admitted) => {
                forward::write_head(core, admitted, &request, framing, self.upward.begin())
            }
            Err(answer) => Err(answer),
        };
        match written {
            Ok(forwarding) => {
                self.upward.begin().extend_from_slice(&whole.bytes);
                let holding = whole.into_holding();
                let body = Body::new(BodyFraming::None, false, 0);
                let facts = Facts {
                    expects: false,
                    ..facts
                };
                let next = self.forward(site, forwarding, facts, body, received);
                let next = next.await;
                drop(holding);
                next
            }
            Err(answer) => {
                let keep_alive = facts.keep_alive;
                self.own_answer(answer, keep_alive, received).await
            }
        }
    }

    /// Reads the body of a request to the gate itself and answers it.
    async fn serve_desk(
        &mut self,
        site: &CurrentSite,
        awaiting: stages::desk::AwaitingDesk,
        facts: Facts,
        len: usize,
    ) -> Next {
        let local = Rc::clone(&self.local);
        self.client.input.consume(len);
        let origin = Origin::new(awaiting.exchange().client, None);
        let times = body_times(site.limits(), site.limits().of_route());
        let cap = awaiting.cap();
        let whole = self.whole_body(origin, times, facts, cap);
        let whole = match whole.await {
            Ok(whole) => whole,
            Err(refusal) => return self.own_answer(awaiting.refuse(refusal), false, 0).await,
        };
        let received = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        let answer = stages::desk::serve(&local.core, awaiting, &whole.bytes).await;
        self.own_answer(answer, facts.keep_alive, received).await
    }

    /// Answers a request whose body has not been read. The connection stays only when the whole
    /// body is here already, to be skipped.
    pub(super) async fn refuse(&mut self, answer: OwnAnswer, facts: Facts, mut body: Body) -> Next {
        let mut skipped = Outgoing::new();
        while !body.is_done() && !self.client.input.is_empty() {
            skipped.clear();
            if body
                .take(&mut self.client.input, &mut skipped, buffer::LARGE)
                .is_err()
            {
                break;
            }
        }
        let keep_alive = facts.keep_alive && body.is_done();
        self.own_answer(answer, keep_alive, body.moved()).await
    }

    /// Records an answer of our own and sends it, in this order: whoever has read it finds it in the
    /// ledger, and so does who asks for one that nobody took.
    pub(super) async fn own_answer(
        &mut self,
        answer: OwnAnswer,
        keep_alive: bool,
        received: u64,
    ) -> Next {
        let keep_alive = keep_alive && !answer.closes() && !self.local.draining();
        response::write_own(&answer, keep_alive, self.client.output.begin());
        record::finish_own(&self.local.core, answer, received);
        match self.send_all().await {
            true if keep_alive => Next::Again,
            true => Next::Close,
            false => Next::Abort,
        }
    }

    /// Sends what lies ready; whether the client has taken it, in the time that it has for that.
    pub(super) async fn send_all(&mut self) -> bool {
        let stall = self.local.core.site().limits().answer_stall;
        self.deadline.restart(stall);
        matches!(self.deadline.guard(self.client.drain()).await, Ok(Ok(())))
    }

    /// Ends the connection so that the client sees the whole of the last answer: closing while its
    /// bytes are still arriving would reset the connection and could take the answer away.
    async fn close(&mut self) {
        self.orderly = true;
        self.deadline.restart(LINGER);
        let shut = std::future::poll_fn(|cx| self.client.poll_shutdown(cx));
        if !matches!(self.deadline.guard(shut).await, Ok(Ok(()))) {
            return;
        }
        let mut read = 0;
        while read < LINGER_BYTES {
            self.client.input.consume(usize::MAX);
            match self.deadline.guard(self.client.fill(buffer::LARGE)).await {
                Ok(Ok(count @ 1..)) => read += count,
                _ => return,
            }
        }
    }
}

fn head_limits(limits: &Limits) -> HeadLimits {
    HeadLimits {
        line: u32::try_from(limits.request_line).unwrap_or(u32::MAX),
        block: u32::try_from(limits.header_block).unwrap_or(u32::MAX),
        fields: u16::try_from(limits.header_fields).unwrap_or(u16::MAX),
        ..HeadLimits::REQUEST
    }
}
