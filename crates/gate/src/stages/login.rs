//! Login: how a browser comes to a session and gives it back.
//!
//! Owns the four endpoints of it and the cookies they set. Refuses pages of other sites to go back to,
//! and to end a session because another site asks. The provider and the store are asked on the
//! service runtime; a login that is not in the ledger gives no session.

use std::time::Duration;

use control::{Reason, Refusal, Timestamp};
use identity::{
    PersonId, SessionsFault,
    oidc::{LoginFault, ReturnTo, fault::LOGIN, logout::Leaving},
    session::Seen,
};
use ledger::{Kind, PrincipalId};
use tokio::time::timeout;
use wire::Request;

use super::{
    exchange::{Content, Exchange, OwnAnswer},
    record, route, session,
};
use crate::core::{Core, People};

/// Where a login begins.
pub const BEGIN: &str = "/.vouchsafe/login";
/// Where the provider sends the browser back to.
pub const CALLBACK: &str = "/.vouchsafe/callback";
/// Where a person ends their session.
pub const LOGOUT: &str = "/.vouchsafe/logout";
/// Where the provider ends sessions.
pub const BACKCHANNEL: &str = "/.vouchsafe/backchannel-logout";

/// How long the provider and the store together may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a browser keeps its secret while it logs in.
const BINDING_LIFE: Duration = Duration::from_secs(600);

pub(super) const ELSEWHERE: Refusal = Refusal::new(
    LOGIN,
    400,
    "The page to go back to is not one of this site: write to=/page.",
    Reason("login-elsewhere"),
);

const SLOW: Refusal = Refusal::new(
    LOGIN,
    503,
    "The login provider does not answer. Try again shortly.",
    Reason("provider-away"),
)
.retry_after(5);

const FULL: Refusal = Refusal::new(
    LOGIN,
    503,
    "Nobody more can log in at this moment. Try again shortly.",
    Reason("sessions-full"),
)
.retry_after(60);

/// One of the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Sends the browser to the provider.
    Begin,
    /// Judges what it brings back.
    Callback,
    /// Ends its session.
    Logout,
    /// Ends sessions by the provider's word.
    Backchannel,
}

impl Endpoint {
    /// The endpoint at `path`.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Some(match path {
            BEGIN => Self::Begin,
            CALLBACK => Self::Callback,
            LOGOUT => Self::Logout,
            BACKCHANNEL => Self::Backchannel,
            _ => return None,
        })
    }

    /// Whether it is there without a provider.
    pub(crate) const fn needs_no_provider(self) -> bool {
        matches!(self, Self::Logout)
    }

    /// Whether a browser comes here by GET.
    pub(crate) const fn is_page(self) -> bool {
        matches!(self, Self::Begin | Self::Callback)
    }
}

/// What a request to an endpoint brings, out of its head.
pub(crate) struct Wanted {
    endpoint: Endpoint,
    query: String,
    session: Option<Vec<u8>>,
    binding: Option<Vec<u8>>,
}

impl std::fmt::Debug for Wanted {
    /// Says nothing that could be presented.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wanted({:?}, ..)", self.endpoint)
    }
}

/// An answer that sends a browser on and changes its cookies.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    cookies: Vec<Cookie>,
}

/// A cookie of ours, set or taken back.
struct Cookie {
    name: &'static [u8],
    value: Option<(String, Duration)>,
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie(..)")
    }
}

impl Sent {
    pub(super) fn to(location: String) -> Self {
        Self {
            status: 303,
            location: Some(location),
            cookies: Vec::new(),
        }
    }

    pub(super) fn with(mut self, name: &'static [u8], value: Option<(String, Duration)>) -> Self {
        self.cookies.push(Cookie { name, value });
        self
    }

    /// Every `Set-Cookie`.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = Vec<u8>> {
        self.cookies.iter().map(|cookie| {
            let (value, life) = match &cookie.value {
                Some((value, life)) => (value.as_str(), life.as_secs()),
                None => ("", 0),
            };
            set_cookie(cookie.name, value, life)
        })
    }
}

