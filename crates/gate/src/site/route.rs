//! One route: which requests it governs and who may pass.
//!
//! Owns `[[route]]`. Refuses a route that names neither a credential nor a webhook scheme, unless
//! it says `auth = "none"` and why; a path that is not canonical; our own `/.vouchsafe`; an app or
//! a secret that is not configured; and a header override without a reason.

use std::{fmt, sync::Arc};

use super::{headers::ResponseHeaders, limits::RouteLimits};

/// One route, as the stages use it.
#[derive(Debug)]
pub struct Route {
    /// Its place in the configuration, from 0; what a ledger event carries.
    pub index: u16,
    /// Its name for people, apps (`aud` of the assertion) and the ledger: `host` where it has one,
    /// then its path, with a final `=` where it is exact.
    pub id: Box<str>,
    /// Path, by whole segments; canonical.
    pub path: Box<str>,
    /// Whether it governs that path alone.
    pub exact: bool,
    /// Methods it lists; empty means all.
    pub methods: Vec<Box<str>>,
    /// The host it is limited to, in lower case.
    pub host: Option<Box<str>>,
    /// Its app, as an index into [`super::Site::apps`].
    pub app: usize,
    /// Who may pass.
    pub guard: Guard,
    /// Whether each request gets an assertion of its own, bound to method and path.
    pub bind_request: bool,
    /// What its answers tell a browser.
    pub headers: ResponseHeaders,
    /// Sizes and times.
    pub limits: RouteLimits,
}

/// Who may pass a route.
#[derive(Debug)]
pub enum Guard {
    /// Anyone, for the stated reason.
    Open(OpenReason),
    /// A key, with one of these roles where any are named.
    Key {
        /// Any of them is enough; empty means any key with the scope.
        roles: Vec<Box<str>>,
    },
    /// A sender whose signature verifies.
    Webhook(WebhookGuard),
}

/// Why a route asks for no credential. Made only by the reader of `[[route]]`, from
/// `auth = "none"` beside a `reason`: without one there is no open route.
#[derive(Debug)]
pub struct OpenReason(Box<str>);

impl OpenReason {
    pub(super) fn stated(reason: &str) -> Option<Self> {
        let reason = reason.trim();
        (!reason.is_empty()).then(|| Self(reason.into()))
    }

    /// Lets a request pass.
    pub(crate) const fn pass(&self) -> OpenPass {
        OpenPass(())
    }

    /// The reason as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Proof that an open route let a request pass, made from the route's own [`OpenReason`].
#[derive(Debug)]
pub(crate) struct OpenPass(());

/// What a webhook route verifies with.
#[derive(Clone)]
pub struct WebhookGuard {
    /// The source, with its scheme and its secrets.
    pub source: Arc<hooks::Source>,
}

impl fmt::Debug for WebhookGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookGuard({})", self.source.scheme().name)
    }
}

impl Route {
    /// Whether the route lists `method`. Methods are case-sensitive (RFC 9110, section 9.1).
    #[must_use]
    pub fn lists(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|listed| **listed == *method)
    }
}
