//! An app's error on its way to the client.
//!
//! Owns the answer that is sent in its place, and what becomes of its body: nothing of it leaves. It is
//! read to its end where that is near, so that the upstream's connection can be used again, and given up
//! with the connection otherwise. The client waits for neither.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};
use wire::{AnswerHead, Body, BodyFraming, Exchange, Outgoing, Stream, buffer};

use super::{
    answer::End,
    connection::{Facts, Next},
    local::Local,
    refusals,
};
use crate::stages::{Forwarding, record::Outcome, response};

/// Longest body that is read to its end, in bytes.
const LONGEST: u64 = 64 * 1024;

/// How long its end is waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// Tells the client of the error whose head takes `len` bytes of the upstream's input.
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
    let keep_alive = facts.keep_alive && exchange.request_sent() && !local.draining();
    let out = exchange.client.output.begin();
    let sent = response::write_error(forwarding, &answer, keep_alive, out);
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
    let idle = forwarding.limits().answer;
    let told = exchange.relay(&mut nothing(), idle, false, None).await;
    let more = exchange.request_bytes().saturating_sub(before);
    end.outcome.received = received.saturating_add(more);
    if let Err(fault) = told {
        end.outcome.broken = Some(refusals::within_answer(&fault));
        return end;
    }
    end.outcome.sent = sent;
    end.next = if keep_alive { Next::Again } else { Next::Close };
    if answer.keep_alive() && exchange.request_sent() {
        let read = timeout(PATIENCE, is_read(exchange, answer.framing())).await;
        end.reusable = read.unwrap_or(false);
    }
    end
}

/// Whether the body has been read to its end.
async fn is_read<C: Stream>(
    exchange: &mut Exchange<'_, C, TcpStream>,
    framing: BodyFraming,
) -> bool {
    if framing == BodyFraming::UntilClose {
        return false;
    }
    let mut body = Body::new(framing, false, LONGEST);
    let mut dropped = Outgoing::new();
    loop {
        dropped.clear();
        let input = &mut exchange.upstream.input;
        if body.take(input, &mut dropped, usize::MAX).is_err() {
            return false;
        }
        if body.is_done() {
            return true;
        }
        if exchange.answer_bytes(buffer::SMALL, None).await.is_err() {
            return false;
        }
    }
}

pub(super) fn nothing() -> Body {
    Body::new(BodyFraming::None, false, 0)
}
