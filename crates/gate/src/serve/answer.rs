//! The upstream's answer on its way to the client.
//!
//! Owns which answers are passed on, how their bodies are framed for this client, and what is
//! known of the exchange at its end. Refuses answers that two clients could read differently,
//! answers with more behind them than they announce, and endless interim answers. Trusts the
//! stages for the fields.

use std::time::Duration;

use control::Refusal;
use tokio::net::TcpStream;
use wire::{
    Allowed, Answer, AnswerHead, Asked, Body, BodyFraming, Exchange, ExchangeFault, HeadLimits,
    Heard, Name, Parsed, Stream, Upstream, Version,
    tunnel::{TunnelEnd, tunnel},
};

use super::{
    berth::Berth,
    connection::{Connection, Facts, Next},
    hidden, judged,
    local::Local,
    refusals,
    reset::Client,
    seen, table,
};
use crate::stages::{
    Forwarding,
    output::{self, Way},
    record::{self, Outcome},
    response,
};

/// Most interim answers before the final one.
const MOST_INTERIM: usize = 16;

/// Lets a client send its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How the wait for an answer's head ended.
pub(super) enum Head {
    /// It takes this many bytes of the upstream's input.
    Final(usize),
    Failed(Refusal),
    /// The connection closed before a byte of the answer.
    Stale,
    /// Nobody waits for the answer any more.
    ClientLeft,
}

/// Sends the request and waits for the head of its final answer; passes interim answers on. The
/// berth hears when the app has all of the request.
pub(super) async fn wait<C: Stream>(
    local: &Local,
    exchange: &mut Exchange<'_, C, TcpStream>,
    (head, berth): (&mut AnswerHead, &mut Berth),
    forwarding: &Forwarding,
    facts: Facts,
) -> Head {
    let stands = || forwarding.credential_stands(&local.core);
    let allowed: Allowed<'_> = if forwarding.has_credential() {
        Some(&stands)
    } else {
        None
    };
    let limits = HeadLimits::ANSWER;
    let asked = Asked {
        method: facts.method,
        upgrade: facts.upgrade,
    };
    let mut interim = 0;
    let mut silent = true;
    head.clear();
    loop {
        match exchange.answer_bytes(limits.largest(), allowed).await {
            Ok(Heard::Answer) => silent = false,
            Ok(Heard::WholeRequest) => {
                berth.works();
                continue;
            }
            Err(ExchangeFault::ClientGone) => return Head::ClientLeft,
            Err(ExchangeFault::UpstreamClosed(_)) if silent => return Head::Stale,
            Err(fault) => return Head::Failed(refusals::before_answer(&fault)),
        }
        loop {
            let bytes = exchange.upstream.input.unread();
            let len = match head.parse(bytes, &limits, asked) {
                Ok(Parsed::Incomplete) => break,
                Ok(Parsed::Complete { len }) => len,
                Err(refusal) => return Head::Failed(refusal.to_bad_gateway()),
            };
            let answer = head.answer(bytes);
            if !answer.is_interim() {
                // Behind a switch of protocols the bytes are the new protocol's.
                let switched = answer.status() == 101;
                if switched && !accepts(&answer, facts) {
                    return Head::Failed(refusals::NOT_ACCEPTED);
                }
                return if !switched && carries_surplus(answer.framing(), bytes.len() - len) {
                    Head::Failed(refusals::SURPLUS)
                } else {
                    Head::Final(len)
                };
            }
            interim += 1;
            if interim > MOST_INTERIM {
                return Head::Failed(refusals::CLOSED);
            }
            if answer.status() == 100 {
                if facts.expects {
                    exchange.client.output.begin().extend_from_slice(CONTINUE);
                    exchange.release();
                }
            } else if facts.version == Version::Http11 {
                let out = exchange.client.output.begin();
                response::write_head(forwarding, &answer, BodyFraming::None, true, out);
            }
            exchange.upstream.input.consume(len);
            head.clear();
            if exchange.upstream.input.is_empty() {
                break;
            }
        }
    }
}

/// Whether a switch of protocols answers this very handshake (RFC 6455, section 4.1): another's is an
/// answer to somebody else.
fn accepts(answer: &Answer<'_>, facts: Facts) -> bool {
    facts.accept.is_some_and(|expected| {
        answer
            .value(Name::SecWebSocketAccept)
            .is_some_and(|value| value == expected)
    })
}

/// Whether more bytes have come than the answer has; only what is certain counts here, and the
/// connection pool refuses what shows later.
fn carries_surplus(framing: BodyFraming, behind: usize) -> bool {
    let behind = u64::try_from(behind).unwrap_or(u64::MAX);
    match framing {
        BodyFraming::None => behind > 0,
        BodyFraming::Length(length) => behind > length,
        BodyFraming::Chunked | BodyFraming::UntilClose => false,
    }
}

/// What is known at the end of an exchange.
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) next: Next,
    /// Whether the upstream connection may carry another request.
    pub(super) reusable: bool,
    /// Whether both sides have switched to another protocol.
    pub(super) switched: bool,
    /// The refusal to send instead of an answer that was found broken before any of it had left.
    pub(super) replaced: Option<Refusal>,
}

