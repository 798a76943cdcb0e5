//! A good child with one named fault.
//!
//! Owns the peers on which probes are tried: everything passes through to the child, except that one
//! flaw alters it. A probe that does not notice its flaw proves nothing about a deployment either,
//! and a flaw is as narrow as its promise, so that no other probe may notice it.

mod alter;
mod flaw;
mod people;
mod request;
mod roles;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::Deref,
    path::{Path, PathBuf},
};

use control::{
    Rng, Target,
    probe::{
        ChildStart, Facts, Guard, Inspection, KeyWish, LedgerCopy, LedgerMark, LedgerPast,
        LedgerTail, MintedAccount, MintedKey, MintedSession, MintedToken, Observed, Reply,
        SessionWish, TargetError, Ticket, TicketWish, TokenWish,
    },
};
use serde_json::Value;
use tempfile::TempDir;

pub use self::flaw::{FURTHER, Flaw, Sense, UnknownFlaw};
use self::{
    alter::{
        drop_one, forget_refused_key, forward_again, is_identity, is_of_login, is_of_sign_in, keep,
        overrides_method, readable, secret_of,
    },
    people::returns_from_login,
    request::Request,
};

/// Characters of a key's secret that the flaw in the log gives away.
const LEAKED: usize = 8;
/// Characters of a key's secret that the flaw in the list keeps back.
const KEPT_BACK: usize = 10;

/// What a sham stands in front of.
enum Good<'a> {
    Lent(&'a dyn Target),
    /// A child of a sham, whose flaw is its parent's.
    Own(Box<dyn Target>),
}

impl<'a> Deref for Good<'a> {
    type Target = dyn Target + 'a;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Lent(good) => *good,
            Self::Own(good) => good.as_ref(),
        }
    }
}

/// What a key is for that opens anything.
const EVERYTHING: &str = "GET,HEAD,POST,PUT,PATCH,DELETE /";

/// A child with at most one flaw, which also notes what a probe uses.
pub struct Sham<'a> {
    good: Good<'a>,
    flaw: Option<Flaw>,
    facts: Facts,
    keys: RefCell<Vec<MintedKey>>,
    tokens: RefCell<Vec<String>>,
    /// Cookies of canary sessions.
    sessions: RefCell<Vec<String>>,
    /// Names of canary accounts.
    accounts: RefCell<Vec<String>>,
    /// Tickets that came already.
    tickets: RefCell<BTreeSet<String>>,
    log: TempDir,
    used: RefCell<BTreeSet<Sense>>,
}

impl<'a> Sham<'a> {
    /// The child as it is, or with `flaw`.
    pub fn new(good: &'a dyn Target, flaw: Option<Flaw>) -> Result<Self, TargetError> {
        Self::before(Good::Lent(good), flaw)
    }

