//! Session: people who are logged in, as their browsers show it.
//!
//! Owns the cookie, and the check that a request which changes something was made by a page of ours.
//! Refuses two sessions in one request, and whatever another site makes a browser send. Our cookies
//! never reach an app, and no app sets one of ours; every other cookie stays as it is, byte for byte.

use control::{ControlId, Reason, Refusal};
use identity::{SessionRefusal, session::Seen};
use tokio::time::timeout;
use wire::{Method, Name, Request};

use super::{
    authenticate::{Caller, Unproven},
    exchange::Exchange,
    record::DISK_PATIENCE,
};
use crate::{
    core::Core,
    site::{Site, deployment::Deployment},
};

/// The cookie that holds a session's id.
pub const COOKIE: &[u8] = b"__Host-vouchsafe";

/// The cookie that holds a browser's secret while it logs in.
pub(crate) const BINDING: &[u8] = b"__Host-vouchsafe-login";

/// The control that refuses what another site makes a browser send.
pub const CSRF: ControlId = ControlId("gate.csrf");

const FOREIGN: Refusal = Refusal::new(
    CSRF,
    403,
    "This request does not come from a page of this site.",
    Reason("csrf-cross-site"),
);

const NOWHERE: Refusal = Refusal::new(
    CSRF,
    403,
    "This request does not say which page it comes from.",
    Reason("csrf-no-origin"),
);

/// The one value of our cookie in a request.
pub(crate) fn cookie<'r>(
    request: &Request<'r>,
    name: &[u8],
) -> Result<Option<&'r [u8]>, SessionRefusal> {
    let mut found = None;
    for field in request.values(Name::Cookie) {
        for pair in field.split(|byte| *byte == b';') {
            let value = value_of(pair, name);
            if value.is_some() && std::mem::replace(&mut found, value).is_some() {
                return Err(SessionRefusal::Ambiguous);
            }
        }
    }
    Ok(found)
}

/// The value of a pair, where it has this name.
fn value_of<'p>(pair: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    let rest = pair.trim_ascii().strip_prefix(name)?;
    rest.strip_prefix(b"=")
}

/// Finds out who is logged in, as far as that can be said without waiting.
pub(crate) fn look(
    core: &Core,
    exchange: &mut Exchange,
    request: &Request<'_>,
) -> Result<Caller, Refusal> {
    let looked = look_up(core, exchange, request);
    // Where to log in is made up only for those who may have to: it costs an allocation.
    if !matches!(looked, Ok(Caller::Known(_))) {
        let begins = begins(&exchange.site);
        exchange.login = navigation(begins, request);
    }
    looked
}

fn look_up(core: &Core, exchange: &mut Exchange, request: &Request<'_>) -> Result<Caller, Refusal> {
    let presented = cookie(request, COOKIE)?.ok_or(SessionRefusal::Missing)?;
    let people = core.gate.people.get().ok_or(SessionRefusal::Away)?;
    // Whatever it is, if it is refused the browser need not keep it.
    exchange.clears = true;
    match people.live.look(presented, exchange.at)? {
        Seen::Good(verified) => Ok(Caller::Known(verified)),
        Seen::Unconfirmed(unconfirmed) => Ok(Caller::Unproven(Unproven::Session(unconfirmed))),
    }
}

/// Asks the store whether somebody is logged in, on the service runtime.
pub(crate) async fn confirm(
    core: &Core,
    unconfirmed: identity::session::Unconfirmed,
    now: control::Timestamp,
) -> Result<identity::Verified, SessionRefusal> {
    let people = core.gate.people.get().ok_or(SessionRefusal::Away)?;
    let sessions = people.sessions.clone();
    let asked = core
        .gate
        .service
        .spawn(async move { sessions.confirm(unconfirmed, now).await });
    match timeout(DISK_PATIENCE, asked).await {
        Ok(Ok(confirmed)) => confirmed,
        Ok(Err(_)) | Err(_) => Err(SessionRefusal::Away),
    }
}