/// Sends the final answer down, whose head takes `len` bytes of the upstream's input.
pub(super) async fn relay<C: Stream>(
    local: &Local,
    exchange: &mut Exchange<'_, C, TcpStream>,
    (head, len): (&AnswerHead, usize),
    forwarding: &mut Forwarding,
    facts: Facts,
    received: u64,
) -> End {
    let answer = head.answer(exchange.upstream.input.unread());
    let way = output::way(forwarding, &answer);
    if way != Way::Plain || forwarding.narrow().is_some() {
        let parts = (head, len);
        return changed(local, exchange, parts, (forwarding, way), facts, received).await;
    }
    let status = answer.status();
    let upstream_stays = answer.keep_alive();
    let framing = answer.framing();
    let streams = is_event_stream(&answer);
    response::answered(&local.core, forwarding, status).await;
    let framed = framed_for(facts.version, framing);
    let switched = status == 101;
    let keep_alive = facts.keep_alive
        && framed != BodyFraming::UntilClose
        && exchange.request_sent()
        && !switched
        && !local.draining();
    let out = exchange.client.output.begin();
    response::write_head(forwarding, &answer, framed, keep_alive, out);
    exchange.upstream.input.consume(len);
    let mut outcome = Outcome {
        status: Some(status),
        received,
        ..Outcome::default()
    };
    let mut end = End {
        outcome,
        next: Next::Abort,
        reusable: false,
        switched,
        replaced: None,
    };
    if switched {
        return end;
    }
    exchange.stop_if_held();
    let idle = if streams {
        forwarding.limits().stream_idle
    } else {
        forwarding.limits().answer
    };
    let before = exchange.request_bytes();
    let mut body = Body::new(framing, framed == BodyFraming::Chunked, u64::MAX);
    let relayed = {
        // An answer without an end is held to its route as a WebSocket is; others end by themselves.
        let stands = || match streams {
            true => forwarding.stands(&local.core),
            false => forwarding.credential_stands(&local.core),
        };
        let allowed: Allowed<'_> = if streams || forwarding.has_credential() {
            Some(&stands)
        } else {
            None
        };
        exchange.relay(&mut body, idle, streams, allowed).await
    };
    outcome.sent = body.moved();
    outcome.received = received.saturating_add(exchange.request_bytes().saturating_sub(before));
    match relayed {
        Ok(()) => {
            end.reusable =
                upstream_stays && exchange.request_sent() && framing != BodyFraming::UntilClose;
            end.next = if keep_alive { Next::Again } else { Next::Close };
        }
        Err(ExchangeFault::Revoked) => {
            outcome.broken = Some(no_longer_allowed(local, forwarding));
        }
        Err(fault) => {
            // An answer of which not a byte has left can still be replaced by the truth.
            if exchange.client.output.is_untouched() {
                exchange.client.output.clear();
                end.replaced = Some(refusals::before_answer(&fault));
            }
            outcome.broken = Some(refusals::within_answer(&fault));
        }
    }
    end.outcome = outcome;
    end
}

/// Sends down what becomes of an answer that does not pass as it comes.
async fn changed<C: Stream>(
    local: &Local,
    exchange: &mut Exchange<'_, C, TcpStream>,
    parts: (&AnswerHead, usize),
    (forwarding, way): (&mut Forwarding, Way),
    facts: Facts,
    received: u64,
) -> End {
    if way == Way::Hidden {
        return hidden::relay(local, exchange, parts, forwarding, facts, received).await;
    }
    // Rows are found in JSON alone: a table is refused there.
    if forwarding.narrow().is_some() {
        return seen::relay(local, exchange, parts, forwarding, facts, received).await;
    }
    if let Way::Refused(refusal) = way {
        return End {
            outcome: Outcome {
                received,
                ..Outcome::default()
            },
            next: Next::Abort,
            reusable: false,
            switched: false,
            replaced: Some(refusal),
        };
    }
    if way == Way::Judged {
        return judged::relay(local, exchange, parts, forwarding, facts, received).await;
    }
    table::relay(local, exchange, parts, forwarding, facts, received).await
}

/// Why what was allowed when it began is so no longer.
pub(super) fn no_longer_allowed(local: &Local, forwarding: &Forwarding) -> Refusal {
    if forwarding.credential_stands(&local.core) {
        refusals::ROUTE_CHANGED
    } else {
        refusals::KEY_GONE
    }
}

/// How an answer that ends as `framing` says is framed for a client of this version.
const fn framed_for(version: Version, framing: BodyFraming) -> BodyFraming {
    match (version, framing) {
        (Version::Http11, BodyFraming::UntilClose) => BodyFraming::Chunked,
        (Version::Http10, BodyFraming::Chunked) => BodyFraming::UntilClose,
        (_, framing) => framing,
    }
}

fn is_event_stream(answer: &Answer<'_>) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    answer.value(Name::ContentType).is_some_and(|value| {
        value
            .get(..EVENTS.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
    })
}

impl<S: Client> Connection<'_, S> {
    /// Joins the client with an upstream that has switched to the WebSocket protocol, until one of
    /// them ends it.
    pub(super) async fn joined(
        &mut self,
        mut forwarding: Forwarding,
        mut outcome: Outcome,
        mut upstream: Box<Upstream<TcpStream>>,
    ) -> Next {
        let core = &self.local.core;
        record::websocket_opened(&mut forwarding);
        let idle: Duration = forwarding.limits().stream_idle;
        let report = tunnel(
            &mut self.client,
            &mut upstream.link,
            &mut self.deadline,
            idle,
            || !self.local.draining() && forwarding.stands(core),
        )
        .await;
        outcome.received = report.up;
        outcome.sent = report.down;
        if report.end == TunnelEnd::Revoked && !self.local.draining() {
            outcome.broken = Some(no_longer_allowed(&self.local, &forwarding));
        }
        record::finish(core, forwarding, &outcome);
        Next::Leave
    }
}
