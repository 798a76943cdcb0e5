//! A file on its way to a client.
//!
//! Owns the pieces: one is read while nothing else is, and the next only once the client has taken it, so
//! that memory stays flat however slow a client is. Refuses to make a file look whole that became shorter,
//! and to go on for a credential that no longer stands.

use control::Refusal;

use super::{
    connection::{Connection, Facts, Next},
    refusals,
    reset::Client,
};
use crate::stages::{
    OwnAnswer,
    files::{self, AwaitingFile, Reading},
    record::{self, Outcome},
    response,
};

impl<S: Client> Connection<'_, S> {
    /// Looks for a file and sends it. The head of the request takes `len` bytes of the input.
    pub(super) async fn serve_file(
        &mut self,
        awaiting: AwaitingFile,
        facts: Facts,
        len: usize,
    ) -> Next {
        let local = std::rc::Rc::clone(&self.local);
        let request = self.request.request(self.client.input.unread());
        let mut answer = files::open(&local.core, awaiting, &request).await;
        self.client.input.consume(len);
        match answer.take_reading() {
            None => self.own_answer(answer, facts.keep_alive, 0).await,
            Some(reading) => self.send_file(answer, reading, facts.keep_alive).await,
        }
    }

    async fn send_file(
        &mut self,
        answer: OwnAnswer,
        mut reading: Reading,
        keep_alive: bool,
    ) -> Next {
        let local = std::rc::Rc::clone(&self.local);
        let core = &local.core;
        let keep_alive = keep_alive && !local.draining();
        response::write_own(&answer, keep_alive, self.client.output.begin());
        let mut outcome = Outcome {
            status: Some(answer.status()),
            ..Outcome::default()
        };
        match self.send_pieces(&mut reading, &mut outcome).await {
            Ok(()) => {
                record::finish_file(core, answer, &outcome);
                if keep_alive { Next::Again } else { Next::Close }
            }
            Err(refusal) => {
                outcome.broken = Some(refusal);
                record::finish_file(core, answer, &outcome);
                Next::Abort
            }
        }
    }

    async fn send_pieces(
        &mut self,
        reading: &mut Reading,
        outcome: &mut Outcome,
    ) -> Result<(), Refusal> {
        let local = std::rc::Rc::clone(&self.local);
        let core = &local.core;
        let mut buffer = Vec::new();
        while !reading.is_done() {
            if !reading.credential_stands(core) {
                return Err(refusals::KEY_GONE);
            }
            let piece = reading.next(core, buffer).await;
            let piece = piece.ok_or(refusals::FILE_CHANGED)?;
            self.client.output.begin().extend_from_slice(&piece);
            if !self.send_all().await {
                return Err(refusals::CLIENT_LEFT);
            }
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            outcome.sent = outcome.sent.saturating_add(length);
            buffer = piece;
        }
        Ok(())
    }
}
