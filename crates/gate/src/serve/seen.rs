//! An answer of which not everything may be seen.
//!
//! Owns the holding of such an answer until it is whole, its cutting, and its sending. Refuses what is
//! longer than the cut takes, or slower than an answer may be. Nothing has left for the client before
//! the answer is cut, so whatever goes wrong until then can be said.

use control::Refusal;
use tokio::{net::TcpStream, time::Instant};
use wire::{
    Allowed, AnswerHead, Body, BodyFault, BodyFraming, Exchange, ExchangeFault, Outgoing, Stream,
    buffer,
};

use super::{
    answer::{End, no_longer_allowed},
    connection::{Facts, Next},
    held::Origin,
    local::Local,
    refusals,
};
use crate::stages::{
    Forwarding, output,
    record::Outcome,
    response,
    rows::{self, TOO_LARGE},
};

/// Sends down what may be seen of the final answer, whose head takes `len` bytes of the upstream's
/// input.
pub(super) async fn relay<C: Stream>(
    local: &Local,
    exchange: &mut Exchange<'_, C, TcpStream>,
    (head, len): (&AnswerHead, usize),
    forwarding: &Forwarding,
    facts: Facts,
    received: u64,
) -> End {
    let bytes = exchange.upstream.input.unread();
    let bytes = bytes.get(..len).unwrap_or_default().to_vec();
    exchange.upstream.input.consume(len);
    let answer = head.answer(&bytes);
    let mut end = End {
        outcome: Outcome {
            status: Some(answer.status()),
            ..Outcome::default()
        },
        next: Next::Abort,
        reusable: false,
        switched: false,
        replaced: None,
    };
    exchange.stop_if_held();
    let before = exchange.request_bytes();
    let framing = answer.framing();
    let cut = match rows::has_rows(&answer) {
        Ok(true) if framing != BodyFraming::None => {
            let bound = (identity::rows::LARGEST, TOO_LARGE);
            let whole = whole(local, exchange, framing, forwarding, bound).await;
            whole.and_then(|whole| {
                output::judge(forwarding, &answer, &whole)?;
                cut(forwarding, &whole)
            })
        }
        Ok(_) => Ok(Vec::new()),
        Err(refusal) => Err(refusal),
    };
    let more = exchange.request_bytes().saturating_sub(before);
    end.outcome.received = received.saturating_add(more);
    let cut = match cut {
        Ok(cut) => cut,
        Err(refusal) => {
            end.replaced = Some(refusal);
            return end;
        }
    };
    let framed = match framing {
        BodyFraming::None => BodyFraming::None,
        _ => BodyFraming::Length(cut.len() as u64),
    };
    let keep_alive = facts.keep_alive && exchange.request_sent() && !local.draining();
    let out = exchange.client.output.begin();
    response::write_head(forwarding, &answer, framed, keep_alive, out);
    out.extend_from_slice(&cut);
    let mut sent = Body::new(BodyFraming::None, false, 0);
    let idle = forwarding.limits().answer;
    match exchange.relay(&mut sent, idle, false, None).await {
        Ok(()) => {
            end.outcome.sent = cut.len() as u64;
            // Of an error nothing but the head was read.
            let read = framing == BodyFraming::None || !cut.is_empty();
            end.reusable = read
                && answer.keep_alive()
                && exchange.request_sent()
                && framing != BodyFraming::UntilClose;
            end.next = if keep_alive { Next::Again } else { Next::Close };
        }
        Err(fault) => end.outcome.broken = Some(refusals::within_answer(&fault)),
    }
    end
}

fn cut(forwarding: &Forwarding, whole: &[u8]) -> Result<Vec<u8>, Refusal> {
    match forwarding.narrow() {
        Some(narrow) if !whole.is_empty() => rows::cut(narrow, whole),
        _ => Ok(Vec::new()),
    }
}

/// The whole body of an answer, which may have so many bytes or is refused so.
pub(super) async fn whole<C: Stream>(
    local: &Local,
    exchange: &mut Exchange<'_, C, TcpStream>,
    framing: BodyFraming,
    forwarding: &Forwarding,
    (largest, too_large): (u64, Refusal),
) -> Result<Vec<u8>, Refusal> {
    let asked = forwarding.exchange();
    let mut holding = local
        .held
        .hold(Origin::new(asked.client, asked.route), Instant::now());
    // It has a bound and its upstream's time, and somebody who is known waits for it.
    holding.whole();
    if matches!(framing, BodyFraming::Length(length) if length > largest) {
        return Err(too_large);
    }
    let mut body = Body::new(framing, false, largest);
    let mut whole = Outgoing::new();
    let stands = || forwarding.credential_stands(&local.core);
    let allowed: Allowed<'_> = if forwarding.has_credential() {
        Some(&stands)
    } else {
        None
    };
    loop {
        let wanted = whole.len() + exchange.upstream.input.len();
        if !holding.grow(wanted, Instant::now()) {
            return Err(refusals::NO_MEMORY);
        }
        body.take(&mut exchange.upstream.input, &mut whole, usize::MAX)
            .map_err(|fault| match fault {
                BodyFault::TooLarge => too_large,
                _ => refusals::BROKEN,
            })?;
        if body.is_done() {
            return Ok(whole.into_unsent());
        }
        match exchange.answer_bytes(buffer::LARGE, allowed).await {
            Ok(_) => {}
            Err(ExchangeFault::UpstreamClosed(_)) if framing == BodyFraming::UntilClose => {
                return Ok(whole.into_unsent());
            }
            Err(ExchangeFault::Revoked) => return Err(no_longer_allowed(local, forwarding)),
            Err(fault) => return Err(refusals::before_answer(&fault)),
        }
    }
}
