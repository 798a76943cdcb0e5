//! One admitted request at its upstream.
//!
//! Owns its place among those under way, the connection it goes out on and the one repetition that
//! is allowed. Refuses to reach for the upstream before a body has begun to come, and to keep a
//! connection unless request and answer both came to their end on it with nothing left over. Takes
//! only a [`Forwarding`], which exists only behind the stages.

use std::mem;

use control::Refusal;
use tokio::{net::TcpStream, time::Instant};
use wire::{Body, BodyFraming, BodyTimes, Exchange, Times, Upstream, buffer, exchange::Pace};

use super::{
    answer::{self, Head},
    berth::Berth,
    connection::{Connection, Facts, Next},
    dial, refusals,
    reset::Client,
};
use crate::{
    core::CurrentSite,
    metrics::Metric,
    site::limits::{Limits, RouteLimits},
    stages::{
        Destination, Forwarding,
        body::{CUT_SHORT, TOO_SLOW},
        record::{self, Outcome},
    },
};

/// How much of a body in chunks is taken before its upstream is reached for: enough to know that it
/// has begun.
const BEGINNING: usize = 4 * 1024;

/// How fast a body must come on a route with these limits.
pub(super) fn body_times(site: &Limits, route: RouteLimits) -> BodyTimes {
    BodyTimes {
        rate: site.body_rate,
        grace: site.body_grace,
        total: route.body_time,
    }
}

impl<S: Client> Connection<'_, S> {
    /// Sends the request whose head lies in `upward`, and its answer back. `body` is what is still
    /// to come of it, `received` what came before.
    pub(super) async fn forward(
        &mut self,
        site: &CurrentSite,
        mut forwarding: Forwarding,
        facts: Facts,
        mut body: Body,
        received: u64,
    ) -> Next {
        let repeatable = facts.method.is_idempotent() && body.is_done() && received == 0;
        let route = forwarding.limits();
        let times = Times {
            body: body_times(site.limits(), route),
            answer: route.answer,
            client: site.limits().answer_stall,
        };
        let (mut berth, mut upstream, mut now) = match self
            .reach(&forwarding, facts, &mut body, times.body, repeatable)
            .await
        {
            Ok(reached) => reached,
            Err(refusal) => {
                let answer = forwarding.fail(&self.local.core, refusal);
                return self.refuse(answer, facts, body).await;
            }
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
                facts.keep_alive,
                now,
            );
            let parts = (&mut *self.answer, &mut berth);
            let local = &self.local;
            let head = answer::wait(local, &mut exchange, parts, &forwarding, facts).await;
            let sent = exchange.request_sent();
            let received = received.saturating_add(exchange.request_bytes());
            let refusal = match head {
                Head::Final(len) => {
                    berth.answers();
                    let parts = (&*self.answer, len);
                    let exchange = &mut exchange;
                    let under_way = &mut forwarding;
                    let end = answer::relay(local, exchange, parts, under_way, facts, received);
                    let end = end.await;
                    if end.reusable {
                        self.keep(&forwarding, upstream);
                    } else if end.switched {
                        return self.joined(forwarding, end.outcome, upstream).await;
                    } else if let Some(refusal) = end.replaced {
                        let received = end.outcome.received;
                        let keep_alive = facts.keep_alive && sent;
                        return self.failed(forwarding, refusal, keep_alive, received).await;
                    }
                    record::finish(&self.local.core, forwarding, &end.outcome);
                    return end.next;
                }
                Head::ClientLeft => {
                    let outcome = Outcome {
                        received,
                        broken: Some(refusals::CLIENT_LEFT),
                        ..Outcome::default()
                    };
                    record::finish(&self.local.core, forwarding, &outcome);
                    return Next::Abort;
                }
                Head::Stale if repeatable && upstream.reused() => {
                    match self.connect(&forwarding).await {
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
            return self.failed(forwarding, refusal, keep_alive, received).await;
        }
    }

    /// Gets a place and a connection for a request, once there is something to send on it.
    async fn reach(
        &mut self,
        forwarding: &Forwarding,
        facts: Facts,
        body: &mut Body,
        pace: BodyTimes,
        repeatable: bool,
    ) -> Result<(Berth, Box<Upstream<TcpStream>>, Instant), Refusal> {
        // Whoever waits for 100 Continue waits for the app's word.
        if !body.is_done() && !facts.expects {
            let counted = matches!(facts.framing, BodyFraming::Length(_));
            self.first_of_body(forwarding, body, counted, pace).await?;
        }
        let echo = matches!(forwarding.destination(), Destination::Echo(_));
        let whole = body.is_here(&self.client.input);
        let berth = Berth::take(forwarding.exchange(), echo, whole).await?;
        let now = Instant::now();
        if let Some(upstream) = self.kept(forwarding, repeatable, now) {
            return Ok((berth, upstream, now));
        }
        let upstream = self.connect(forwarding).await?;
        Ok((berth, upstream, Instant::now()))
    }

    /// Waits for the first bytes of a body: an upstream is not kept waiting by a client that has
    /// sent a head and may never send more. What frames a chunk is not yet a byte of it, so where the
    /// body's length is not `counted` beforehand, its beginning is taken out of its chunks here and
    /// put behind the upstream head.
    async fn first_of_body(
        &mut self,
        forwarding: &Forwarding,
        body: &mut Body,
        counted: bool,
        pace: BodyTimes,
    ) -> Result<(), Refusal> {
        let most = self.upward.len() + BEGINNING;
        let mut pace = Pace::new(pace);
        loop {
            if counted && !self.client.input.is_empty() {
                return Ok(());
            }
            body.take(&mut self.client.input, &mut self.upward, most)
                .map_err(|fault| refusals::of_body(&fault))?;
            if body.is_done() || body.moved() > 0 {
                return Ok(());
            }
            self.deadline.set(pace.ends(Instant::now(), 0));
            match self.deadline.guard(self.client.fill(buffer::LARGE)).await {
                Err(_) => return Err(TOO_SLOW),
                Ok(Ok(1..)) if forwarding.credential_stands(&self.local.core) => {}
                Ok(Ok(1..)) => return Err(refusals::KEY_GONE),
                Ok(_) => return Err(CUT_SHORT),
            }
        }
    }

    /// Answers for an upstream or a body that failed before a byte of an answer had left.
    async fn failed(
        &mut self,
        forwarding: Forwarding,
        refusal: Refusal,
        keep_alive: bool,
        received: u64,
    ) -> Next {
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

    /// A new connection for this request.
    async fn connect(
        &mut self,
        forwarding: &Forwarding,
    ) -> Result<Box<Upstream<TcpStream>>, Refusal> {
        let local = &self.local;
        let limit = forwarding.limits().connect;
        let stream = dial::dial(local, forwarding.destination(), limit, &mut self.deadline).await?;
        // Without it small requests would wait for acknowledgements; a refusal changes nothing.
        let _ = stream.set_nodelay(true);
        local.core.counters().add(Metric::UpstreamConnections, 1);
        Ok(Box::new(Upstream::fresh(stream)))
    }
}

fn nothing() -> Body {
    Body::new(BodyFraming::None, false, 0)
}