/// Whose session it is that is presented, as far as it still is somebody's: for the ledger.
pub(crate) async fn whose(
    core: &Core,
    presented: &[u8],
    now: control::Timestamp,
) -> Option<ledger::PrincipalId> {
    let live = &core.gate.people.get()?.live;
    let verified = match live.look(presented, now).ok()? {
        Seen::Good(verified) => verified,
        Seen::Unconfirmed(unconfirmed) => confirm(core, unconfirmed, now).await.ok()?,
    };
    ledger::PrincipalId::new(verified.principal().id())
}

/// Refuses what another site made the browser of somebody send who is logged in: everything that may
/// change something, and every WebSocket.
pub(crate) fn same_site(deployment: &Deployment, request: &Request<'_>) -> Result<(), Refusal> {
    let reads = matches!(
        request.method(),
        Method::Get | Method::Head | Method::Options
    );
    if reads && !request.is_websocket() {
        return Ok(());
    }
    let origin = request.value(Name::Origin);
    let ours = origin.map(|origin| is_ours(deployment, request, origin));
    match (request.value(Name::SecFetchSite), ours) {
        (_, Some(false)) => Err(FOREIGN),
        (Some(b"same-origin"), _) | (Some(b"none") | None, Some(true)) => Ok(()),
        (Some(b"none") | None, None) => Err(NOWHERE),
        (Some(_), _) => Err(FOREIGN),
    }
}

/// The same where a certificate says who asks, which browsers show unasked as well. A program says nothing
/// of where it comes from; a browser does with whatever may change something.
pub(crate) fn not_of_another_site(
    deployment: &Deployment,
    request: &Request<'_>,
) -> Result<(), Refusal> {
    let says = [Name::Origin, Name::SecFetchSite].map(|name| request.values(name).next().is_some());
    if says == [false, false] {
        return Ok(());
    }
    same_site(deployment, request)
}

/// Whether an origin is the deployment's own, or that of the very host that was asked.
fn is_ours(deployment: &Deployment, request: &Request<'_>, origin: &[u8]) -> bool {
    if origin.eq_ignore_ascii_case(deployment.public_url.text.as_bytes()) {
        return true;
    }
    // A further name of ours has pages of its own. What it is asked for under is judged already.
    let scheme: &[u8] = if deployment.public_url.secure {
        b"https://"
    } else {
        b"http://"
    };
    let host = origin
        .split_at_checked(scheme.len())
        .filter(|(begins, _)| begins.eq_ignore_ascii_case(scheme))
        .map(|(_, host)| host);
    let asked = request.value(Name::Host);
    host.is_some() && host == asked
}

/// Where people begin who are not logged in: where they sign in with a password, if they do, which has
/// a link to the provider's login.
const fn begins(site: &Site) -> &'static str {
    match site.accounts() {
        Some(_) => super::sign_in::SIGN_IN,
        None => super::login::BEGIN,
    }
}

/// Where a browser is sent that wants a page and is not logged in; none for everything but a person's
/// own step to a page.
fn navigation(begins: &str, request: &Request<'_>) -> Option<Box<str>> {
    if !matches!(request.method(), Method::Get | Method::Head) || request.is_websocket() {
        return None;
    }
    let wants_page = match request.value(Name::SecFetchMode) {
        Some(mode) => mode == b"navigate",
        None => request
            .value(Name::Accept)
            .is_some_and(|accept| memchr::memmem::find(accept, b"text/html").is_some()),
    };
    if !wants_page {
        return None;
    }
    let page = std::str::from_utf8(request.path_and_query()).unwrap_or("/");
    Some(super::login::place_of(begins, page).into())
}

/// Whether a `Cookie` field may hold one of ours.
pub(crate) fn may_hold_ours(value: &[u8]) -> bool {
    memchr::memmem::find(value, COOKIE).is_some()
}

/// Whether a pair of a `Cookie` field is one of ours.
pub(crate) fn is_our_pair(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    is_our_name(name.trim_ascii())
}

/// Whether an app's `Set-Cookie` is about one of our cookies.
pub(crate) fn sets_ours(value: &[u8]) -> bool {
    let pair = value.split(|byte| *byte == b';').next();
    pair.is_some_and(is_our_pair)
}

