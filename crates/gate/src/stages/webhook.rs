//! Webhook: whether the provider sent these very bytes, and whether it did so before.
//!
//! Owns the step from a whole body to a verified delivery, and from there to a claim in the replay
//! table. Refuses a delivery before any of its fields is read, and forwards a repeat nowhere.
//! Trusts the configured public URL, never the request's idea of it.

use control::{Reason, Refusal};
use hooks::{Ack, Admission, Answer, Claim, Delivery, Signature, Verified};
use ledger::PrincipalId;
use tokio::time::timeout;
use wire::Request;

use super::{exchange::Exchange, record::DISK_PATIENCE};
use crate::{
    core::Core,
    site::route::WebhookGuard,
    tickets::{Claimed, TicketRefusal},
};

/// The replay table does not answer.
const STORE_SLOW: Refusal = Refusal::new(
    hooks::replay::REPLAY,
    503,
    "Deliveries cannot be accepted right now. Send it again later.",
    Reason("store-slow"),
)
.retry_after(5);

/// What the signature says of a request.
pub(crate) enum Heard {
    /// A delivery, and it is genuine.
    Delivery(Verified<Signature>),
    /// The provider asks something that the gate answers itself.
    Question(Answer),
}

/// Verifies the received bytes. A ticket's own secret replaces the configured ones, and a request
/// with a ticket asks nothing: a proof is about deliveries.
pub(crate) fn verify(
    core: &Core,
    exchange: &Exchange,
    guard: &WebhookGuard,
    ticket: Option<&Claimed>,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Heard, Refusal> {
    let source = &guard.source;
    let refused = |refusal| source.refused(refusal);
    let headers: Vec<(&[u8], &[u8])> = request
        .fields()
        .map(|field| (field.name(), field.value()))
        .collect();
    let method = std::str::from_utf8(request.method_bytes())
        .map_err(|_| refused(hooks::SignatureRefusal::WrongMethod))?;
    let delivery = Delivery {
        method,
        public_url: &exchange.site.deployment().public_url.text,
        target: request.path_and_query(),
        headers: &headers,
        body,
        now: core.gate.clock.now(),
    };
    if let Some(secret) = ticket.and_then(Claimed::secret) {
        return source
            .with_secret(secret)
            .map_err(|_| TicketRefusal::Mismatch.to_refusal())?
            .verify(&delivery)
            .map(Heard::Delivery)
            .map_err(refused);
    }
    if ticket.is_some() {
        let genuine = source.verify(&delivery).map_err(refused)?;
        return Ok(Heard::Delivery(genuine));
    }
    if let Some(answer) = source.greet(&delivery).map_err(refused)? {
        return Ok(Heard::Question(answer));
    }
    let genuine = source.verify(&delivery).map_err(refused)?;
    let asked = source.reply(&genuine, &delivery).map_err(refused)?;
    Ok(asked.map_or(Heard::Delivery(genuine), Heard::Question))
}

/// What a genuine delivery may do next.
pub(crate) enum Next {
    /// Go to the app.
    Forward(Claim),
    /// It was done before.
    Duplicate(&'static Ack),
}

/// Claims the delivery in the replay table, so that no other copy of it is on its way.
pub(crate) async fn claim(
    core: &Core,
    exchange: &Exchange,
    guard: &WebhookGuard,
    delivery: &Verified<Signature>,
) -> Result<Next, Refusal> {
    let patience = exchange
        .route()
        .map_or(exchange.site.limits().answer, |route| {
            route.limits.connect + route.limits.answer
        });
    let asked = core.gate.replay.admit(
        &guard.source,
        delivery,
        patience,
        &*core.gate.rng,
        core.gate.clock.now(),
    );
    // A claim that is made after all holds repeats back until its lease ends, and nothing else.
    let admission = timeout(DISK_PATIENCE, asked).await;
    match admission.unwrap_or(Admission::Refused(STORE_SLOW)) {
        Admission::Forward(claim) => Ok(Next::Forward(claim)),
        Admission::Duplicate(ack) => Ok(Next::Duplicate(ack)),
        Admission::Refused(refusal) => Err(refusal),
    }
}

/// Gives a claim back because the delivery goes no further.
pub(crate) fn release(core: &Core, claim: Claim) {
    let (replay, now) = (core.gate.replay.clone(), core.gate.clock.now());
    core.gate.service.spawn(async move {
        // A failure leaves the lease to run out.
        let _ = replay.settle(claim, None, now).await;
    });
}

/// The name under which the ledger knows a source: its route's path where that is short enough, the
/// beginning of its digest otherwise.
pub(crate) fn principal(guard: &WebhookGuard) -> Option<PrincipalId> {
    let id = guard.source.id();
    PrincipalId::new(id).or_else(|| {
        let digest = seal::encode::hex(&seal::sha256(id.as_bytes()));
        PrincipalId::new(digest.get(..16)?)
    })
}
