//! One route: which requests it governs and who may pass.
//!
//! Owns `[[route]]`. Refuses a route that names neither a credential nor a webhook scheme, unless
//! it says `auth = "none"` and why; a path that is not canonical; our own `/.vouchsafe`; an app or
//! a secret that is not configured; and a header override without a reason.

mod guard;

use std::{fmt, path::PathBuf, sync::Arc};

use config::{Fault, Found, Table};
use hooks::Source;
use identity::{
    RoleTable,
    rows::{Answers, Collection},
};

use super::{
    Surroundings,
    accepts::BodyRules,
    app::App,
    collections,
    confine::Parameter,
    contract,
    cors::Cors,
    deployment::host_name,
    files::{self, Folder, NO_APP},
    headers::ResponseHeaders,
    limits::{Limits, RouteLimits},
    observe::{self, Observation},
    output::Output,
    uploads::Uploads,
};
use crate::stages::own;

/// One route, as the stages use it.
#[derive(Debug)]
pub struct Route {
    /// Its place in the configuration, from 0; what a ledger event carries.
    pub index: u16,
    /// The line of the configuration it stands in, from 1.
    pub line: usize,
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
    /// Its app, as an index into [`super::Site::apps`]; [`NO_APP`] where it serves files.
    pub app: usize,
    /// The folder whose files it serves, in the place of an app.
    pub files: Option<Folder>,
    /// Who may pass.
    pub guard: Guard,
    /// What its answers hold of a collection.
    pub answers: Option<Answers>,
    /// Whether each request gets an assertion of its own, bound to method and path.
    pub bind_request: bool,
    /// What its answers tell a browser.
    pub headers: ResponseHeaders,
    /// Which parameters its app takes for names of files.
    pub confine: Vec<Parameter>,
    /// What bodies it takes; any, where it does not say.
    pub accepts: Option<BodyRules>,
    /// What uploads it takes; none of its bodies is judged as one, where it does not say.
    pub uploads: Option<Uploads>,
    /// Which pages of other sites may read its answers.
    pub cors: Option<Cors>,
    /// Until when refusals are only noted, where they are.
    pub(crate) observation: Option<Observation>,
    /// What becomes of its answers.
    pub output: Output,
    /// Sizes and times.
    pub limits: RouteLimits,
}

/// Who may pass a route.
#[derive(Debug)]
pub enum Guard {
    /// Anyone, for the stated reason.
    Open(OpenReason),
    /// Whoever has a credential of an accepted kind, with one of these roles where any are named.
    Credential {
        /// What may be presented.
        accepts: Accepts,
        /// Any of them is enough; empty means that none is needed.
        roles: Vec<Box<str>>,
    },
    /// A sender whose signature verifies.
    Webhook(WebhookGuard),
}

/// Kinds of credentials a route accepts; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// API keys.
    pub keys: bool,
    /// Signed tokens.
    pub tokens: bool,
    /// Sessions of people who are logged in.
    pub sessions: bool,
    /// The certificate that the connection began with.
    pub certificates: bool,
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
    pub source: Arc<Source>,
}

impl fmt::Debug for WebhookGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookGuard({})", self.source.scheme().name)
    }
}

impl Route {
    /// The webhook source, where its signature guards the route.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        match &self.guard {
            Guard::Webhook(guard) => Some(&guard.source),
            _ => None,
        }
    }

    /// Until when refusals are only noted, where the file says that they are.
    #[must_use]
    pub const fn observation(&self) -> Option<&Observation> {
        self.observation.as_ref()
    }

    /// Whether the route lists `method`. Methods are case-sensitive (RFC 9110, section 9.1).
    #[must_use]
    pub fn lists(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|listed| **listed == *method)
    }
}

