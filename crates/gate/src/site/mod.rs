//! The configuration as the gate runs it.
//!
//! Owns [`Site`]: deployment, listeners, apps, routes, limits and headers, read once, checked whole
//! and immutable after. Refuses everything `route` and its neighbours refuse, and routes that
//! collide. A reload makes a new one or changes nothing.

pub mod accepts;
mod accounts;
pub mod app;
mod certificates;
mod collections;
pub mod confine;
mod contract;
pub mod cors;
pub mod deployment;
pub mod described;
pub mod desks;
pub mod files;
pub mod headers;
pub mod inside;
mod issuers;
pub mod limits;
pub mod listen;
mod login;
pub mod observe;
pub mod output;
mod roles;
pub mod route;
pub mod router;
pub mod scripts;
pub mod uploads;
mod views;
pub mod warning;

use config::{Fault, Table, secret::Sources};
use control::Timestamp;
use ledger::service::TooManyRoutes;

use self::{
    app::App,
    deployment::Deployment,
    desks::Desks,
    headers::ResponseHeaders,
    limits::Limits,
    listen::Listen,
    route::{Context, Route},
    router::{Found, Router},
};
use crate::room::loads::{self, Loads};

/// Everything the gate needs to know of its configuration.
#[derive(Debug)]
pub struct Site {
    deployment: Deployment,
    listeners: Vec<Listen>,
    apps: Vec<App>,
    routes: Vec<Route>,
    limits: Limits,
    upload_quota: u64,
    rates: ::limits::Rates,
    headers: ResponseHeaders,
    desks: Desks,
    login: Option<identity::oidc::Settings>,
    accounts: Option<identity::account::Settings>,
    issuers: Vec<identity::token::Issuer>,
    certificates: identity::certificate::Holders,
    roles: Option<identity::RoleTable>,
    router: Router,
    durable: bool,
    /// The index under which the ledger knows each route.
    ledger_routes: Vec<u16>,
    /// What its apps have to do, in their order.
    loads: Loads,
}

/// What lies outside the gate's own sections.
pub struct Surroundings<'a> {
    /// Where secrets and relative paths are looked up.
    pub sources: &'a Sources,
    /// Every name under `[secrets]`, with its secret where secrets are resolved.
    pub secrets: &'a hooks::source::Secrets,
    /// Whether `[ledger] durability` is `"sync"`.
    pub durable: bool,
    /// Today, from which the end of an observation is near or not.
    pub now: Timestamp,
}

/// Most routes of a site.
const MOST_ROUTES: usize = 4096;

