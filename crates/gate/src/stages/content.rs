//! Content: what stands in a body.
//!
//! Owns when a body is judged, and the proof that it was or need not be: [`Passed`], without which
//! nothing is forwarded. Refuses what the rules of its route do not take, with a word on where and why
//! that repeats nothing of it. Trusts `schema` for the judgement.

use std::borrow::Cow;

use control::Refusal;
use schema::{Judged, intake::Intake, openapi::Api};
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
    // A description speaks of paths and queries as well, which every request has.
    if accepts.contract().is_some() {
        return None;
    }
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
    let judged = match accepts.contract() {
        Some(api) => described(exchange, api, accepts, request, body),
        None => read(accepts, request, body),
    };
    match judged {
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
    let body = inflated(accepts, request, body)?;
    accepts.judge(content_type, &body)
}

/// Holds a request against the description of its route, and notes for its answer which operation it is.
fn described(
    exchange: &mut Exchange,
    api: &Api,
    accepts: &BodyRules,
    request: &Request<'_>,
    body: &[u8],
) -> Result<Judged, schema::Refusal> {
    // A method that is no text is none of the description.
    let method = str::from_utf8(request.method_bytes()).unwrap_or_default();
    let asked = api.request(method, request.path(), request.query());
    let asked = asked.inspect_err(|wrong| {
        if wrong.status() == 405 {
            exchange.allowed = api.allowed(request.path()).map(Into::into);
        }
    })?;
    exchange.operation = Some(asked.place());
    let body = inflated(accepts, request, body)?;
    asked.judge(request.value(Name::ContentType), &body)
}

fn inflated<'b>(
    accepts: &BodyRules,
    request: &Request<'_>,
    body: &'b [u8],
) -> Result<Cow<'b, [u8]>, schema::Refusal> {
    match request.value(Name::ContentEncoding) {
        None => Ok(Cow::Borrowed(body)),
        coding => {
            let mut intake = Intake::new(accepts.sizes(), coding, None)?;
            intake.push(body)?;
            Ok(Cow::Owned(intake.finish()?))
        }
    }
}
