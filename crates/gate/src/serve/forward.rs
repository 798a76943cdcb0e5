//! One admitted request at its upstream.
//!
//! Owns the connection it goes out on and the one repetition that is allowed. Refuses to keep a
//! connection unless request and answer both came to their end on it with nothing left over. Takes
//! only a [`Forwarding`], which exists only behind the stages.

use std::{mem, rc::Rc};

use control::Refusal;
use tokio::{net::TcpStream, time::Instant};
use wire::{Body, BodyFraming, Exchange, Stream, Times, Upstream};

use super::{
    answer::{self, Head},
    connection::{Connection, Facts, Next},
    local::Local,
    refusals,
};
use crate::{
    core::CurrentSite,
    metrics::Metric,
    site::app::Upstream as Place,
    stages::{Destination, Forwarding, record},
};

/// A request that may have reached its app. It is recorded however it ends: where its task is ended
/// by a stop or falls over, that is what its record says.
struct UnderWay {
    local: Rc<Local>,
    forwarding: Option<Forwarding>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            let outcome = record::Outcome {
                broken: Some(refusals::CUT_OFF),
                ..record::Outcome::default()
            };
            record::cut_off(&self.local.core, forwarding, &outcome);
        }
    }
}

impl<S: Stream> Connection<S> {
    /// Sends the request whose head lies in `upward`, and its answer back. `body` is what is still
    /// to come of it, `received` what came before.
    pub(super) async fn forward(
        &mut self,
        site: &CurrentSite,
        forwarding: Forwarding,
        facts: Facts,
        body: Body,
        received: u64,
    ) -> Next {
        let mut under_way = UnderWay {
            local: Rc::clone(&self.local),
            forwarding: Some(forwarding),
        };
        let slot = &mut under_way.forwarding;
        self.exchange(site, slot, facts, body, received).await
    }

    /// [`Connection::forward`], which takes the request out of its slot when it has an end.
    async fn exchange(
        &mut self,
        site: &CurrentSite,
        slot: &mut Option<Forwarding>,
        facts: Facts,
        body: Body,
        received: u64,
    ) -> Next {
        let Some(forwarding) = slot.as_mut() else {
            return Next::Abort;
        };
        let repeatable = facts.method.is_idempotent() && body.is_done() && received == 0;
        let times = Times {
            body_rate: site.limits().body_rate,
            body_grace: site.limits().body_grace,
            answer: forwarding.limits().answer,
            client: super::CLIENT_STALL,
        };
        let mut now = Instant::now();
        let mut upstream = match self.kept(forwarding, repeatable, now) {
            Some(upstream) => upstream,
            None => match self.connect(forwarding).await {
                Ok(upstream) => {
                    now = Instant::now();
                    upstream
                }
                Err(refusal) => {
                    let Some(forwarding) = slot.take() else {
                        return Next::Abort;
                    };
                    let answer = forwarding.fail(&self.local.core, refusal);
                    return self.refuse(answer, facts, body).await;
                }
            },
        };
        mem::swap(&mut self.upward, &mut upstream.link.output);
        let mut body = Some(body);
        loop {
            let request = body.take().unwrap_or_else(nothing);
            let mut exchange = Exchange::new(
                &mut self.client,
                &mut upstream.link,
                &mut self.deadline,
                request,
                times,
                facts.expects,
                now,
            );
            let head = answer::wait(&mut exchange, &mut self.answer, forwarding, facts).await;
            let sent = exchange.request_sent();
            let received = received.saturating_add(exchange.request_bytes());
            let refusal = match head {
                Head::Final(len) => {
                    let local = &self.local;
                    let parts = (&self.answer, len);
                    let exchange = &mut exchange;
                    let end = answer::relay(local, exchange, parts, forwarding, facts, received);
                    let end = end.await;
                    if end.reusable {
                        self.keep(forwarding, upstream);
                    } else if end.switched {
                        return self.joined(slot, end.outcome, upstream).await;
                    } else if let Some(refusal) = end.replaced {
                        let received = end.outcome.received;
                        let keep_alive = facts.keep_alive && sent;
                        return self.failed(slot, refusal, keep_alive, received).await;
                    }
                    if let Some(forwarding) = slot.take() {
                        record::finish(&self.local.core, forwarding, &end.outcome);
                    }
                    return end.next;
                }
                Head::Stale if repeatable && upstream.reused() => {
                    match self.connect(forwarding).await {
                        Ok(mut fresh) => {
                            upstream.link.output.rewind();
                            mem::swap(&mut upstream.link.output, &mut fresh.link.output);
                            upstream = fresh;
                            now = Instant::now();
                            continue;
                        }
                        Err(refusal) => refusal,
                    }
                }
                Head::Stale => refusals::CLOSED,
                Head::Failed(refusal) => refusal,
            };
            let keep_alive = facts.keep_alive && sent;
            return self.failed(slot, refusal, keep_alive, received).await;
        }
    }

    /// Answers for an upstream or a body that failed before a byte of an answer had left.
    async fn failed(
        &mut self,
        slot: &mut Option<Forwarding>,
        refusal: Refusal,
        keep_alive: bool,
        received: u64,
    ) -> Next {
        let Some(forwarding) = slot.take() else {
            return Next::Abort;
        };
        let answer = forwarding.fail(&self.local.core, refusal);
        self.own_answer(answer, keep_alive, received).await
    }

    /// A kept connection for this request.
    fn kept(
        &self,
        forwarding: &Forwarding,
        repeatable: bool,
        now: Instant,
    ) -> Option<Box<Upstream<TcpStream>>> {
        let Destination::App(place) = forwarding.destination() else {
            return None;
        };
        let mut pool = self.local.pool.borrow_mut();
        let kept = pool.take(place, now, repeatable);
        if kept.is_some() {
            self.local.core.counters().add(Metric::UpstreamReused, 1);
        }
        kept
    }

    /// Keeps a connection for the next request to the same app.
    fn keep(&mut self, forwarding: &Forwarding, upstream: Box<Upstream<TcpStream>>) {
        if let Destination::App(place) = forwarding.destination()
            && !self.local.draining()
        {
            let now = Instant::now();
            self.ended = Some(now);
            self.local.pool.borrow_mut().give(place, upstream, now);
        }
    }

    /// A new connection for this request, to the first of its addresses that accepts.
    async fn connect(
        &mut self,
        forwarding: &Forwarding,
    ) -> Result<Box<Upstream<TcpStream>>, Refusal> {
        let local = &self.local;
        self.deadline.restart(forwarding.limits().connect);
        let dialled = match forwarding.destination() {
            Destination::App(place) => self.deadline.guard(local.dial(place)).await,
            Destination::Echo(address) => self.deadline.guard(TcpStream::connect(address)).await,
        };
        let stream = match dialled {
            Ok(Ok(stream)) => stream,
            _ => return Err(refusals::UNREACHABLE),
        };
        // Without it small requests would wait for acknowledgements; a refusal changes nothing.
        let _ = stream.set_nodelay(true);
        local.core.counters().add(Metric::UpstreamConnections, 1);
        Ok(Box::new(Upstream::fresh(stream)))
    }
}

impl super::local::Local {
    /// Connects to the first address of `place` that accepts.
    async fn dial(&self, place: &Place) -> std::io::Result<TcpStream> {
        let mut last = std::io::ErrorKind::NotFound.into();
        for address in self.resolver.addresses(place).await?.iter() {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }
}

fn nothing() -> Body {
    Body::new(BodyFraming::None, false, 0)
}