    fn before(good: Good<'a>, flaw: Option<Flaw>) -> Result<Self, TargetError> {
        let mut facts = good.facts().clone();
        if facts.interfaces.is_empty() {
            // The child's app listens on 127.0.0.1 alone, so this stands in for an interface on
            // machines that have none.
            facts
                .interfaces
                .push(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        }
        let log = tempfile::tempdir().map_err(|cause| TargetError::new("make a sham", cause))?;
        Ok(Self {
            good,
            flaw,
            facts,
            keys: RefCell::default(),
            tokens: RefCell::default(),
            sessions: RefCell::default(),
            accounts: RefCell::default(),
            tickets: RefCell::default(),
            log,
            used: RefCell::default(),
        })
    }

    /// What was used of the target since this was last asked.
    pub fn used(&self) -> BTreeSet<Sense> {
        self.used.take()
    }

    fn sense(&self, sense: Sense) {
        self.used.borrow_mut().insert(sense);
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn log_file(&self) -> PathBuf {
        self.log.path().join("sham.log")
    }

    fn log(&self, line: &[u8]) -> Result<(), TargetError> {
        let failed = |cause: std::io::Error| TargetError::new("write a sham's log", cause);
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .map_err(failed)?;
        file.write_all(line)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(failed)
    }

    /// Sends `request` on the probe's behalf under a ticket of its own.
    fn instead(&self, request: Request, otherwise: Reply) -> Result<Reply, TargetError> {
        let ticket = self.good.ticket(&TicketWish {
            method: &request.method,
            target: &request.target,
            body: &request.body,
            webhook: None,
        })?;
        let reply = self
            .good
            .send(&request.with_ticket(&ticket.value).bytes())?;
        Ok(if status(&reply) == Some(200) {
            reply
        } else {
            otherwise
        })
    }

    /// What the verifier says here of what a good one says.
    fn judged(&self, inspection: Inspection) -> Inspection {
        if self.has(Flaw::VerifyBlind) && matches!(inspection, Inspection::Altered(_)) {
            Inspection::Whole(0)
        } else {
            inspection
        }
    }

    fn wide_key(&self) -> Result<String, TargetError> {
        let roles = self
            .facts
            .routes
            .iter()
            .filter_map(|route| match &route.guard {
                Guard::Key(roles) => roles.first().cloned(),
                Guard::Open(_) | Guard::Token(_) | Guard::Session(_) | Guard::Webhook(_) => None,
            });
        let wish = KeyWish {
            scopes: vec![EVERYTHING.to_owned()],
            roles: roles.collect(),
        };
        self.good.mint_key(&wish).map(|minted| minted.key)
    }

    fn alter(&self, flaw: Flaw, bytes: &[u8], reply: Reply) -> Result<Reply, TargetError> {
        let Some(request) = Request::read(bytes) else {
            return Ok(reply);
        };
        let Some(ticket) = request.ticket().map(str::to_owned) else {
            // Without a ticket nothing is altered, but for the flaws that are about just that.
            return match flaw {
                Flaw::KeyWithoutTicket
                    if self.carries_key(&request) || self.session_of(&request).is_some() =>
                {
                    self.instead(request, reply)
                }
                Flaw::LoginForged if returns_from_login(&request) && refused(&reply, 403) => {
                    self.logged_in()
                }
                _ => Ok(reply),
            };
        };
        let used = !self.tickets.borrow_mut().insert(ticket);
        let public = &self.facts.public_host;
        match flaw {
            Flaw::FramingLenient if refused(&reply, 400) && request.plain_target() => {
                match request.hosts().as_slice() {
                    [host] if host != public => Ok(reply),
                    _ => self.instead(request.sanitised(public), reply),
                }
            }
            Flaw::AnyHost if refused(&reply, 400) => match request.hosts().as_slice() {
                [host] if host != public => self.instead(request.for_host(public), reply),
                _ => Ok(reply),
            },
            Flaw::KeyInQuery if refused(&reply, 401) => match request.key_from_query() {
                Some(changed) => self.instead(changed, reply),
                None => Ok(reply),
            },
            Flaw::ScopeIgnored
                if refused(&reply, 403) && !used && request.field("x-api-key").is_some() =>
            {
                let key = self.wide_key()?;
                self.instead(request.with_key(&key).without_tricks(), reply)
            }
            Flaw::RoleIgnored if refused(&reply, 403) && !used => {
                self.as_somebody_who_may(request, reply)
            }
            Flaw::HealthByPrefix if request.plain_target() => {
                match self.health_check(&request, &reply) {
                    Some(changed) => self.instead(changed, reply),
                    None => Ok(reply),
                }
            }
            Flaw::TokenForged
                if refused(&reply, 401) && self.presents_token(&request) == Some(false) =>
            {
                let key = self.wide_key()?;
                self.instead(request.without("Authorization").with_key(&key), reply)
            }
            Flaw::TokenEndless
                if refused(&reply, 401) && self.presents_token(&request) == Some(true) =>
            {
                let key = self.wide_key()?;
                self.instead(request.without("Authorization").with_key(&key), reply)
            }
            Flaw::KeysForAnybody if self.asks_for_a_key(&request) && !succeeded(&reply) => {
                self.key_for_anybody(&request, reply)
            }
            Flaw::SessionMixed if succeeded(&reply) => match self.of_another(&request) {
                Some(changed) => self.instead(changed, reply),
                None => Ok(reply),
            },
            Flaw::CsrfIgnored
                if refused(&reply, 403)
                    && !used
                    && request.comes_from_elsewhere()
                    && self.session_of(&request).is_some() =>
            {
                let origin = format!("{}://{public}", self.facts.scheme);
                let same = request.without("Sec-Fetch-Site").without("Upgrade");
                self.instead(same.with_origin(&origin), reply)
            }
            Flaw::NamesTold if refused(&reply, 401) => Ok(self.tell_unknown(&request, reply)),
            Flaw::CookieKept => Ok(keep(reply, &request, |name, _| {
                name.eq_ignore_ascii_case("cookie")
            })),
            Flaw::TicketTwice if used && refused(&reply, 403) => self.instead(request, reply),
            Flaw::MethodOverridden => Ok(keep(reply, &request, |name, _| overrides_method(name))),
            Flaw::HeadersKept => Ok(keep(reply, &request, |name, _| is_identity(name))),
            Flaw::ForwardedBelieved => Ok(keep(reply, &request, |name, value| {
                name.eq_ignore_ascii_case("x-forwarded-for") && value.parse::<IpAddr>().is_ok()
            })),
            Flaw::ReplayForwarded => Ok(forward_again(reply, &request)),
            _ => Ok(reply),
        }
    }

    /// Whether the request presents a token of a proof; false for one that was made up.
    fn presents_token(&self, request: &Request) -> Option<bool> {
        let bearer = request.field("authorization")?.strip_prefix("Bearer ")?;
        let looks_like_one = bearer.matches('.').count() == 2;
        looks_like_one.then(|| self.tokens.borrow().iter().any(|minted| minted == bearer))
    }

    /// Whether the request asks the gate to make a key.
    fn asks_for_a_key(&self, request: &Request) -> bool {
        let keys = self.facts.configuration.get("keys");
        let aliases = keys.and_then(|keys| keys.get("aliases")?.as_array());
        let alias = |path: &Value| path.as_str() == Some(&request.target);
        request.method == "POST"
            && (request.target == "/.vouchsafe/keys"
                || aliases.is_some_and(|aliases| aliases.iter().any(alias)))
    }

    /// The answer to whoever may make keys, given to anybody.
    fn key_for_anybody(&self, request: &Request, reply: Reply) -> Result<Reply, TargetError> {
        let role = self.facts.configuration.pointer("/keys/role");
        let role = role.and_then(Value::as_str).unwrap_or("admin");
        let minted = self.good.mint_key(&KeyWish {
            scopes: vec![format!("POST {}", request.target)],
            roles: vec![role.to_owned()],
        })?;
        let ticket = self.good.ticket(&TicketWish {
            method: &request.method,
            target: &request.target,
            body: &request.body,
            webhook: None,
        })?;
        let asked = request.clone().without("Authorization");
        let asked = asked.with_key(&minted.key).with_ticket(&ticket.value);
        let made = self.good.send(&asked.bytes())?;
        Ok(if succeeded(&made) { made } else { reply })
    }

    /// Whether the request carries a key of a proof where keys belong.
    fn carries_key(&self, request: &Request) -> bool {
        let key = request.field("x-api-key");
        let keys = self.keys.borrow();
        key.is_some_and(|key| keys.iter().any(|minted| minted.key == key))
    }

    /// The open exact path that `request` only looks like.
    fn health_check(&self, request: &Request, reply: &Reply) -> Option<Request> {
        let path = request.target.split('?').next()?;
        let route = self.facts.routes.iter().find(|route| {
            route.exact
                && matches!(route.guard, Guard::Open(_))
                && path.starts_with(&format!("{}/", route.path))
        })?;
        (status(reply) != Some(200) && request.field("x-api-key").is_none())
            .then(|| request.for_target(&route.path))
    }
}

fn status(reply: &Reply) -> Option<u16> {
    reply.answer().map(|answer| answer.status)
}

fn succeeded(reply: &Reply) -> bool {
    status(reply).is_some_and(|status| (200..300).contains(&status))
}

fn refused(reply: &Reply, with: u16) -> bool {
    match reply {
        Reply::Answer(answer) => answer.status == with,
        Reply::Closed => with == 400,
        Reply::TimedOut => false,
    }
}

impl Target for Sham<'_> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn rng(&self) -> &dyn Rng {
        self.good.rng()
    }

