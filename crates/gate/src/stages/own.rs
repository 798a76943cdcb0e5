//! Our own endpoints, under `/.vouchsafe/`.
//!
//! Owns the health check and the key set that verifies our assertions. Refuses every other path
//! below `/.vouchsafe`, every spelling but the exact one and every method but GET and HEAD. Nothing
//! here reaches an app or reads a body.

use std::sync::Arc;

use control::Refusal;
use wire::{Method, Request};

use super::{framing::Paths, route};
use crate::core::Core;

/// The path below which nothing is ever forwarded.
pub const PREFIX: &str = "/.vouchsafe";
/// Answers 200 while the gate serves.
pub const HEALTH: &str = "/.vouchsafe/health";
/// The JSON Web Key Set of the assertions.
pub const JWKS: &str = "/.vouchsafe/jwks.json";

/// One of our own documents.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    /// `{"status":"ok"}`.
    Health,
    /// The key set.
    Jwks(Arc<str>),
}

impl Document {
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Health => b"{\"status\":\"ok\"}\n",
            Self::Jwks(text) => text.as_bytes(),
        }
    }
}

/// The document at this path, where the path is ours.
#[cfg_attr(feature = "profile", inline(never))]
pub(crate) fn find(
    core: &Core,
    paths: &Paths<'_>,
    request: &Request<'_>,
) -> Result<Option<Document>, Refusal> {
    if !below(&paths.plain) && !below(paths.folded()) {
        return Ok(None);
    }
    let document = match &*paths.plain {
        HEALTH => Document::Health,
        JWKS => Document::Jwks(core.gate.signer.jwks()),
        _ => return Err(route::NOTHING),
    };
    match request.method() {
        Method::Get | Method::Head => Ok(Some(document)),
        _ => Err(route::NOT_LISTED),
    }
}

fn below(path: &str) -> bool {
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