impl Site {
    /// Reads `[[listen]]`, `[[app]]`, `[[route]]`, `[limits]`, `[uploads]`, `[[rate]]`, `[headers]`, `[tokens]`,
    /// `[keys]`, `[roles]`, `[collections]`, `[login]`, `[accounts]`, `[[issuer]]` and `[[certificate]]` from
    /// `root` and the gate's keys from
    /// `deployment`, whose reading the caller ends. `None` means that faults were
    /// noted; the absence of faults is for [`config::Document::finish`] to say.
    pub fn read(
        root: &mut Table<'_>,
        deployment: &mut Table<'_>,
        surroundings: &Surroundings<'_>,
    ) -> Option<Self> {
        let private = files::private(deployment, surroundings.sources);
        let deployment = Deployment::read(deployment);
        let listeners = Listen::read(root, surroundings.sources, deployment.as_ref());
        let limits = Limits::read(root);
        let upload_quota = uploads::quota(root);
        let rates = ::limits::section::read(root, route::READERS);
        let headers =
            ResponseHeaders::read(&mut root.table("headers"), &ResponseHeaders::default());
        let apps = App::read(root);
        let public_url = deployment.as_ref().map(|it| &*it.public_url.text);
        let (roles, views) = roles::read(root);
        let desks = Desks::read(root, public_url.unwrap_or_default(), roles.as_ref());
        let people = root.has("login") || root.has("accounts");
        let login = login::read(
            root,
            deployment.as_ref().map(|it| &it.public_url),
            surroundings,
            roles.as_ref(),
        );
        let issuers = issuers::read(
            root,
            surroundings.sources,
            public_url.unwrap_or_default(),
            roles.as_ref(),
        );
        let certificates = certificates::read(root, &listeners, roles.as_ref());
        let url = deployment.as_ref().map(|it| &it.public_url);
        let accounts = accounts::read(root, url);
        let accounts_name = accounts.is_some().then_some(identity::account::ISSUER);
        let names: Vec<&str> = login
            .iter()
            .map(|login| &*login.issuer)
            .chain(accounts_name)
            .chain(issuers.iter().map(|issuer| &*issuer.rules().issuer))
            .collect();
        let collections = collections::read(root, views, &names);
        let context = Context {
            people,
            collections: &collections,
            surroundings,
            private: &private,
            apps: &apps,
            limits: &limits,
            headers: &headers,
            roles: roles.as_ref(),
            tokens: desks.tokens().is_some() || !issuers.is_empty(),
            certificates: !certificates.is_empty(),
        };
        let routes = read_routes(root, &context)?;
        collections::all_answered(root, &collections, &routes);
        desks.part_from(&routes, root);
        let router = Router::new(&routes, |path| wire::target::folded(path).into_owned());
        Some(Self {
            deployment: deployment?,
            listeners,
            apps,
            routes,
            limits,
            upload_quota,
            rates,
            headers,
            desks,
            login,
            accounts,
            issuers,
            certificates,
            roles,
            router,
            durable: surroundings.durable,
            ledger_routes: Vec::new(),
            loads: Loads::default(),
        })
    }

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

    /// Most bytes that all uploads together may take on disk.
    #[must_use]
    pub const fn upload_quota(&self) -> u64 {
        self.upload_quota
    }

    /// How often, and how many at once, by who asks.
    #[must_use]
    pub const fn rates(&self) -> &::limits::Rates {
        &self.rates
    }

    /// What answers tell a browser where no route says otherwise.
    #[must_use]
    pub const fn headers(&self) -> &ResponseHeaders {
        &self.headers
    }

    /// Where people log in, if they do.
    #[must_use]
    pub const fn login(&self) -> Option<&identity::oidc::Settings> {
        self.login.as_ref()
    }

    /// What is asked of local accounts, if there are any.
    #[must_use]
    pub const fn accounts(&self) -> Option<&identity::account::Settings> {
        self.accounts.as_ref()
    }

    /// What it hands out itself.
    #[must_use]
    pub const fn desks(&self) -> &Desks {
        &self.desks
    }

    /// Others whose tokens it believes.
    #[must_use]
    pub fn issuers(&self) -> &[identity::token::Issuer] {
        &self.issuers
    }

    /// Whom client certificates stand for.
    #[must_use]
    pub const fn certificates(&self) -> &identity::certificate::Holders {
        &self.certificates
    }

    /// What each role may do, where a table says so; without one, whatever their routes ask for.
    #[must_use]
    pub const fn roles(&self) -> Option<&identity::RoleTable> {
        self.roles.as_ref()
    }