    fn send(&self, bytes: &[u8]) -> Result<Reply, TargetError> {
        self.sense(Sense::Send);
        if self.has(Flaw::CanaryInLog)
            && let Some(request) = Request::read(bytes)
        {
            self.log(&request.body)?;
        }
        let reply = self.good.send(bytes)?;
        match self.flaw {
            Some(Flaw::CookieReadable) => Ok(readable(reply)),
            Some(flaw) => self.alter(flaw, bytes, reply),
            None => Ok(reply),
        }
    }

    fn reach(&self, address: SocketAddr) -> bool {
        self.sense(Sense::Reach);
        let outside = self.facts.interfaces.contains(&address.ip());
        (self.has(Flaw::AppExposed) && outside) || self.good.reach(address)
    }

    fn ticket(&self, wish: &TicketWish<'_>) -> Result<Ticket, TargetError> {
        self.good.ticket(wish)
    }

    fn mint_key(&self, wish: &KeyWish) -> Result<MintedKey, TargetError> {
        self.sense(Sense::Mint);
        let minted = self.good.mint_key(wish)?;
        let secret = secret_of(&minted.key);
        if self.has(Flaw::KeyStoredRaw) {
            self.log(minted.key.as_bytes())?;
        }
        if self.has(Flaw::KeyInLog) {
            self.log(secret.get(..LEAKED).unwrap_or_default().as_bytes())?;
        }
        let kept = MintedKey {
            id: minted.id.clone(),
            key: minted.key.clone(),
        };
        self.keys.borrow_mut().push(kept);
        Ok(minted)
    }