/// What a route is read against.
pub(super) struct Context<'a> {
    pub(super) surroundings: &'a Surroundings<'a>,
    /// Files and folders that nobody may be served.
    pub(super) private: &'a [PathBuf],
    pub(super) apps: &'a [App],
    pub(super) limits: &'a Limits,
    pub(super) headers: &'a ResponseHeaders,
    /// What each role may do, where a table says so.
    pub(super) roles: Option<&'a RoleTable>,
    /// Which rows apps answer with.
    pub(super) collections: &'a [(Found<String>, Arc<Collection>)],
    /// Whether anybody issues tokens.
    pub(super) tokens: bool,
    /// Whether anybody is known by a certificate.
    pub(super) certificates: bool,
    /// Whether people log in.
    pub(super) people: bool,
}

impl Route {
    /// Reads one `[[route]]`. A fault in it gives `None`, with the faults noted.
    pub(super) fn read(table: &mut Table<'_>, index: u16, context: &Context<'_>) -> Option<Self> {
        let path = table.required_parse("path", "a path such as /api", route_path);
        let exact = table.flag("exact", false);
        let methods = table
            .parse_each("methods", "a method such as GET", method)
            .unwrap_or_default();
        let host = table.parse("host", "a host name without a port", host_name);
        let serves_files = table.has("files");
        let sources = context.surroundings.sources;
        let files = Folder::read(table, sources, context.private);
        let app = if serves_files {
            files.is_some().then_some(NO_APP)
        } else {
            app(table, context.apps)
        };
        let bind = table.optional_one_of("bind", &["request"]);
        let held = table.has("webhook");
        let limits = RouteLimits::read(table, context.limits, held);
        let headers = match table.optional_table("headers") {
            Some(mut headers) => ResponseHeaders::read(&mut headers, context.headers),
            None => context.headers.clone(),
        };
        let accepts = BodyRules::read(table, context.surroundings.sources, limits.body);
        let stated = table.span_of("body").map(|span| (limits.body, span));
        let uploads = Uploads::read(table, stated, held);
        let confine = Parameter::read_all(table);
        let cors = Cors::read(table);
        let mut output = Output::read(table, context.surroundings.sources);
        if let Some(accepts) = &accepts {
            contract::agree(table, accepts, uploads.is_some(), &mut output);
        }
        let source = path.as_ref().map_or("", |path| &path.value);
        let guard = guard::read(table, source, context);
        let guarded = !matches!(guard, Some(Guard::Open(_) | Guard::Webhook(_)));
        let answers = collections::of_route(table, context.collections, guarded);
        let observation = observe::read(table, context.surroundings.now, answers.is_some());
        if let (Some(bind), Some(Guard::Open(_))) = (&bind, &guard) {
            table.fault(
                Fault::new(
                    "route.bind-without-principal",
                    "an open route has no principal to bind",
                )
                .at(bind.span)
                .hint("remove bind, or ask for a key with auth = [\"api-key\"]"),
            );
        }
        let path = path?.value;
        let host = host.map(|host| host.value);
        let mut methods = methods.into_iter().map(|method| method.value).collect();
        if serves_files {
            methods = files::methods(table, methods);
        }
        Some(Self {
            index,
            line: table.line(),
            id: format!(
                "{}{path}{}",
                host.as_deref().unwrap_or_default(),
                if exact { "=" } else { "" }
            )
            .into(),
            path,
            exact,
            methods,
            host,
            app: app?,
            files,
            guard: guard?,
            answers,
            bind_request: bind.is_some(),
            headers,
            confine,
            accepts,
            uploads,
            cors,
            observation,
            output,
            limits,
        })
    }

    /// Whether `self` and `other` would govern the same request.
    pub(super) fn collides(&self, other: &Self) -> bool {
        let share_a_method = match (self.methods.as_slice(), other.methods.as_slice()) {
            ([], _) | (_, []) => true,
            (ours, theirs) => ours.iter().any(|method| theirs.contains(method)),
        };
        self.same_place(other) && self.path == other.path && share_a_method
    }

