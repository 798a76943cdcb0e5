//! Ticket: whether a proof asked for the echo instead of the app.
//!
//! Owns the one look at `X-Vouchsafe-Ticket`. Refuses a ticket that does not admit this very
//! request, and never ignores one. Without the header nothing here costs anything.

use control::Refusal;
use wire::{Name, Request, Single};

use crate::{
    core::Core,
    tickets::{Claimed, TicketRefusal},
};

/// Takes the request's ticket, where it carries one.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn claim(core: &Core, request: &Request<'_>) -> Result<Option<Claimed>, Refusal> {
    match request.single(Name::XVouchsafeTicket) {
        Single::Absent => Ok(None),
        Single::Many => Err(TicketRefusal::Duplicate.to_refusal()),
        Single::One(ticket) => core
            .gate
            .tickets()
            .claim(
                ticket,
                request.method_bytes(),
                request.target(),
                core.gate.clock.now(),
            )
            .map(Some)
            .map_err(TicketRefusal::to_refusal),
    }
}
