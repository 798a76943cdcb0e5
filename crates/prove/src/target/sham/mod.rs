//! A good child with one named fault.
//!
//! Owns the peers on which probes are tried: everything passes through to the child, except that one
//! flaw alters it. A probe that does not notice its flaw proves nothing about a deployment either,
//! and a flaw is as narrow as its promise, so that no other probe may notice it.

mod alter;
mod answers;
mod credentials;
mod files;
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
        ChildStart, Facts, Inspection, KeyWish, LedgerCopy, LedgerMark, LedgerPast, LedgerTail,
        MintedAccount, MintedKey, MintedSession, MintedToken, Observed, Reply, SessionWish,
        TargetError, Ticket, TicketWish, TokenWish,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::flaw::{FURTHER, Flaw, Sense, UnknownFlaw};
use self::{
    alter::{drop_one, forget_refused_key, is_of_login, is_of_sign_in, readable, secret_of},
    request::{Request, leftmost},
};

/// Characters of a key's secret that the flaw in the log gives away.
const LEAKED: usize = 8;
/// Characters of a key's secret that the flaw in the list keeps back.
const KEPT_BACK: usize = 10;

/// Keys that open everything of which a promise may speak.
const UNRESTRICTED: usize = 100;

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

/// A child with at most one flaw, which also notes what a probe uses.
pub struct Sham<'a> {
    good: Good<'a>,
    flaw: Option<Flaw>,
    facts: Facts,
    keys: RefCell<Vec<MintedKey>>,
    tokens: RefCell<Vec<String>>,
    /// Those of them that were revoked.
    revoked: RefCell<Vec<String>>,
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
            revoked: RefCell::default(),
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

    /// What the verifier says here of what a good one says.
    fn judged(&self, inspection: Inspection) -> Inspection {
        if self.has(Flaw::VerifyBlind) && matches!(inspection, Inspection::Altered(_)) {
            Inspection::Whole(0)
        } else {
            inspection
        }
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
        let reply = match self.flaw {
            Some(Flaw::ForwardedLeftmost) => self.good.send(&leftmost(bytes))?,
            _ => self.good.send(bytes)?,
        };
        match self.flaw {
            Some(Flaw::CookieReadable) => Ok(readable(reply)),
            Some(flaw) => self.alter(flaw, bytes, reply),
            None => Ok(reply),
        }
    }

    fn dial(&self, listener: usize, bytes: &[u8]) -> Result<Vec<u8>, TargetError> {
        self.sense(Sense::Dial);
        let read = self.good.dial(listener, bytes)?;
        // An alert becomes the hello of a server that speaks whatever it is offered.
        let refused = read.first() == Some(&21);
        Ok(if self.has(Flaw::TlsOld) && refused {
            vec![22, 3, 1, 0, 6, 2, 0, 0, 2, 3, 1]
        } else {
            read
        })
    }

    fn certificate(&self, listener: usize) -> Result<Vec<u8>, TargetError> {
        self.sense(Sense::Dial);
        self.good.certificate(listener)
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
        self.revoked.borrow_mut().push(token.token.clone());
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
        if self.has(Flaw::KeysUnrestricted)
            && let Some(keys) = list.get_mut("keys").and_then(Value::as_array_mut)
        {
            let further = (0..=UNRESTRICTED).map(|number| {
                json!({ "id": format!("sham{number}"), "scopes": ["*"], "tenant": "default" })
            });
            keys.extend(further);
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
