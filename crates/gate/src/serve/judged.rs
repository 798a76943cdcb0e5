//! An answer that is held against its description before any of it leaves.
//!
//! Owns the holding of it until it is whole, within the bound of its route. Refuses an answer that is
//! something else than was described: the client gets the refusal, and not a byte of the answer.

use control::Refusal;
use tokio::net::TcpStream;
use wire::{Answer, AnswerHead, BodyFraming, Exchange, Stream};

use super::{
    answer::End,
    connection::{Facts, Next},
    hidden::nothing,
    local::Local,
    refusals, seen,
};
use crate::stages::{Forwarding, output, record::Outcome, response};

/// Sends down the answer whose head takes `len` bytes of the upstream's input, once it is judged.
pub(super) async fn relay<C: Stream>(
    local: &Local,
    exchange: &mut Exchange<'_, C, TcpStream>,
    (head, len): (&AnswerHead, usize),
    forwarding: &mut Forwarding,
    facts: Facts,
    received: u64,
) -> End {
    let bytes = exchange.upstream.input.split_front(len);
    let answer = head.answer(&bytes);
    response::answered(&local.core, forwarding, answer.status()).await;
    exchange.stop_if_held();
    let before = exchange.request_bytes();
    let framing = answer.framing();
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
    let judged = judged(local, exchange, &answer, forwarding).await;
    let more = exchange.request_bytes().saturating_sub(before);
    end.outcome.received = received.saturating_add(more);
    let whole = match judged {
        Ok(whole) => whole,
        Err(refusal) => {
            end.replaced = Some(refusal);
            return end;
        }
    };
    let length = whole.len() as u64;
    let keep_alive = facts.keep_alive && exchange.request_sent() && !local.draining();
    let out = exchange.client.output.begin();
    let framed = BodyFraming::Length(length);
    response::write_head(forwarding, &answer, framed, keep_alive, out);
    out.extend_from_slice(&whole);
    let idle = forwarding.limits().answer;
    match exchange.relay(&mut nothing(), idle, false, None).await {
        Ok(()) => {
            end.outcome.sent = length;
            end.reusable = answer.keep_alive()
                && exchange.request_sent()
                && framing != BodyFraming::UntilClose;
            end.next = if keep_alive { Next::Again } else { Next::Close };
        }
        Err(fault) => end.outcome.broken = Some(refusals::within_answer(&fault)),
    }
    end
}

async fn judged<C: Stream>(
    local: &Local,
    exchange: &mut Exchange<'_, C, TcpStream>,
    answer: &Answer<'_>,
    forwarding: &Forwarding,
) -> Result<Vec<u8>, Refusal> {
    let bound = output::bound(forwarding);
    let whole = seen::whole(local, exchange, answer.framing(), forwarding, bound).await?;
    output::judge(forwarding, answer, &whole)?;
    Ok(whole)
}