    fn mint_token(&self, wish: &TokenWish) -> Result<MintedToken, TargetError> {
        self.sense(Sense::Mint);
        let minted = self.good.mint_token(wish)?;
        self.tokens.borrow_mut().push(minted.token.clone());
        Ok(minted)
    }

    fn mint_session(&self, wish: &SessionWish) -> Result<MintedSession, TargetError> {
        self.sense(Sense::Mint);
        let minted = self.good.mint_session(wish)?;
        self.sessions.borrow_mut().push(minted.cookie.clone());
        Ok(minted)
    }

    fn mint_account(&self) -> Result<MintedAccount, TargetError> {
        self.sense(Sense::Mint);
        let minted = self.good.mint_account()?;
        self.accounts.borrow_mut().push(minted.name.clone());
        Ok(minted)
    }

    fn remove_account(&self, name: &str) -> Result<(), TargetError> {
        self.good.remove_account(name)
    }

    fn revoke_key(&self, id: &str) -> Result<(), TargetError> {
        self.sense(Sense::Revoke);
        if self.has(Flaw::RevocationIgnored) {
            return Ok(());
        }
        self.good.revoke_key(id)
    }

    fn revoke_token(&self, token: &MintedToken) -> Result<(), TargetError> {
        self.sense(Sense::Revoke);
        if self.has(Flaw::TokenRevocationIgnored) {
            return Ok(());
        }
        self.good.revoke_token(token)
    }

