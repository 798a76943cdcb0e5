//! Upload: what stands in a file, before the app sees a byte of it.
//!
//! Owns which bodies are uploads, what is refused of them by their head alone, and the admission of
//! one that was judged to its end. Refuses what `upload` refuses, in its words, which repeat nothing
//! of a file or its name. Trusts only its own [`Proof`]: an upload that was not judged cannot be
//! admitted.

use std::sync::Arc;

use control::{ControlId, Reason, Refusal};
use ledger::Kind;
use upload::{
    Boundary, Form, UploadRefusal,
    intake::{Kept, Proof},
};
use wire::{BodyFraming, Name, Request};

use super::{
    confine::Confined,
    content::{self, is_bodiless},
    exchange::{Exchange, OwnAnswer},
    forward::{self, Admitted},
    record,
};
use crate::{site::route::Route, tickets::Claimed};

/// The control that refuses uploads.
pub const UPLOAD: ControlId = ControlId("gate.upload");

/// What is to be done with an upload.
#[derive(Debug)]
pub(crate) struct Planned {
    form: Arc<Form>,
    cap: u64,
}

/// A request whose upload is judged before it goes on.
#[derive(Debug)]
pub struct AwaitingUpload {
    exchange: Exchange,
    proof: forward::Proof,
    ticket: Option<Claimed>,
    planned: Planned,
}

impl AwaitingUpload {
    pub(super) const fn new(
        exchange: Exchange,
        proof: forward::Proof,
        ticket: Option<Claimed>,
        planned: Planned,
    ) -> Self {
        Self {
            exchange,
            proof,
            ticket,
            planned,
        }
    }

    /// The request.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) const fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// What it may hold.
    #[must_use]
    pub const fn form(&self) -> &Arc<Form> {
        &self.planned.form
    }

    /// Most bytes of the whole body.
    #[must_use]
    pub const fn cap(&self) -> u64 {
        self.planned.cap
    }

    /// Whether the SHA-256 of the body is needed, because a ticket names it.
    #[must_use]
    pub const fn digested(&self) -> bool {
        self.ticket.is_some()
    }

    /// Ends the request because its body does not come as it should, or there is no room for it.
    #[must_use]
    pub fn refuse(self, refusal: Refusal) -> OwnAnswer {
        OwnAnswer::refused(self.exchange, refusal)
    }

    /// Ends the request because of what it carries.
    #[must_use]
    pub fn turn_away(mut self, refusal: &UploadRefusal) -> OwnAnswer {
        let refusal = told(&mut self.exchange, refusal);
        self.refuse(refusal)
    }
}

/// The refusal of an upload, with its own words for whoever sent it.
#[cold]
fn told(exchange: &mut Exchange, refusal: &UploadRefusal) -> Refusal {
    exchange.told = Some(refusal.to_string().into());
    let reason = Reason(refusal.code());
    let status = refusal.status();
    let refusal = Refusal::new(UPLOAD, status, "the upload is not accepted", reason);
    match status {
        503 => refusal.retry_after(10),
        _ => refusal,
    }
}

/// Whether the body is an upload, and what its head alone refuses, of a request whose parameters were judged.
pub(super) fn plan(
    exchange: &mut Exchange,
    route: &Route,
    request: &Request<'_>,
    _confined: &Confined,
) -> Result<Option<Planned>, Refusal> {
    let Some(uploads) = &route.uploads else {
        return Ok(None);
    };
    let content_type = request.value(Name::ContentType);
    let is_upload = match &route.accepts {
        None => !is_bodiless(request),
        Some(_) => uploads.names(content_type),
    };
    if !is_upload {
        return Ok(None);
    }
    let judged = by_head(&uploads.form, uploads.largest, content_type, request);
    judged.map_err(|refusal| told(exchange, &refusal))?;
    Ok(Some(Planned {
        form: Arc::clone(&uploads.form),
        cap: uploads.largest,
    }))
}

fn by_head(
    form: &Form,
    largest: u64,
    content_type: Option<&[u8]>,
    request: &Request<'_>,
) -> Result<(), UploadRefusal> {
    if request.value(Name::ContentEncoding).is_some() {
        return Err(UploadRefusal::Encoded);
    }
    let boundary = content_type
        .map(Boundary::of_content_type)
        .transpose()?
        .flatten();
    let limit = form.rules().limits().file;
    let most = if boundary.is_some() { largest } else { limit };
    match request.framing() {
        BodyFraming::Length(length) if length > most => Err(UploadRefusal::TooLarge { limit }),
        _ => Ok(()),
    }
}

/// Admits a request whose upload was judged.
///
/// # Errors
///
/// The answer to send instead: of a ticket for another body, or of a ledger that cannot be written.
pub async fn admit(
    awaiting: AwaitingUpload,
    judged: Proof,
    kept: &Kept,
) -> Result<Admitted, OwnAnswer> {
    let AwaitingUpload {
        mut exchange,
        proof,
        ticket,
        ..
    } = awaiting;

    // ticket: its last property, now that the whole body is known.
    let echo = match (ticket, kept.digest()) {
        (None, _) => None,
        (Some(ticket), Some(digest)) => match ticket.redeem_digest(digest) {
            Ok(redeemed) => Some(redeemed),
            Err(refusal) => return Err(OwnAnswer::refused(exchange, refusal.to_refusal())),
        },
        (Some(_), None) => {
            let refusal = told(&mut exchange, &UploadRefusal::NotHeld);
            return Err(OwnAnswer::refused(exchange, refusal));
        }
    };

    // record: on disk before the first byte goes upstream, where the configuration says so.
    if exchange.site.durable()
        && let Err(refusal) = record::decide(&mut exchange, Kind::DECISION).await
    {
        return Err(OwnAnswer::refused(exchange, refusal));
    }
    let content = content::Passed::Uploaded { _proof: judged };
    Ok(Admitted::new(exchange, proof, content, echo, None))
}
