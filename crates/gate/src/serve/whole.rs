//! Bodies that must be seen whole before their request is judged.
//!
//! Owns the reading of them: each has its cap, and takes its memory from [`super::held`] as it
//! comes. Refuses a body that is longer, slower or broken, and one there is no room for. Asks a
//! client that waits for 100 Continue to go on only here, after everything the head alone decides.

use std::{future::poll_fn, task::Poll};

use control::Refusal;
use tokio::time::Instant;
use wire::{Body, BodyFraming, BodyTimes, Outgoing, buffer, exchange::Pace};

use super::{
    connection::{Connection, Facts},
    held::{Holding, Origin},
    refusals,
    reset::Client,
};
use crate::stages::body::{CUT_SHORT, TOO_SLOW};

/// How much memory is taken ahead of what has come, so that a body does not move at each read.
const AHEAD: usize = 16 * 1024;

/// A whole body.
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    holding: Holding,
}

impl Whole {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its share of the memory, for as long as a copy of it waits for its upstream.
    pub(super) fn into_holding(self) -> Holding {
        self.holding
    }
}

impl<S: Client> Connection<'_, S> {
    /// Reads the whole body, of at most `cap` bytes.
    pub(super) async fn whole_body(
        &mut self,
        origin: Origin,
        times: BodyTimes,
        facts: Facts,
        cap: u64,
    ) -> Result<Whole, Refusal> {
        let mut holding = self.local.held.hold(origin, Instant::now());
        let longest = match facts.framing {
            BodyFraming::Length(length) => length.min(cap),
            _ => cap,
        };
        let longest = usize::try_from(longest).unwrap_or(usize::MAX);
        let mut room = 0;
        let mut body = Body::new(facts.framing, false, cap);
        let mut whole = Outgoing::new();
        let mut pace = Pace::new(times);
        let mut asked = !facts.expects;
        loop {
            let wanted = whole.len() + self.client.input.len();
            if wanted > room {
                room = (wanted + wanted / 4 + AHEAD).min(longest.max(wanted));
                if !holding.grow(room, Instant::now()) {
                    return Err(refusals::NO_MEMORY);
                }
                let len = whole.len();
                whole.begin().reserve_exact(room - len);
            }
            body.take(&mut self.client.input, &mut whole, usize::MAX)
                .map_err(|fault| refusals::of_body(&fault))?;
            if body.is_done() {
                holding.whole();
                return Ok(Whole {
                    bytes: whole.into_unsent(),
                    holding,
                });
            }
            if !asked {
                asked = true;
                self.ask_to_go_on().await?;
            }
            self.deadline.set(pace.ends(Instant::now(), body.moved()));
            let client = &mut self.client;
            let more = poll_fn(|cx| {
                if holding.poll_given_up(cx) {
                    return Poll::Ready(None);
                }
                client.poll_fill(cx, buffer::LARGE).map(Some)
            });
            match self.deadline.guard(more).await {
                Err(_) => return Err(TOO_SLOW),
                Ok(None) => return Err(refusals::NO_MEMORY),
                Ok(Some(Ok(1..))) => {}
                Ok(Some(_)) => return Err(CUT_SHORT),
            }
        }
    }
    /// Tells a client that waits for it to send its body.
    pub(super) async fn ask_to_go_on(&mut self) -> Result<(), Refusal> {
        let line = b"HTTP/1.1 100 Continue\r\n\r\n";
        self.client.output.begin().extend_from_slice(line);
        if self.send_all().await {
            Ok(())
        } else {
            Err(CUT_SHORT)
        }
    }
}
