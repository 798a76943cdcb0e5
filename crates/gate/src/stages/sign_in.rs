//! Sign-in: how people with a password of their own come to a session.
//!
//! Owns two forms: one to sign in with, and one by which a link sets a password. Refuses what another
//! site makes a browser send, and says no more to whoever is refused than that it did not work. A sign-in
//! that is not in the ledger gives no session. With the ticket of a proof only the accounts of proofs are
//! let in, and without one they are not.

mod entry;
mod page;

use control::{Reason, Refusal};
use identity::{
    account::{AccountName, ClaimRefusal, Door, Owner, fault::ACCOUNT, person},
    lockout::Origin,
    oidc::ReturnTo,
};
use ledger::{Kind, PrincipalId};
use wire::{Method, Name, Request};

use self::entry::on_service;
pub(super) use self::entry::{Entry, Fields};
pub(crate) use self::page::Page;
use super::{
    exchange::{Content, Exchange, OwnAnswer},
    login::Sent,
    record, route, session,
};
use crate::core::Core;

/// Where a person signs in.
pub const SIGN_IN: &str = "/.vouchsafe/sign-in";
/// Where a person sets a password.
pub const CLAIM: &str = "/.vouchsafe/claim";

/// Most bytes of a form that are read.
pub const CAP: u64 = 8 * 1024;

const NOT_READ: Refusal = Refusal::new(
    ACCOUNT,
    400,
    "The form could not be read. Open the page again and fill it in there.",
    Reason("form-unreadable"),
);

/// One of the forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// To sign in with.
    SignIn,
    /// To set a password with.
    Claim,
}

impl Form {
    /// The form at `path`.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            SIGN_IN => Some(Self::SignIn),
            CLAIM => Some(Self::Claim),
            _ => None,
        }
    }
}

/// What a request for a form brings, out of its head.
pub(crate) struct Wanted {
    form: Form,
    /// Whether it is filled in.
    filled: bool,
    query: String,
    /// What the browser showed as its session.
    before: Option<Vec<u8>>,
    origin: Origin,
}

impl std::fmt::Debug for Wanted {
    /// Says nothing that could be presented.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wanted({:?}, ..)", self.form)
    }
}

impl Wanted {
    const fn owner(&self) -> Owner {
        match self.origin {
            Origin::Client(_) => Owner::Person,
            Origin::Proof => Owner::Proof,
        }
    }
}

/// What a request for a form comes to.
enum Served {
    Page(Page),
    Sent(Sent),
}

/// Turned away, and the page that says so.
struct Turned {
    refusal: Refusal,
    page: Option<Page>,
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            page: None,
        }
    }
}

/// Judges a request for a form by its head.
pub(super) fn judge(
    exchange: &mut Exchange,
    form: Form,
    ticketed: bool,
    request: &Request<'_>,
) -> Result<Wanted, Refusal> {
    session::same_site(exchange.site.deployment(), request)?;
    let filled = request.method() == Method::Post;
    if filled && !is_form(request) {
        return Err(NOT_READ);
    }
    let target = request.path_and_query();
    let query = memchr::memchr(b'?', target).and_then(|at| target.get(at + 1..));
    let query = std::str::from_utf8(query.unwrap_or_default()).map_err(|_| NOT_READ)?;
    let before = session::cookie(request, session::COOKIE)?;
    let wanted = Wanted {
        form,
        filled,
        query: query.to_owned(),
        before: before.map(<[u8]>::to_vec),
        origin: if ticketed {
            Origin::Proof
        } else {
            Origin::Client(exchange.client)
        },
    };
    record::reserve(exchange)?;
    Ok(wanted)
}