    fn list_keys(&self) -> Result<Value, TargetError> {
        self.sense(Sense::List);
        let mut list = self.good.list_keys()?;
        if self.has(Flaw::KeyShownWhole)
            && let Some(fields) = list.as_object_mut()
        {
            let keys = self.keys.borrow();
            let shown = keys.iter().map(|minted| {
                let end = minted.key.len().saturating_sub(KEPT_BACK);
                minted.key.get(..end).unwrap_or_default()
            });
            fields.insert("shown".to_owned(), shown.collect());
        }
        Ok(list)
    }

    fn ledger_mark(&self) -> Result<LedgerMark, TargetError> {
        self.sense(Sense::Ledger);
        self.good.ledger_mark()
    }

    fn ledger_since(&self, mark: Option<&LedgerMark>) -> Result<LedgerTail, TargetError> {
        self.sense(Sense::Ledger);
        let mut tail = self.good.ledger_since(mark)?;
        match self.flaw {
            Some(Flaw::EventDropped) => drop_one(&mut tail.events),
            Some(Flaw::AuthEventDropped) => {
                for event in &mut tail.events {
                    forget_refused_key(event);
                }
            }
            Some(Flaw::SignInDropped) => tail.events.retain(|event| !is_of_sign_in(event)),
            Some(Flaw::LoginEventDropped) => tail.events.retain(|event| !is_of_login(event)),
            _ => {}
        }
        Ok(tail)
    }

    fn inspect_ledger(&self, seen: Option<&str>) -> Result<Inspection, TargetError> {
        self.sense(Sense::Verify);
        Ok(self.judged(self.good.inspect_ledger(seen)?))
    }

    fn inspected(&self) -> Result<Inspection, TargetError> {
        self.sense(Sense::Verify);
        Ok(self.judged(self.good.inspected()?))
    }

    fn ledger_copy(&self) -> Result<LedgerCopy, TargetError> {
        self.sense(Sense::Ledger);
        self.good.ledger_copy()
    }

    fn verify(
        &self,
        folder: &Path,
        key: &str,
        seen: Option<&str>,
    ) -> Result<Inspection, TargetError> {
        self.sense(Sense::Verify);
        Ok(self.judged(self.good.verify(folder, key, seen)?))
    }

    fn storage(&self) -> Result<Vec<PathBuf>, TargetError> {
        self.sense(Sense::Storage);
        let mut files = self.good.storage()?;
        if self.log_file().exists() {
            files.push(self.log_file());
        }
        Ok(files)
    }

    fn observe(&self, canary: &str) -> Result<Observed, TargetError> {
        self.sense(Sense::Observe);
        self.good.observe(canary)
    }

    fn child(&self, change: &mut dyn FnMut(&mut Value)) -> Result<ChildStart, TargetError> {
        self.sense(Sense::Child);
        let start = match (self.good.child(change)?, self.flaw) {
            (ChildStart::Up(child), Some(flaw)) if flaw.is_inherited() => {
                ChildStart::Up(Box::new(Sham::before(Good::Own(child), Some(flaw))?))
            }
            (start, _) => start,
        };
        if let (ChildStart::Refused { .. }, Some(flaw)) = (&start, self.flaw) {
            let before = &self.facts.configuration;
            let mut after = before.clone();
            change(&mut after);
            if flaw.lets_start(before, &after) {
                return self.good.child(&mut |_| {});
            }
        }
        Ok(start)
    }

    fn child_with_past(
        &self,
        past: &LedgerPast,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<ChildStart, TargetError> {
        self.sense(Sense::Child);
        let mut past = past.clone();
        // A child that found what was altered would have to be silenced: one on which nothing was
        // altered is as silent.
        past.altered &= !self.has(Flaw::InspectionBlind);
        self.good.child_with_past(&past, change)
    }
}

#[cfg(test)]
mod tests;
