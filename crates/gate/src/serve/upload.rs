//! Uploads: bodies that are judged as they come and kept on disk until they are whole.
//!
//! Owns the way of such a body: a piece of it is read, judged elsewhere, and only then is the next one
//! read, so that memory is flat and whoever sends faster than is judged waits. Refuses one that is
//! longer, slower or broken, at once, and one there is no memory for. Nothing of it reaches the app
//! before all of it was judged.

use std::{future::poll_fn, mem, rc::Rc, sync::Arc, task::Poll, time::Duration};

use control::Refusal;
use tokio::time::Instant;
use upload::{UploadRefusal, intake::Kept, intake::Proof};
use wire::{Body, BodyFault, BodyFraming, Name, Outgoing, buffer, exchange::Pace};

use super::{
    connection::{Connection, Facts, Next},
    forward::body_times,
    held::{Holding, Origin},
    kept::Upload,
    refusals,
    reset::Client,
};
use crate::{
    core::CurrentSite,
    stages::{
        body::{CUT_SHORT, TOO_SLOW},
        forward,
        upload::{self as stage, AwaitingUpload},
    },
    uploads::{Away, Uploads},
};

/// Bytes that are judged at once.
const PIECE: usize = 64 * 1024;

/// Memory that one upload may take here and where it is judged: buffers of both connections, the
/// piece that is judged and the one that is sealed.
const MEMORY: usize = 4 * PIECE;

/// Longest time one piece or one whole file may take to be judged.
const JUDGING: Duration = Duration::from_secs(300);

/// Why an upload ended before it was admitted.
enum End {
    /// Because of what is in it.
    Upload(UploadRefusal),
    /// Because of how it came.
    Gate(Refusal),
}

impl From<UploadRefusal> for End {
    fn from(refusal: UploadRefusal) -> Self {
        Self::Upload(refusal)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Gate(refusal)
    }
}

/// An upload that was judged.
struct Judged {
    proof: Proof,
    kept: Away<Kept>,
    place: Arc<Uploads>,
    holding: Holding,
}