/// Whether the body says that it is a form.
pub(super) fn is_form(request: &Request<'_>) -> bool {
    let kind = request.value(Name::ContentType).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// Does what was asked for.
pub(super) async fn serve(
    core: &Core,
    mut exchange: Exchange,
    wanted: Wanted,
    body: &[u8],
) -> OwnAnswer {
    let served = serve_form(core, &mut exchange, wanted, body).await;
    let content = match served {
        Ok(Served::Page(page)) => Content::Page(Box::new(page)),
        Ok(Served::Sent(sent)) => Content::Sent(Box::new(sent)),
        Err(Turned { refusal, page }) => {
            let page = page.unwrap_or_else(|| page::refused(&exchange.site, refusal.public));
            exchange.page = Some(Box::new(page));
            Content::Refusal(refusal)
        }
    };
    OwnAnswer { exchange, content }
}

async fn serve_form(
    core: &Core,
    exchange: &mut Exchange,
    wanted: Wanted,
    body: &[u8],
) -> Result<Served, Turned> {
    let entry = Entry::of(core, wanted.origin).ok_or(route::NOTHING)?;
    let door = entry.door.clone();
    let text = if wanted.filled {
        std::str::from_utf8(body).map_err(|_| NOT_READ)?
    } else {
        &wanted.query
    };
    let fields = Fields::read(text).ok_or(NOT_READ)?;
    match (wanted.form, wanted.filled) {
        (Form::SignIn, false) => {
            let page = page::sign_in(&exchange.site, &fields.return_to()?, None);
            Ok(Served::Page(page))
        }
        (Form::SignIn, true) => sign_in(core, exchange, entry, &wanted, fields).await,
        (Form::Claim, false) => show_claim(core, exchange, door, &wanted, &fields).await,
        (Form::Claim, true) => claim(core, exchange, door, &wanted, fields).await,
    }
}

async fn sign_in(
    core: &Core,
    exchange: &mut Exchange,
    entry: Entry,
    wanted: &Wanted,
    fields: Fields,
) -> Result<Served, Turned> {
    let to = fields.return_to()?;
    let site = exchange.site.clone();
    let turned = |refusal: Refusal| Turned {
        refusal,
        page: Some(page::sign_in(&site, &to, Some(refusal.public))),
    };
    let settings = site.accounts().ok_or(route::NOTHING)?;
    let limits = (settings.idle, settings.longest);
    let checked = entry.check(core, exchange, fields, ("name", "password"));
    let signed_in = checked.await.map_err(turned)?;
    // A sign-in that nobody could find in the ledger is none.
    let recorded = record::decide(exchange, Kind::LOGIN).await;
    recorded.map_err(turned)?;
    // What the browser held before ends: nobody can have planted the session it gets.
    let begun = entry.begin(core, signed_in, limits, wanted.before.clone());
    let begun = begun.await.map_err(turned)?;
    let id = begun.id.expose().to_owned();
    let sent = Sent::to(to.as_str().to_owned());
    Ok(Served::Sent(
        sent.with(session::COOKIE, Some((id, settings.longest))),
    ))
}

async fn show_claim(
    core: &Core,
    exchange: &Exchange,
    door: Door,
    wanted: &Wanted,
    fields: &Fields,
) -> Result<Served, Turned> {
    let name = claimable(core, exchange, door, wanted, fields).await?;
    let page = page::claim(&exchange.site, &name, fields.text("link"), &[]);
    Ok(Served::Page(page))
}

async fn claimable(
    core: &Core,
    exchange: &Exchange,
    door: Door,
    wanted: &Wanted,
    fields: &Fields,
) -> Result<AccountName, Refusal> {
    let (link, owner, now) = (fields.secret("link"), wanted.owner(), exchange.at);
    let asked = on_service(core, async move { door.claimable(&link, owner, now).await });
    let asked = asked.await.unwrap_or(Err(ClaimRefusal::Away));
    asked.map_err(|refusal| Refusal::from(&refusal))
}

async fn claim(
    core: &Core,
    exchange: &mut Exchange,
    door: Door,
    wanted: &Wanted,
    fields: Fields,
) -> Result<Served, Turned> {
    let name = claimable(core, exchange, door.clone(), wanted, &fields).await?;
    let site = exchange.site.clone();
    let link = fields.text("link");
    let turned = |refusal: &ClaimRefusal| Turned {
        refusal: refusal.into(),
        page: match refusal {
            ClaimRefusal::Link => None,
            other => Some(page::claim(&site, &name, link, &page::faults(other))),
        },
    };
    if fields.text("password") != fields.text("repeat") {
        let page = page::claim(&site, &name, link, &[page::UNLIKE.to_owned()]);
        return Err(Turned {
            refusal: UNLIKE,
            page: Some(page),
        });
    }
    let (secret, password) = (fields.secret("link"), fields.secret("password"));
    let (owner, now) = (wanted.owner(), exchange.at);
    let claimed = on_service(core, async move {
        door.claim(secret, password, owner, now).await
    });
    let claimed = claimed.await.unwrap_or(Err(ClaimRefusal::Away));
    claimed.map_err(|refusal| turned(&refusal))?;
    exchange.principal = PrincipalId::new(person(name.as_str()).as_str());
    record::decide(exchange, Kind::ACCOUNT_CLAIMED).await?;
    let page = page::sign_in(&site, &ReturnTo::home(), Some(page::IS_SET));
    Ok(Served::Page(page))
}

const UNLIKE: Refusal = Refusal::new(ACCOUNT, 422, page::UNLIKE, Reason("password-unlike"));