/// `Set-Cookie` for one of our cookies: for this host alone, over TLS alone, for no script, and sent
/// from other sites only where a person follows a link.
fn set_cookie(name: &[u8], value: &str, life: u64) -> Vec<u8> {
    let mut text = name.to_vec();
    text.push(b'=');
    text.extend_from_slice(value.as_bytes());
    text.extend_from_slice(b"; Max-Age=");
    text.extend_from_slice(itoa::Buffer::new().format(life).as_bytes());
    text.extend_from_slice(b"; Path=/; Secure; HttpOnly; SameSite=Lax");
    text
}

/// Takes the session's cookie back.
pub(crate) fn cleared() -> Vec<u8> {
    set_cookie(session::COOKIE, "", 0)
}

/// Where a browser is sent to log in, at this endpoint, and come back to `page`.
pub(crate) fn place_of(endpoint: &str, page: &str) -> String {
    let mut place = format!("{endpoint}?to=");
    let page = ReturnTo::parse(page).map_or_else(|_| "/".to_owned(), |it| it.as_str().to_owned());
    for byte in page.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            place.push(char::from(byte));
        } else {
            place.push('%');
            place.push_str(&seal::encode::hex(&[byte]).to_ascii_uppercase());
        }
    }
    place
}

/// Judges a request to an endpoint by its head.
pub(super) fn judge(
    exchange: &mut Exchange,
    endpoint: Endpoint,
    request: &Request<'_>,
) -> Result<Wanted, Refusal> {
    let own = |name| {
        let value = session::cookie(request, name);
        value.map(|value| value.map(<[u8]>::to_vec))
    };
    if endpoint == Endpoint::Logout {
        session::same_site(exchange.site.deployment(), request)?;
    }
    let target = request.path_and_query();
    let query = target
        .iter()
        .position(|byte| *byte == b'?')
        .and_then(|at| target.get(at + 1..))
        .unwrap_or_default();
    let wanted = Wanted {
        endpoint,
        query: String::from_utf8_lossy(query).into_owned(),
        session: own(session::COOKIE)?,
        binding: own(session::BINDING)?,
    };
    record::reserve(exchange)?;
    Ok(wanted)
}

/// Does what was asked for.
pub(super) async fn serve(
    core: &Core,
    mut exchange: Exchange,
    wanted: Wanted,
    body: &[u8],
) -> OwnAnswer {
    let served = match core.gate.people.get().cloned() {
        None => Err(route::NOTHING),
        Some(people) => match wanted.endpoint {
            Endpoint::Begin => begin(core, people, wanted).await,
            Endpoint::Callback => callback(core, &mut exchange, people, wanted).await,
            Endpoint::Logout => logout(core, &mut exchange, people, wanted).await,
            Endpoint::Backchannel => backchannel(core, &mut exchange, people, body).await,
        },
    };
    let content = match served {
        Ok(sent) => Content::Sent(Box::new(sent)),
        Err(refusal) => Content::Refusal(refusal),
    };
    OwnAnswer { exchange, content }
}

/// Runs on the service runtime, and not for ever.
async fn on_service<T: Send + 'static>(
    core: &Core,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    match timeout(PATIENCE, core.gate.service.spawn(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(SLOW),
    }
}

async fn begin(core: &Core, people: People, wanted: Wanted) -> Result<Sent, Refusal> {
    let to = match wanted.query.strip_prefix("to=") {
        Some(page) => percent_decoded(page)
            .and_then(|page| ReturnTo::parse(&page).ok())
            .ok_or(ELSEWHERE)?,
        None if wanted.query.is_empty() => ReturnTo::home(),
        None => return Err(ELSEWHERE),
    };
    let provider = people.provider.ok_or(route::NOTHING)?;
    let binding = wanted.binding;
    let begun = on_service(core, async move {
        provider.begin(binding.as_deref(), &to).await
    });
    let begun = begun.await?.map_err(|fault| refusal_of(&fault))?;
    let kept = (begun.binding.expose().to_owned(), BINDING_LIFE);
    Ok(Sent::to(begun.location).with(session::BINDING, Some(kept)))
}