impl<S: Client> Connection<'_, S> {
    /// Judges the upload of a request, then forwards it.
    pub(super) async fn judge_upload(
        &mut self,
        site: &CurrentSite,
        awaiting: AwaitingUpload,
        facts: Facts,
        len: usize,
    ) -> Next {
        let local = Rc::clone(&self.local);
        let core = &local.core;
        let head = self.client.input.split_front(len);
        let mut body = Body::new(facts.framing, false, awaiting.cap());
        let judged = self.whole_upload(site, &awaiting, facts, &head, &mut body);
        let judged = judged.await;
        let keep_alive = facts.keep_alive && body.is_done();
        let judged = match judged {
            Ok(judged) => judged,
            Err(End::Upload(refusal)) => {
                let answer = awaiting.turn_away(&refusal);
                return self.own_answer(answer, keep_alive, body.moved()).await;
            }
            Err(End::Gate(refusal)) => {
                let answer = awaiting.refuse(refusal);
                return self.own_answer(answer, false, body.moved()).await;
            }
        };
        let Judged {
            proof,
            kept,
            place,
            holding,
        } = judged;
        let Some(whole) = kept.get() else {
            let answer = awaiting.turn_away(&UploadRefusal::NotHeld);
            return self.own_answer(answer, false, body.moved()).await;
        };
        let length = whole.len();
        let framing = BodyFraming::Length(length);
        let request = self.request.request(&head);
        let written = match stage::admit(awaiting, proof, whole).await {
            Ok(admitted) => {
                forward::write_head(core, admitted, &request, framing, self.upward.begin())
            }
            Err(answer) => Err(answer),
        };
        let forwarding = match written {
            Ok(forwarding) => forwarding,
            Err(answer) => return self.own_answer(answer, keep_alive, body.moved()).await,
        };
        self.client.feed(Box::new(Upload::new(place, kept)));
        let facts = Facts {
            expects: false,
            framing,
            ..facts
        };
        let body = Body::new(framing, false, length);
        let next = self.forward(site, forwarding, facts, body, 0).await;
        self.client.end_feed();
        drop(holding);
        next
    }

    /// Reads, judges and keeps the whole of an upload.
    async fn whole_upload(
        &mut self,
        site: &CurrentSite,
        awaiting: &AwaitingUpload,
        facts: Facts,
        head: &[u8],
        body: &mut Body,
    ) -> Result<Judged, End> {
        let place = self.local.core.gate().uploads.get().map(Arc::clone);
        let place = place.ok_or(UploadRefusal::SpoolFailed)?;
        let exchange = awaiting.exchange();
        let origin = Origin::new(exchange.client, exchange.route);
        let mut holding = self.local.held.hold(origin, Instant::now());
        if !holding.grow(MEMORY, Instant::now()) {
            return Err(refusals::NO_MEMORY.into());
        }
        let limits = site.limits();
        let route = exchange.route().map(|route| route.limits);
        let times = body_times(limits, route.unwrap_or_else(|| limits.of_route()));
        let content_type = self.request.request(head);
        let content_type = content_type.value(Name::ContentType).map(<[u8]>::to_vec);
        let begun = place.begin(
            Arc::clone(awaiting.form()),
            content_type,
            awaiting.digested(),
        );
        let mut intake = self.judging(begun).await?;
        let mut asked = !facts.expects;
        let mut pace = Pace::new(times);
        let mut piece = Outgoing::new();
        loop {
            let taken = body.take(&mut self.client.input, &mut piece, PIECE);
            taken.map_err(|fault| of_body(&fault, awaiting))?;
            if piece.len() >= PIECE || (body.is_done() && !piece.is_empty()) {
                let bytes = mem::take(&mut piece).into_unsent();
                pace.stall(Instant::now());
                let pushed = self.judging(place.push(intake, bytes)).await?;
                intake = pushed.0;
                *piece.begin() = pushed.1;
            } else if body.is_done() {
                let (proof, kept) = self.judging(place.finish(intake)).await?;
                holding.whole();
                return Ok(Judged {
                    proof,
                    kept,
                    place,
                    holding,
                });
            } else {
                if !mem::replace(&mut asked, true) {
                    self.ask_to_go_on().await?;
                }
                self.more_of_upload(&holding, &mut pace, body.moved())
                    .await?;
            }
        }
    }

    /// Waits for what is done elsewhere, and not for ever.
    async fn judging<T>(
        &mut self,
        work: impl Future<Output = Result<T, UploadRefusal>>,
    ) -> Result<T, End> {
        self.deadline.restart(JUDGING);
        match self.deadline.guard(work).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(UploadRefusal::SpoolFailed.into()),
        }
    }

    /// Waits for the next bytes.
    async fn more_of_upload(
        &mut self,
        holding: &Holding,
        pace: &mut Pace,
        moved: u64,
    ) -> Result<(), Refusal> {
        self.deadline.set(pace.ends(Instant::now(), moved));
        let client = &mut self.client;
        let more = poll_fn(|cx| {
            if holding.poll_given_up(cx) {
                return Poll::Ready(None);
            }
            client.poll_fill(cx, buffer::LARGE).map(Some)
        });
        match self.deadline.guard(more).await {
            Err(_) => Err(TOO_SLOW),
            Ok(None) => Err(refusals::NO_MEMORY),
            Ok(Some(Ok(1..))) => Ok(()),
            Ok(Some(_)) => Err(CUT_SHORT),
        }
    }
}

fn of_body(fault: &BodyFault, awaiting: &AwaitingUpload) -> End {
    match fault {
        BodyFault::TooLarge => End::Upload(UploadRefusal::TooLarge {
            limit: awaiting.form().rules().limits().file,
        }),
        fault => End::Gate(refusals::of_body(fault)),
    }
}