fn is_our_name(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(COOKIE) || name.eq_ignore_ascii_case(BINDING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Received;

    #[test]
    fn one_session_is_found_and_two_are_none() {
        for (lines, expected) in [
            (&["Cookie: __Host-vouchsafe=a"][..], Ok(Some(&b"a"[..]))),
            (&["Cookie: x=1; __Host-vouchsafe=a; y=2"], Ok(Some(b"a"))),
            (
                &["Cookie: x=1", "Cookie: __Host-vouchsafe=a"],
                Ok(Some(b"a")),
            ),
            (&["Cookie: x=__Host-vouchsafe=a"], Ok(None)),
            (&["Cookie: __Host-vouchsafe-login=a"], Ok(None)),
            (&["Cookie: __Host-vouchsafe"], Ok(None)),
            (&[], Ok(None)),
            (
                &["Cookie: __Host-vouchsafe=a; __Host-vouchsafe=a"],
                Err(SessionRefusal::Ambiguous),
            ),
            (
                &["Cookie: __Host-vouchsafe=a", "Cookie: __Host-vouchsafe=b"],
                Err(SessionRefusal::Ambiguous),
            ),
        ] {
            let mut head = vec!["GET / HTTP/1.1", "Host: a"];
            head.extend(lines);
            let received = Received::of(&head);
            assert_eq!(cookie(&received.request(), COOKIE), expected, "{lines:?}");
        }
    }

    /// What is written of a field with this value.
    fn left_of(value: &str) -> String {
        let received = Received::of(&["GET / HTTP/1.1", "Host: a", &format!("Cookie: {value}")]);
        let request = received.request();
        let field = request.fields().find(|it| it.kind() == Name::Cookie);
        let mut out = Vec::new();
        wire::HeadWriter::new(&mut out).copy_pairs(&field.unwrap(), |pair| !is_our_pair(pair));
        let text = String::from_utf8(out).unwrap();
        let text = text.strip_prefix("Cookie: ").unwrap_or(&text);
        text.strip_suffix("\r\n").unwrap_or(text).to_owned()
    }

    #[test]
    fn our_cookies_go_and_the_others_stay_byte_for_byte() {
        for (given, expected) in [
            ("__Host-vouchsafe=a", None),
            ("__Host-vouchsafe=a; __Host-vouchsafe-login=b", None),
            ("x=1; __Host-vouchsafe=a", Some("x=1")),
            ("__Host-vouchsafe=a; x=1", Some("x=1")),
            (
                "x=\"1 2\";  __Host-vouchsafe=a;y=2;  z",
                Some("x=\"1 2\";y=2;  z"),
            ),
            ("__host-vouchsafe=a; __Host-vouchsafe=b; y=2", Some("y=2")),
        ] {
            assert!(may_hold_ours(given.as_bytes()), "{given}");
            assert_eq!(left_of(given), expected.unwrap_or_default(), "{given}");
        }
        for given in ["x=1; y=2", "vouchsafe=a", ""] {
            assert!(!may_hold_ours(given.as_bytes()), "{given}");
        }
        assert!(sets_ours(b"__Host-vouchsafe=a; Path=/") && sets_ours(b"__host-Vouchsafe-login="));
        assert!(!sets_ours(b"sid=__Host-vouchsafe") && !sets_ours(b"__Host-vouchsafer=a"));
    }

    #[test]
    fn only_a_step_to_a_page_is_sent_to_the_login() {
        for (line, lines, sent) in [
            (
                "GET /a?b=c HTTP/1.1",
                &["Sec-Fetch-Mode: navigate"][..],
                true,
            ),
            ("GET /a HTTP/1.1", &["Accept: text/html,*/*"], true),
            (
                "GET /a HTTP/1.1",
                &["Sec-Fetch-Mode: cors", "Accept: text/html"],
                false,
            ),
            ("GET /a HTTP/1.1", &["Accept: application/json"], false),
            ("GET /a HTTP/1.1", &[], false),
            (
                "POST /a HTTP/1.1",
                &["Sec-Fetch-Mode: navigate", "Content-Length: 0"],
                false,
            ),
        ] {
            let mut head = vec![line, "Host: a"];
            head.extend(lines);
            let received = Received::of(&head);
            assert_eq!(
                navigation("/in", &received.request()).is_some(),
                sent,
                "{line} {lines:?}"
            );
        }
    }
}
