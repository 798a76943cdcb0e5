//! The configuration as the gate runs it.
//!
//! Owns [`Site`]: deployment, listeners, apps, routes, limits and headers, read once, checked whole
//! and immutable after. Refuses everything `route` and its neighbours refuse, and routes that
//! collide. A reload makes a new one or changes nothing.

pub mod app;
pub mod deployment;
pub mod headers;
pub mod limits;
pub mod listen;
pub mod route;
pub mod router;

use self::{
    app::App,
    deployment::Deployment,
    headers::ResponseHeaders,
    limits::Limits,
    listen::Listen,
    route::Route,
    router::{Found, Router},
};

/// Everything the gate needs to know of its configuration.
#[derive(Debug)]
pub struct Site {
    deployment: Deployment,
    listeners: Vec<Listen>,
    apps: Vec<App>,
    routes: Vec<Route>,
    limits: Limits,
    headers: ResponseHeaders,
    router: Router,
    durable: bool,
}

impl Site {
    /// Who this deployment is.
    #[must_use]
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Where it listens.
    #[must_use]
    pub fn listeners(&self) -> &[Listen] {
        &self.listeners
    }

    /// The apps behind it.
    #[must_use]
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// Its routes in the order of the file.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Limits of the whole site.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What answers tell a browser where no route says otherwise.
    #[must_use]
    pub const fn headers(&self) -> &ResponseHeaders {
        &self.headers
    }

    /// Whether decisions are on disk before the first byte goes upstream.
    #[must_use]
    pub const fn durable(&self) -> bool {
        self.durable
    }

    /// The route that governs a request for `host` (without its port).
    #[must_use]
    pub fn find(&self, host: &str, plain: &str, folded: &str, method: &str) -> Found {
        self.router.find(&self.routes, host, plain, folded, method)
    }
}
