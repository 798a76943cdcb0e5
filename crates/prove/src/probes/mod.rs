//! One file for each family of promises, and the one ordered list of probes.
//!
//! Owns the attacks. A probe takes from its target addresses and shapes, never a secret of the
//! deployment; it writes pairs of attack and twin, which differ in one property, and leaves the
//! verdict to the sheet. To add one: a unit struct with `impl Probe`, a line in [`PROBES`], and
//! the catalogue entry of the same id.

mod accounts;
mod alerts;
mod answers;
mod audit;
mod bodies;
mod browser;
mod children;
mod contract;
mod cookies;
mod correlation;
mod cors;
mod credentials;
mod csrf;
mod documented;
mod draft;
mod exposure;
mod files;
mod framing;
mod identity_headers;
mod issuing;
mod keys;
mod limits;
mod lockout;
mod logins;
mod logs;
mod pages;
mod restricted;
mod retention;
mod roles;
mod routes;
mod rows;
mod sessions;
mod settled;
mod slow;
mod tamper;
mod tokens;
mod told;
mod transport;
mod unrestricted;
mod unwelcome;
mod uploads;
mod visitor;
mod webhooks;

use control::{
    Asked, Probe, Sheet,
    probe::{Guard, RouteFact, Target, TargetError},
};

use self::draft::Draft;

/// Every probe, in the order in which a proof runs them. The first asks whether the app can be
/// reached around the gate, because then nothing else matters.
pub const PROBES: &[&dyn Probe] = &[
    &exposure::OnlyBehindGate,
    &framing::Framing,
    &identity_headers::Stripped,
    &identity_headers::TrustedProxies,
    &routes::HostAllowList,
    &routes::ExactHealthPath,
    &transport::Https,
    &transport::Modern,
    &transport::Newest,
    &transport::Redirect,
    &browser::StrictTransport,
    &browser::Nosniff,
    &browser::Frame,
    &browser::Referrer,
    &credentials::Enforced,
    &credentials::HeaderOnly,
    &correlation::NoAuthority,
    &keys::Scoped,
    &unrestricted::Unrestricted,
    &keys::Revocable,
    &keys::DigestOnly,
    &keys::PrefixEntropy,
    &roles::ByRole,
    &restricted::Restricted,
    &rows::AssignedOnly,
    &rows::FieldsWithheld,
    &rows::CountsOnly,
    &tokens::Genuine,
    &tokens::Expires,
    &unwelcome::Revocable,
    &unwelcome::Once,
    &issuing::Issuing,
    &sessions::Idle,
    &sessions::Longest,
    &sessions::Isolated,
    &cookies::Cookies,
    &csrf::Refused,
    &cors::Named,
    &logins::Genuine,
    &lockout::Locked,
    &accounts::Monitored,
    &alerts::Alerted,
    &accounts::OneAnswer,
    &accounts::Rules,
    &documented::NoneDocumented,
    &answers::Hidden,
    &answers::Formulas,
    &answers::Described,
    &pages::Scripts,
    &pages::Inert,
    &told::Hardened,
    &told::Inside,
    &bodies::Checked,
    &bodies::Text,
    &contract::Contract,
    &uploads::Size,
    &uploads::Type,
    &uploads::Names,
    &uploads::Rows,
    &uploads::Schema,
    &uploads::Audio,
    &uploads::Friendly,
    &files::Confined,
    &files::Names,
    &files::Metadata,
    &files::Parameter,
    &limits::Rate,
    &limits::Uploads,
    &limits::Apart,
    &limits::ReadsFree,
    &slow::Slow,
    &webhooks::Signature,
    &webhooks::RawBody,
    &webhooks::Replay,
    &children::DefaultOn,
    &children::FailClosed,
    &children::DocumentedOpen,
    &logs::NoPayload,
    &logs::NoCredentials,
    &audit::EveryRequest,
    &audit::AuthEvents,
    &logins::Logins,
    &tamper::TamperEvident,
    &retention::Retention,
];

/// The probe of a promise.
#[must_use]
pub fn of(promise: &str) -> Option<&'static dyn Probe> {
    PROBES
        .iter()
        .copied()
        .find(|probe| probe.promise() == promise)
}

/// The route an anchor names, by its path.
fn named_route<'t>(
    at: &'t dyn Target,
    asked: &Asked,
    key: &str,
) -> Result<&'t RouteFact, TargetError> {
    let path = asked.value(key).unwrap_or_default();
    at.facts()
        .routes
        .iter()
        .find(|route| route.path == path)
        .ok_or_else(|| {
            TargetError::new(
                "find the route",
                format!("no [[route]] has the path {path}"),
            )
        })
}

/// The first route whose guard `fits`.
fn first_route(at: &dyn Target, fits: impl Fn(&Guard) -> bool) -> Option<&RouteFact> {
    at.facts().routes.iter().find(|route| fits(&route.guard))
}

/// A plain request that passes, with what its route asks for: an open route where there is one,
/// because then nothing else can be what was refused.
fn passing(at: &dyn Target, sheet: &mut Sheet) -> Result<Option<Draft>, TargetError> {
    let Some(route) = first_route(at, |guard| matches!(guard, Guard::Open(_)))
        .or_else(|| first_route(at, |guard| matches!(guard, Guard::Key(_))))
        .or_else(|| first_route(at, |guard| matches!(guard, Guard::Session(_))))
    else {
        sheet.unproven("no route takes a plain request");
        return Ok(None);
    };
    let draft = Draft::new(at, method_of(route), &route.path);
    Ok(Some(match &route.guard {
        Guard::Key(roles) => draft.field("X-API-Key", &keys::wide_key(at, roles)?),
        Guard::Session(roles) => {
            let fresh = sessions::fresh(at, roles)?;
            sessions::from_our_page(at, &draft, &fresh)
        }
        Guard::Open(_) | Guard::Token(_) | Guard::Certificate(_) | Guard::Webhook(_) => draft,
    }))
}

/// Sends a request to `route` with a ticket and no credential, and says what became of it.
pub(crate) fn bare(at: &dyn Target, route: &RouteFact, body: &[u8]) -> Result<String, TargetError> {
    let mut draft = Draft::new(at, method_of(route), &route.path);
    if draft.body.is_empty() && !body.is_empty() {
        draft = draft.body("application/json", body);
    }
    let reply = draft.ticketed(at)?.send(at)?;
    Ok(match (reply.answer(), draft::Echo::of(&reply)) {
        (_, Some(_)) => "passes: 200 by echo".to_owned(),
        (Some(answer), None) => answer.status.to_string(),
        (None, None) => "no answer".to_owned(),
    })
}

/// The method a plain request to `route` may use.
fn method_of(route: &RouteFact) -> &str {
    &route.method
}
