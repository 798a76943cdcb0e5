//! Content: what stands in a body.
//!
//! Owns when a body is judged, and the proof that it was or need not be: [`Passed`], without which
//! nothing is forwarded. Refuses what the rules of its route do not take, with a word on where and why
//! that repeats nothing of it. Trusts `schema` for the judgement.

use control::Refusal;
use schema::{Judged, intake::Intake};
use wire::{BodyFraming, Method, Name, Request};

use super::{
    exchange::Exchange,
    observe::{self, LetPass},
};
use crate::{
    core::Core,
    site::{accepts::BodyRules, route::Route},
};

/// Proof that a body may be passed on.
#[derive(Debug)]
pub(crate) enum Passed {
    /// It was read, and is what its route takes.
    Judged {
        /// What the judging gave.
        _proof: Judged,
    },
    /// It was judged as an upload, to its last byte.
    Uploaded {
        /// What the judging gave.
        _proof: upload::intake::Proof,
    },
    /// Nothing of it need be read.
    Unread(Unread),
    /// It is not what its route takes, which is observed.
    Observed {
        /// That it may pass for now.
        _proof: LetPass,
    },
}

/// Proof that a route takes this body without reading it. Made by [`unread`] alone.
#[derive(Debug)]
pub(crate) struct Unread(());

/// Whether a body need not be read: its route has no rules for bodies, there is none and none is
/// needed, or its type passes as it is.
pub(super) fn unread(route: &Route, request: &Request<'_>) -> Option<Unread> {
    let bodiless = is_bodiless(request);
    let Some(accepts) = &route.accepts else {
        // Where a route takes uploads, whatever has a body is one.
        return (bodiless || route.uploads.is_none()).then_some(Unread(()));
    };
    let named = request.framing() != BodyFraming::None
        && request.value(Name::ContentEncoding).is_none()
        && accepts.passes_unread(request.value(Name::ContentType));
    (bodiless || named).then_some(Unread(()))
}

/// Whether there is no body and none is needed.
pub(super) fn is_bodiless(request: &Request<'_>) -> bool {
    matches!(
        request.framing(),
        BodyFraming::None | BodyFraming::Length(0)
    ) && matches!(
        request.method(),
        Method::Get | Method::Head | Method::Options | Method::Delete
    )
}

/// Judges a whole body, with the framing removed.
pub(super) fn judge(
    core: &Core,
    exchange: &mut Exchange,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Passed, Refusal> {
    let site = exchange.site.clone();
    let route = exchange.route.and_then(|index| site.routes().get(index));
    let Some(route) = route else {
        return Err(super::route::NOTHING);
    };
    if let Some(unread) = unread(route, request) {
        return Ok(Passed::Unread(unread));
    }
    let Some(accepts) = &route.accepts else {
        return Err(super::route::NOTHING);
    };
    match read(accepts, request, body) {
        Ok(proof) => Ok(Passed::Judged { _proof: proof }),
        Err(wrong) => match observe::instead(core, exchange, (&wrong).into()) {
            Ok(proof) => Ok(Passed::Observed { _proof: proof }),
            Err(refusal) => {
                exchange.told = Some(wrong.to_string().into());
                Err(refusal)
            }
        },
    }
}

fn read(
    accepts: &BodyRules,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Judged, schema::Refusal> {
    let content_type = request.value(Name::ContentType);
    match request.value(Name::ContentEncoding) {
        None => accepts.rules.judge(content_type, body),
        coding => {
            let mut intake = Intake::new(accepts.rules.sizes(), coding, None)?;
            intake.push(body)?;
            accepts.rules.judge(content_type, &intake.finish()?)
        }
    }
}
