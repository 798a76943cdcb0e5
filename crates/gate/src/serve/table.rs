//! A table on its way to a spreadsheet.
//!
//! Owns the streaming of it through [`schema::csv_export`], piece by piece: as much is held as one piece
//! and its rewriting take, however long the table is. Refuses, in place of the answer, a table that is
//! found unreadable before any of it has left; one that turns out so later breaks off, so that nobody
//! takes it for whole.

use std::io::{ErrorKind, Write as _};

use control::Refusal;
use schema::csv_export::CsvExport;
use tokio::net::TcpStream;
use wire::{
    Allowed, AnswerHead, Body, BodyFraming, Exchange, ExchangeFault, Outgoing, Stream, Version,
    buffer,
};

use super::{
    answer::{End, no_longer_allowed},
    connection::{Facts, Next},
    hidden::nothing,
    local::Local,
    refusals,
};
use crate::{
    site::output::Tables,
    stages::{Forwarding, output::UNREADABLE, record::Outcome, response},
};

/// How the rewriting of a table ended.
enum Ended {
    /// All of it has been sent.
    Whole,
    /// Nothing of it has left: this is said instead.
    Instead(Refusal),
    /// It breaks off.
    Broken(Refusal),
}

/// Sends the table down whose head takes `len` bytes of the upstream's input.
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
    let framed = match (framing, facts.version) {
        (BodyFraming::None, _) => BodyFraming::None,
        (_, Version::Http11) => BodyFraming::Chunked,
        (_, Version::Http10) => BodyFraming::UntilClose,
    };
    let keep_alive = facts.keep_alive
        && framed != BodyFraming::UntilClose
        && exchange.request_sent()
        && !local.draining();
    let mut begins = Vec::new();
    response::write_head(forwarding, &answer, framed, keep_alive, &mut begins);
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
    let mut rewriting = Rewriting {
        local,
        forwarding,
        begins,
        framed,
        sent: 0,
    };
    match rewriting.run(exchange, framing).await {
        Ended::Whole => {
            end.reusable = answer.keep_alive()
                && exchange.request_sent()
                && framing != BodyFraming::UntilClose;
            end.next = if keep_alive { Next::Again } else { Next::Close };
        }
        Ended::Instead(refusal) => end.replaced = Some(refusal),
        Ended::Broken(refusal) => end.outcome.broken = Some(refusal),
    }
    end.outcome.sent = rewriting.sent;
    let more = exchange.request_bytes().saturating_sub(before);
    end.outcome.received = received.saturating_add(more);
    end
}

struct Rewriting<'r> {
    local: &'r Local,
    forwarding: &'r Forwarding,
    /// The head, until the first bytes behind it leave.
    begins: Vec<u8>,
    framed: BodyFraming,
    /// Bytes of the table that were sent.
    sent: u64,
}

impl Rewriting<'_> {
    async fn run<C: Stream>(
        &mut self,
        exchange: &mut Exchange<'_, C, TcpStream>,
        framing: BodyFraming,
    ) -> Ended {
        let mut body = Body::new(framing, false, u64::MAX);
        let mut export = CsvExport::new(Tables::RULES);
        let (mut plain, mut cells) = (Outgoing::new(), Vec::new());
        let mut ended = false;
        loop {
            plain.clear();
            let input = &mut exchange.upstream.input;
            if body.take(input, &mut plain, buffer::LARGE).is_err() {
                return self.fails(refusals::BROKEN);
            }
            if export.push(plain.unsent(), &mut cells).is_err() {
                return self.fails(UNREADABLE);
            }
            if body.is_done() || ended {
                break;
            }
            if !cells.is_empty() {
                if let Err(refusal) = self.flush(exchange, &cells).await {
                    return Ended::Broken(refusal);
                }
                cells.clear();
            }
            if exchange.upstream.input.is_empty() || plain.is_empty() {
                exchange.heard();
                match self.more(exchange, framing).await {
                    Ok(last) => ended = last,
                    Err(refusal) => return self.fails(refusal),
                }
            }
        }
        if framing != BodyFraming::None && export.finish(&mut cells).is_err() {
            return self.fails(UNREADABLE);
        }
        match self.last(exchange, &cells).await {
            Ok(()) => Ended::Whole,
            Err(refusal) => Ended::Broken(refusal),
        }
    }

    /// Waits for more of the table; `true` at the end of one that has no other.
    async fn more<C: Stream>(
        &self,
        exchange: &mut Exchange<'_, C, TcpStream>,
        framing: BodyFraming,
    ) -> Result<bool, Refusal> {
        let stands = || self.forwarding.credential_stands(&self.local.core);
        let allowed: Allowed<'_> = if self.forwarding.has_credential() {
            Some(&stands)
        } else {
            None
        };
        match exchange.answer_bytes(buffer::LARGE, allowed).await {
            Ok(_) => Ok(false),
            Err(ExchangeFault::UpstreamClosed(fault))
                if framing == BodyFraming::UntilClose
                    && fault.kind() == ErrorKind::UnexpectedEof =>
            {
                Ok(true)
            }
            Err(ExchangeFault::Revoked) => Err(no_longer_allowed(self.local, self.forwarding)),
            Err(fault) if self.begins.is_empty() => Err(refusals::within_answer(&fault)),
            Err(fault) => Err(refusals::before_answer(&fault)),
        }
    }

    /// Sends rewritten bytes, behind the head where that is still to leave.
    async fn flush<C: Stream>(
        &mut self,
        exchange: &mut Exchange<'_, C, TcpStream>,
        cells: &[u8],
    ) -> Result<(), Refusal> {
        let out = exchange.client.output.begin();
        out.append(&mut self.begins);
        if self.framed == BodyFraming::Chunked && !cells.is_empty() {
            // Writing to memory does not fail.
            let _ = write!(out, "{:x}\r\n", cells.len());
            out.extend_from_slice(cells);
            out.extend_from_slice(b"\r\n");
        } else {
            out.extend_from_slice(cells);
        }
        self.sent = self.sent.saturating_add(cells.len() as u64);
        let idle = self.forwarding.limits().answer;
        let sent = exchange.relay(&mut nothing(), idle, false, None).await;
        sent.map_err(|fault| refusals::within_answer(&fault))
    }

    async fn last<C: Stream>(
        &mut self,
        exchange: &mut Exchange<'_, C, TcpStream>,
        cells: &[u8],
    ) -> Result<(), Refusal> {
        if self.framed == BodyFraming::Chunked && !cells.is_empty() {
            self.flush(exchange, cells).await?;
        }
        let last: &[u8] = match self.framed {
            BodyFraming::Chunked => b"0\r\n\r\n",
            _ => cells,
        };
        let out = exchange.client.output.begin();
        out.append(&mut self.begins);
        out.extend_from_slice(last);
        if self.framed != BodyFraming::Chunked {
            self.sent = self.sent.saturating_add(cells.len() as u64);
        }
        let idle = self.forwarding.limits().answer;
        let sent = exchange.relay(&mut nothing(), idle, false, None).await;
        sent.map_err(|fault| refusals::within_answer(&fault))
    }

    fn fails(&self, refusal: Refusal) -> Ended {
        if self.begins.is_empty() {
            Ended::Broken(refusal)
        } else {
            Ended::Instead(refusal)
        }
    }
}