/// One value of a query, decoded.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte == b'&' {
            return None;
        }
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_first_chunk::<2>()?;
        bytes.extend(seal::encode::unhex(digits.to_ascii_lowercase()).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

async fn callback(
    core: &Core,
    exchange: &mut Exchange,
    people: People,
    wanted: Wanted,
) -> Result<Sent, Refusal> {
    let provider = people.provider.ok_or(route::NOTHING)?;
    let Wanted {
        query,
        binding,
        session: before,
        ..
    } = wanted;
    let finished = on_service(core, async move {
        provider.finish(&query, binding.as_deref()).await
    });
    let finished = finished.await?.map_err(|fault| refusal_of(&fault))?;
    let mut new = finished.session;
    let person = PersonId::of(&new.issuer, &new.subject);
    exchange.principal = PrincipalId::new(person.as_str());
    // A login that nobody could find in the ledger is none.
    record::decide(exchange, Kind::LOGIN).await?;
    // What the browser held before ends: nobody can have planted the session it gets.
    new.replaces = before;
    let life = new.longest;
    let (sessions, rng) = (people.sessions, std::sync::Arc::clone(&core.gate.rng));
    let begun = on_service(core, async move { sessions.begin(new, &*rng).await });
    let begun = begun.await?.map_err(not_begun)?;
    let id = (begun.id.expose().to_owned(), life);
    Ok(Sent::to(finished.return_to.as_str().to_owned()).with(session::COOKIE, Some(id)))
}

/// Why there is no session.
pub(super) fn not_begun(fault: SessionsFault) -> Refusal {
    match fault {
        SessionsFault::TooMany { .. } => FULL,
        SessionsFault::Random(_) | SessionsFault::Store(_) => {
            Refusal::from(identity::SessionRefusal::Away)
        }
    }
}

async fn logout(
    core: &Core,
    exchange: &mut Exchange,
    people: People,
    wanted: Wanted,
) -> Result<Sent, Refusal> {
    if let Some(presented) = &wanted.session {
        exchange.principal = session::whose(core, presented, exchange.at).await;
    }
    record::decide(exchange, Kind::LOGOUT).await?;
    // The provider knows nothing of a session that a password of ours began.
    let provider = people.provider.filter(|_| {
        let presented = wanted.session.as_deref();
        !presented.is_some_and(|presented| is_local(&people.live, presented, exchange.at))
    });
    if let Some(presented) = wanted.session {
        let sessions = people.sessions;
        let ended = on_service(core, async move { sessions.end(&presented).await });
        // Who was told that they are logged out must be.
        if ended.await?.is_err() {
            return Err(identity::SessionRefusal::Away.into());
        }
    }
    let there = provider.and_then(|provider| provider.logout_location());
    Ok(Sent::to(there.unwrap_or_else(|| "/".to_owned())).with(session::COOKIE, None))
}

/// Whether a session is known to be one of somebody who signed in with a password.
fn is_local(live: &identity::LiveSessions, presented: &[u8], now: Timestamp) -> bool {
    let Ok(Seen::Good(verified)) = live.look(presented, now) else {
        return false;
    };
    matches!(
        verified.principal().subject(),
        identity::Subject::User { issuer, .. } if issuer == identity::account::ISSUER
    )
}

async fn backchannel(
    core: &Core,
    exchange: &mut Exchange,
    people: People,
    body: &[u8],
) -> Result<Sent, Refusal> {
    let (provider, body) = (people.provider.ok_or(route::NOTHING)?, body.to_vec());
    let issuer = provider.settings().issuer.clone();
    let leaving = on_service(core, async move { provider.leaving(&body).await });
    let leaving = leaving.await?.map_err(|fault| match fault {
        // The standard has 400 for a token that is not good.
        LoginFault::Refused(_) => Refusal {
            status: 400,
            ..refusal_of(&fault)
        },
        _ => refusal_of(&fault),
    })?;
    record::decide(exchange, Kind::LOGOUT).await?;
    let sessions = people.sessions;
    let ended = on_service(core, async move {
        match leaving {
            Leaving::Session(sid) => sessions.end_at(&issuer, &sid).await,
            Leaving::Person(subject, by) => {
                let person = PersonId::of(&issuer, &subject);
                sessions.end_begun(person.as_str(), by).await
            }
        }
    });
    match ended.await? {
        Ok(_) => Ok(Sent {
            status: 200,
            ..Sent::default()
        }),
        Err(_) => Err(identity::SessionRefusal::Away.into()),
    }
}

fn refusal_of(fault: &LoginFault) -> Refusal {
    Refusal::from(fault)
}