    /// Whether it believes any tokens at all.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.desks.tokens().is_some() || !self.issuers.is_empty()
    }

    /// Whether decisions are on disk before the first byte goes upstream.
    #[must_use]
    pub const fn durable(&self) -> bool {
        self.durable
    }

    /// Asks the ledger for the indexes under which it will name these routes.
    pub(crate) fn name_routes(&mut self, ledger: &ledger::Ledger) -> Result<(), TooManyRoutes> {
        self.ledger_routes = self
            .routes
            .iter()
            .map(|route| ledger.route(&route.id).map(|index| index.0))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Takes up what its apps have to do already.
    pub(crate) fn take_up_loads(&mut self, registry: &loads::Registry) {
        self.loads = registry.of(&self.apps);
    }

    /// Goes on with what the limits of `before` have counted.
    pub(crate) fn take_up_rates(&mut self, before: &Self) {
        self.rates.take_up(&before.rates);
    }

    /// Goes on with whoever `before` knew by a certificate, and ends whoever is not here any more.
    pub(crate) fn take_up_certificates(&mut self, before: &Self) {
        self.certificates.take_up(&before.certificates);
    }

    /// Takes up the keys that issuers of `before` have published.
    pub fn take_up_keys(&self, before: &Self) {
        for issuer in &self.issuers {
            for other in &before.issuers {
                issuer.adopt(other);
            }
        }
    }

    /// What its apps have to do.
    pub(crate) const fn loads(&self) -> &Loads {
        &self.loads
    }

    /// The index under which the ledger knows the route with this index.
    pub(crate) fn ledger_route(&self, index: usize) -> Option<u16> {
        self.ledger_routes.get(index).copied()
    }

    /// What `Allow` lists at this place: the methods of the routes that govern it.
    pub(crate) fn allowed(&self, host: &[u8], plain: &str) -> Box<str> {
        self.router.allowed(&self.routes, host, plain).into()
    }

    /// The route that governs a request for `host` (without its port).
    #[must_use]
    pub fn find(&self, host: &[u8], plain: &str, folded: &str, method: &str) -> Found {
        self.router.find(&self.routes, host, plain, folded, method)
    }
}

fn read_routes(root: &mut Table<'_>, context: &Context<'_>) -> Option<Vec<Route>> {
    let tables = root.tables("route");
    if tables.is_empty() && !root.has("route") {
        root.fault(
            Fault::new(
                "route.none",
                "no route is configured, so nothing would be served",
            )
            .hint("add a [[route]] table with path, app and auth"),
        );
    }
    let mut routes: Vec<Route> = Vec::new();
    let mut whole = true;
    for (place, mut table) in tables.into_iter().enumerate() {
        let index = u16::try_from(place)
            .ok()
            .filter(|index| usize::from(*index) < MOST_ROUTES);
        let Some(index) = index else {
            table.fault(
                Fault::new(
                    "route.too-many",
                    format!("there are more than {MOST_ROUTES} routes"),
                )
                .at(table.span())
                .hint("let one route govern a whole path"),
            );
            return None;
        };
        let Some(route) = Route::read(&mut table, index, context) else {
            whole = false;
            continue;
        };
        for before in &routes {
            if let (Some(theirs), Some(ours)) = (before.source(), route.source())
                && ours.takes_deliveries_of(theirs)
            {
                table.fault(
                    Fault::new(
                        "route.shared-secret",
                        format!(
                            "route number {} ({}) and route number {} ({}) share a webhook secret, \
                             and {} does not sign where a delivery goes",
                            before.index + 1,
                            before.title(),
                            route.index + 1,
                            route.title(),
                            ours.scheme().name
                        ),
                    )
                    .at(table.span())
                    .label("takes what was sent to the other")
                    .hint("give each of them a secret of its own at the provider"),
                );
            }
            if before.collides(&route) {
                table.fault(
                    Fault::new(
                        "route.collision",
                        format!(
                            "route number {} ({}) and route number {} ({}) govern the same requests",
                            before.index + 1,
                            before.title(),
                            route.index + 1,
                            route.title()
                        ),
                    )
                    .at(table.span())
                    .label("the second")
                    .hint("remove one, or give them different methods, hosts or paths"),
                );
            } else if before.nearly_collides(&route) {
                table.fault(
                    Fault::new(
                        "route.near-collision",
                        format!(
                            "the paths of route number {} ({}) and route number {} ({}) differ in \
                             spelling alone",
                            before.index + 1,
                            before.id,
                            route.index + 1,
                            route.id
                        ),
                    )
                    .at(table.span())
                    .hint("keep one spelling: requests for the other are refused as ambiguous"),
                );
            }
        }
        routes.push(route);
    }
    whole.then_some(routes)
}

#[cfg(test)]
mod tests;