    /// Whether the two differ in spelling alone, so that a lenient app would take one for the other.
    pub(super) fn nearly_collides(&self, other: &Self) -> bool {
        self.same_place(other)
            && self.path != other.path
            && wire::target::folded(&self.path) == wire::target::folded(&other.path)
    }

    fn same_place(&self, other: &Self) -> bool {
        self.host == other.host && self.exact == other.exact
    }

    /// The route as a person would point at it: `GET,POST /api`.
    pub(super) fn title(&self) -> String {
        let methods = if self.methods.is_empty() {
            "every method of".to_owned()
        } else {
            self.methods.join(",")
        };
        format!("{methods} {}", self.id)
    }
}

/// How the paths and methods of limits are read: as those of routes.
pub(super) const READERS: ::limits::section::Readers = ::limits::section::Readers {
    path: route_path,
    method,
    fold: |path| wire::target::folded(path).into(),
};

pub(super) fn route_path(text: &str) -> Result<Box<str>, &'static str> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err("does not begin with a slash");
    };
    if text.len() > 1024 {
        return Err("is longer than 1,024 bytes");
    }
    if text.len() > 1 && text.ends_with('/') {
        return Err("ends in a slash; a route governs everything below it anyway");
    }
    if text.contains(['%', '?', '#', '\\', ';', '*', '{']) {
        return Err(
            "holds a character that no path of a route may hold: %, ?, #, ;, *, { or a backslash",
        );
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    let sound = rest.is_empty()
        || rest
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && !segment.ends_with('.'));
    if !sound {
        return Err("is not canonical: it has an empty segment or one that ends in a dot");
    }
    let ours = own::PREFIX;
    let reserved = text.len() >= ours.len()
        && text
            .as_bytes()
            .get(..ours.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(ours.as_bytes()))
        && matches!(text.as_bytes().get(ours.len()), None | Some(b'/'));
    if reserved {
        return Err("is reserved: the gate answers below /.vouchsafe itself");
    }
    Ok(text.into())
}

fn method(text: &str) -> Result<Box<str>, &'static str> {
    match text {
        "CONNECT" | "TRACE" => Err("is never forwarded"),
        _ if !text.is_empty()
            && text.len() <= 32
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-') =>
        {
            Ok(text.into())
        }
        _ => Err("is not a method in capitals"),
    }
}

fn app(table: &mut Table<'_>, apps: &[App]) -> Option<usize> {
    let name = table.required_text("app")?;
    let found = apps.iter().position(|app| *app.name == *name.value);
    if found.is_none() {
        let known: Vec<String> = apps.iter().map(|app| format!("\"{}\"", app.name)).collect();
        table.fault(
            Fault::new(
                "route.no-such-app",
                format!("no app is called \"{}\"", name.value),
            )
            .at(name.span)
            .hint(if known.is_empty() {
                "add an [[app]] table with that name and its upstream".to_owned()
            } else {
                format!("write one of {}, or add an [[app]] table", known.join(", "))
            }),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_route_is_canonical() {
        for good in ["/", "/api", "/a/b.c", "/api/v1", "/.well-known/x", "/über"] {
            assert!(route_path(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api",
            "/api/",
            "//",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/a%2fb",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/a;b",
            "/a.",
            "/a*",
            "/.vouchsafe",
            "/.vouchsafe/health",
            "/.Vouchsafe/x",
            "/a\nb",
        ] {
            assert!(route_path(bad).is_err(), "{bad}");
        }
        assert!(route_path("/.vouchsafer").is_ok());
    }

    #[test]
    fn a_method_is_written_in_capitals() {
        assert!(method("GET").is_ok() && method("M-SEARCH").is_ok());
        for bad in ["get", "", "TRACE", "CONNECT", "G T"] {
            assert!(method(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_open_route_needs_a_reason_with_words_in_it() {
        assert!(OpenReason::stated("public page").is_some());
        assert!(OpenReason::stated(" \t").is_none());
    }
}
