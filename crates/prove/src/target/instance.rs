//! A running instance, reached through its listener and its admin socket.
//!
//! Owns the way in: the configuration that runs must be the file's, and something must listen. A
//! child is the same with a process of its own behind it. Resolves no secret.

mod reach;

use std::{
    cell::RefCell,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use control::{
    Rng, Target, Timestamp,
    probe::{
        ChildStart, Facts, Inspection, KeyWish, LedgerCopy, LedgerMark, LedgerPast, LedgerTail,
        MintedAccount, MintedKey, MintedSession, MintedToken, Observed, Reply, SessionWish,
        TargetError, Ticket, TicketWish, TokenWish,
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::reach::{Reach, ReachError};
use self::reach::{dialers, listeners, main_listener};
use super::{
    child::{Process, Starter},
    dial::{Dialer, raw, reaches},
    facts,
};
use crate::{
    admin::{Admin, text, while_doing},
    dates, ledgers,
    observers::Observers,
    outcome::Outcome,
    runner::Book,
    search,
};

/// How often it is asked for its inspection, and how long in between: a minute in all.
const LOOKS: u32 = 1200;
const LOOK: Duration = Duration::from_millis(50);

/// A running instance.
pub struct Instance {
    admin: Admin,
    /// One for each listener.
    dialers: Vec<Dialer>,
    /// The number of the listener that is attacked.
    main: usize,
    facts: Facts,
    observers: Observers,
    starter: Starter,
    rng: Arc<dyn Rng>,
    ledger_key: String,
    second_place: bool,
    copies: RefCell<Vec<TempDir>>,
    /// Canary keys that nobody revoked yet.
    minted: RefCell<Vec<String>>,
    /// Canary accounts that nobody removed yet.
    accounts: RefCell<Vec<String>>,
    /// Canary sessions that nobody ended yet.
    sessions: RefCell<Vec<String>>,
    process: Option<Process>,
}

impl Instance {
    /// Reaches the instance and checks that it runs the configuration of the file.
    pub fn open(reach: Reach) -> Result<Self, ReachError> {
        Self::open_with(reach, None)
    }

    pub(super) fn open_with(reach: Reach, process: Option<Process>) -> Result<Self, ReachError> {
        let admin = Admin::new(&reach.socket, Arc::clone(&reach.clock));
        let about = admin.get("/v1/instance").map_err(ReachError::Nobody)?;
        if let Some(wanted) = &reach.configuration_sha256 {
            let running = text(&about, "configuration_sha256").map_err(ReachError::Nobody)?;
            if !running.eq_ignore_ascii_case(wanted) {
                return Err(ReachError::OtherConfiguration);
            }
        }
        let unusable = ReachError::Unusable;
        let ledger_key = text(&about, "ledger_key").map_err(ReachError::Nobody)?;
        let gate = listeners(&about).map_err(unusable)?;
        let facts = facts::read(&reach.configuration, gate, reach.clock.now()).map_err(unusable)?;
        let dialers = dialers(&reach, &facts).map_err(unusable)?;
        let main = main_listener(&reach.configuration);
        let observers = Observers::new(
            reach.observers,
            &reach.folder,
            facts.apps.clone(),
            Arc::clone(&reach.clock),
        );
        let starter = Starter {
            folder: reach.folder,
            executable: reach.executable,
            clock: Arc::clone(&reach.clock),
            rng: Arc::clone(&reach.rng),
        };
        let second_place = reach
            .configuration
            .pointer("/ledger/second_place")
            .is_some();
        Ok(Self {
            admin,
            dialers,
            main,
            facts,
            observers,
            starter,
            rng: reach.rng,
            ledger_key,
            second_place,
            copies: RefCell::default(),
            minted: RefCell::default(),
            accounts: RefCell::default(),
            sessions: RefCell::default(),
            process,
        })
    }

    fn dialer(&self, listener: usize) -> Result<&Dialer, TargetError> {
        self.dialers.get(listener).ok_or_else(no_listener)
    }

    /// The moment the instance's clock and ours agree on closely enough: now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.admin.clock().now()
    }

    fn ledger_folder(&self) -> Result<PathBuf, TargetError> {
        self.places()?
            .into_iter()
            .find(|path| path.is_dir() && path.file_name().is_some_and(|name| name == "ledger"))
            .ok_or_else(|| {
                TargetError::new("read the ledger", "the instance names no ledger folder")
            })
    }

    /// Brings everything recorded so far under a checkpoint, and gives it.
    fn flush(&self) -> Result<String, TargetError> {
        const DOING: &str = "flush the ledger";
        let flushed = self
            .admin
            .post("/v1/ledger/flush", &json!({}))
            .map_err(while_doing(DOING))?;
        text(&flushed, "checkpoint").map_err(while_doing(DOING))
    }

    fn places(&self) -> Result<Vec<PathBuf>, TargetError> {
        const DOING: &str = "ask for storage";
        let answer = self.admin.get("/v1/storage").map_err(while_doing(DOING))?;
        let files = answer
            .get("files")
            .and_then(Value::as_array)
            .ok_or_else(|| TargetError::new(DOING, "the answer names no files"))?;
        let own = self
            .process
            .as_ref()
            .map(|process| process.said().to_owned());
        Ok(files
            .iter()
            .filter_map(Value::as_str)
            .map(PathBuf::from)
            .chain(own)
            .collect())
    }
}

fn no_listener() -> TargetError {
    TargetError::new("dial the gate", "there is no such listener")
}

impl Target for Instance {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn rng(&self) -> &dyn Rng {
        self.rng.as_ref()
    }

    fn send(&self, bytes: &[u8]) -> Result<Reply, TargetError> {
        self.dialer(self.main)?.send(bytes)
    }

    fn dial(&self, listener: usize, bytes: &[u8]) -> Result<Vec<u8>, TargetError> {
        let address = self.facts.gate.get(listener).copied();
        raw(address.ok_or_else(no_listener)?, bytes)
    }

    fn certificate(&self, listener: usize) -> Result<Vec<u8>, TargetError> {
        let shown = self.dialer(listener)?.certificate()?;
        shown.ok_or_else(|| TargetError::new("shake hands", "the listener shows no certificate"))
    }

    fn reach(&self, address: SocketAddr) -> bool {
        reaches(address)
    }

    fn ticket(&self, wish: &TicketWish<'_>) -> Result<Ticket, TargetError> {
        const DOING: &str = "mint a ticket";
        let mut body = json!({
            "method": wish.method,
            "target": wish.target,
            "body_sha256": seal::encode::hex(&seal::sha256(wish.body)),
        });
        if let (Some(webhook), Some(fields)) = (wish.webhook, body.as_object_mut()) {
            fields.insert("webhook".to_owned(), Value::from(webhook));
        }
        let answer = self
            .admin
            .post("/v1/prove/ticket", &body)
            .map_err(while_doing(DOING))?;
        let secret = match answer.get("secret").and_then(Value::as_str) {
            None => None,
            Some(secret) => Some(
                seal::encode::unbase64(secret)
                    .map_err(|_| TargetError::new(DOING, "the secret is not base64"))?,
            ),
        };
        Ok(Ticket {
            value: text(&answer, "ticket").map_err(while_doing(DOING))?,
            secret,
        })
    }

    fn mint_key(&self, wish: &KeyWish) -> Result<MintedKey, TargetError> {
        const DOING: &str = "mint a canary key";
        let body = json!({"scopes": wish.scopes, "roles": wish.roles});
        let answer = self
            .admin
            .post("/v1/prove/key", &body)
            .map_err(while_doing(DOING))?;
        let minted = MintedKey {
            id: text(&answer, "id").map_err(while_doing(DOING))?,
            key: text(&answer, "key").map_err(while_doing(DOING))?,
        };
        self.minted.borrow_mut().push(minted.id.clone());
        Ok(minted)
    }

    fn mint_token(&self, wish: &TokenWish) -> Result<MintedToken, TargetError> {
        const DOING: &str = "mint a canary token";
        let body = json!({
            "scopes": wish.key.scopes,
            "roles": wish.key.roles,
            "age_seconds": wish.age.as_secs(),
        });
        let answer = self
            .admin
            .post("/v1/prove/token", &body)
            .map_err(while_doing(DOING))?;
        let said = |name: &str| text(&answer, name).map_err(while_doing(DOING));
        let public = seal::encode::unhex(said("public")?.as_bytes())
            .map_err(|_| TargetError::new(DOING, "its key is not hexadecimal"))?;
        let (id, jti, token) = (said("id")?, said("jti")?, said("token")?);
        self.minted.borrow_mut().push(id.clone());
        Ok(MintedToken {
            id,
            jti,
            token,
            public,
        })
    }

    fn mint_session(&self, wish: &SessionWish) -> Result<MintedSession, TargetError> {
        const DOING: &str = "mint a canary session";
        let body = json!({
            "roles": wish.roles,
            "created_seconds_ago": wish.created.as_secs(),
            "seen_seconds_ago": wish.last_seen.as_secs(),
        });
        let answer = self
            .admin
            .post("/v1/prove/session", &body)
            .map_err(while_doing(DOING))?;
        let said = |name: &str| text(&answer, name).map_err(while_doing(DOING));
        let minted = MintedSession {
            id: said("id")?,
            cookie: said("cookie")?,
            subject: said("subject")?,
        };
        self.sessions.borrow_mut().push(minted.id.clone());
        Ok(minted)
    }

    fn mint_account(&self) -> Result<MintedAccount, TargetError> {
        const DOING: &str = "mint a canary account";
        let answer = self
            .admin
            .post("/v1/prove/account", &json!({}))
            .map_err(while_doing(DOING))?;
        let said = |name: &str| text(&answer, name).map_err(while_doing(DOING));
        let minted = MintedAccount {
            name: said("name")?,
            link: said("link")?,
        };
        self.accounts.borrow_mut().push(minted.name.clone());
        Ok(minted)
    }

    fn remove_account(&self, name: &str) -> Result<(), TargetError> {
        self.admin
            .post("/v1/prove/account/remove", &json!({ "name": name }))
            .map_err(while_doing("remove a canary account"))?;
        self.accounts.borrow_mut().retain(|minted| minted != name);
        Ok(())
    }

    fn revoke_key(&self, id: &str) -> Result<(), TargetError> {
        let path = format!("/v1/prove/key/{id}");
        self.admin
            .delete(&path)
            .map_err(while_doing("revoke a canary key"))?;
        self.minted.borrow_mut().retain(|minted| minted != id);
        Ok(())
    }

    fn revoke_token(&self, token: &MintedToken) -> Result<(), TargetError> {
        self.admin
            .post("/v1/prove/token/revoke", &json!({ "jti": token.jti }))
            .map_err(while_doing("revoke a canary token"))?;
        Ok(())
    }

    fn list_keys(&self) -> Result<Value, TargetError> {
        self.admin
            .get("/v1/keys")
            .map_err(while_doing("list the keys"))
    }

    fn ledger_mark(&self) -> Result<LedgerMark, TargetError> {
        ledgers::mark(&self.ledger_key, &self.flush()?)
    }

    fn ledger_since(&self, mark: Option<&LedgerMark>) -> Result<LedgerTail, TargetError> {
        let head = self.flush()?;
        ledgers::since(&self.ledger_folder()?, &self.ledger_key, mark, &head)
    }

    fn inspect_ledger(&self, seen: Option<&str>) -> Result<Inspection, TargetError> {
        ledgers::verify(&self.ledger_folder()?, &self.ledger_key, seen)
    }

    fn inspected(&self) -> Result<Inspection, TargetError> {
        const DOING: &str = "ask for the health";
        for _ in 0..LOOKS {
            let health = self.admin.get("/v1/health").map_err(while_doing(DOING))?;
            let of_ledger = |name: &str| health.pointer(&format!("/ledger/{name}"));
            if of_ledger("inspected").and_then(Value::as_bool) == Some(true) {
                return Ok(match of_ledger("altered").and_then(Value::as_str) {
                    Some(what) => Inspection::Altered(what.to_owned()),
                    None => {
                        Inspection::Whole(of_ledger("signed").and_then(Value::as_u64).unwrap_or(0))
                    }
                });
            }
            std::thread::sleep(LOOK);
        }
        Err(TargetError::new(
            DOING,
            "its ledger is still being inspected",
        ))
    }

    fn ledger_copy(&self) -> Result<LedgerCopy, TargetError> {
        self.flush()?;
        let copy = ledgers::copy(&self.ledger_folder()?)?;
        let folder = copy.path().to_owned();
        let checkpoint = ledgers::checkpoint(&folder)?;
        self.copies.borrow_mut().push(copy);
        Ok(LedgerCopy {
            folder,
            key: self.ledger_key.clone(),
            checkpoint,
            second_place: self.second_place,
        })
    }

    fn verify(
        &self,
        folder: &Path,
        key: &str,
        seen: Option<&str>,
    ) -> Result<Inspection, TargetError> {
        ledgers::verify(folder, key, seen)
    }

    fn storage(&self) -> Result<Vec<PathBuf>, TargetError> {
        search::files(&self.places()?).map_err(|cause| TargetError::new("list storage", cause))
    }

    fn observe(&self, canary: &str) -> Result<Observed, TargetError> {
        match &self.process {
            Some(process) => process.observe(canary),
            None => self.observers.look(canary),
        }
    }

    fn child(&self, change: &mut dyn FnMut(&mut Value)) -> Result<ChildStart, TargetError> {
        self.starter.start(&self.facts.configuration, None, change)
    }

    fn child_with_past(
        &self,
        past: &LedgerPast,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<ChildStart, TargetError> {
        self.starter
            .start(&self.facts.configuration, Some(past), change)
    }
}

impl Book for Instance {
    fn record(&self, outcome: &Outcome) -> Result<(), TargetError> {
        let body = json!({
            "promise": outcome.promise,
            "verdict": outcome.verdict,
            "rows": outcome.rows,
            "line": outcome.line,
            "attempts": outcome.evidence.iter().filter(|e| e.twin.is_some()).count(),
            "waived_until": outcome.waiver.as_ref().map(|waiver| dates::last_day(waiver.until)),
        });
        self.admin
            .post("/v1/prove/record", &body)
            .map(drop)
            .map_err(while_doing("record a verdict"))
    }

    fn clean_up(&self) -> Result<(), TargetError> {
        let minted = self.minted.take();
        minted.iter().try_for_each(|id| self.revoke_key(id))?;
        let accounts = self.accounts.take();
        accounts
            .iter()
            .try_for_each(|name| self.remove_account(name))?;
        self.sessions.take().iter().try_for_each(|id| {
            let ended = self.admin.delete(&format!("/v1/prove/session/{id}"));
            ended.map(drop).map_err(while_doing("end a canary session"))
        })
    }

    fn checkpoint(&self) -> Result<Option<String>, TargetError> {
        let flushed = self
            .admin
            .post("/v1/ledger/flush", &json!({}))
            .map_err(while_doing("flush the ledger"))?;
        Ok(flushed
            .get("checkpoint")
            .and_then(Value::as_str)
            .map(str::to_owned))
    }
}

#[cfg(test)]
mod tests;
