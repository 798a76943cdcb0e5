//! The strict gate as probes meet it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use control::{
    Rng, Target,
    probe::{
        Answer, ChildStart, Facts, Guard, Inspection, KeyWish, LedgerCopy, LedgerMark, LedgerPast,
        LedgerTail, MintedAccount, MintedKey, MintedSession, MintedToken, Observed, Reply,
        SessionWish, TargetError, Ticket, TicketWish, TokenWish,
    },
};
use hooks::Scheme;
use serde_json::{Value, json};

use super::{Held, Pass, Strict};

/// Fields a client may not set.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let starts = [
        "x-forwarded",
        "x-vouchsafe",
        "x-auth-request",
        "x-original",
        "x-rewrite",
        "x-api-key",
        "x-http-method",
        "x-method-override",
    ];
    let names = [
        "forwarded",
        "remote-user",
        "x-remote-user",
        "x-real-ip",
        "x-request-id",
        "authorization",
    ];
    starts.iter().any(|start| name.starts_with(start)) || names.contains(&name.as_str())
}

fn reply(status: u16, id: &str, body: &Value) -> Reply {
    let fields = [
        ("X-Request-Id", id),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
    ];
    Reply::Answer(Answer {
        status,
        fields: fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: body.to_string().into_bytes(),
        closed: true,
    })
}

impl Target for Strict {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn rng(&self) -> &dyn Rng {
        &self.rng
    }

    fn send(&self, bytes: &[u8]) -> Result<Reply, TargetError> {
        let id = self.random();
        let judged = self.judge(bytes);
        let mut event = json!({"kind": "request", "request": id});
        let reply = match judged {
            Err((control, status)) => {
                event["control"] = json!(control);
                event["reason"] = json!("refused");
                reply(status, &id, &json!({}))
            }
            Ok((asked, principal)) => {
                if let Some(principal) = principal {
                    event["principal"] = json!(format!("p1.{principal}"));
                }
                let mut fields = asked.fields;
                fields.retain(|(name, _)| !is_ours(name));
                fields.push(("X-Request-Id".to_owned(), id.clone()));
                reply(200, &id, &json!({"echo": true, "fields": fields}))
            }
        };
        self.state.borrow_mut().events.push(event);
        Ok(reply)
    }

    fn dial(&self, _: usize, _: &[u8]) -> Result<Vec<u8>, TargetError> {
        Ok(Vec::new())
    }

    fn certificate(&self, _: usize) -> Result<Vec<u8>, TargetError> {
        Err(TargetError::new("shake hands", "TLS is not spoken"))
    }

    fn reach(&self, address: SocketAddr) -> bool {
        self.facts.apps.iter().any(|app| app.upstream == address)
    }

    fn ticket(&self, wish: &TicketWish<'_>) -> Result<Ticket, TargetError> {
        let value = self.random();
        let source = wish.webhook.map(|path| {
            let route = self
                .facts
                .routes
                .iter()
                .find(|route| route.path == path)
                .unwrap();
            let Guard::Webhook(fact) = &route.guard else {
                panic!("{path}")
            };
            let secret = Scheme::find(&fact.scheme)
                .unwrap()
                .mint_secret(&self.rng)
                .unwrap();
            (path.to_owned(), secret)
        });
        let secret = source.as_ref().map(|(_, secret)| secret.expose().to_vec());
        let pass = Pass {
            method: wish.method.to_owned(),
            target: wish.target.to_owned(),
            body: wish.body.to_vec(),
            source,
        };
        self.state.borrow_mut().passes.insert(value.clone(), pass);
        Ok(Ticket { value, secret })
    }

    fn mint_key(&self, wish: &KeyWish) -> Result<MintedKey, TargetError> {
        let (id, secret) = (
            self.random()[..12].to_owned(),
            self.random() + &self.random(),
        );
        let key = format!("vsk_{id}_{}", &secret[..49]);
        let held = Held {
            id: id.clone(),
            wish: wish.clone(),
            revoked: false,
        };
        self.state.borrow_mut().keys.insert(key.clone(), held);
        Ok(MintedKey { id, key })
    }

    fn mint_token(&self, _: &TokenWish) -> Result<MintedToken, TargetError> {
        Err(TargetError::new("mint a canary token", "it issues none"))
    }

    fn mint_session(&self, _: &SessionWish) -> Result<MintedSession, TargetError> {
        Err(TargetError::new("mint a canary session", "nobody logs in"))
    }

    fn mint_account(&self) -> Result<MintedAccount, TargetError> {
        let why = "there are no local accounts";
        Err(TargetError::new("mint a canary account", why))
    }

    fn remove_account(&self, _: &str) -> Result<(), TargetError> {
        Ok(())
    }

    fn revoke_token(&self, _: &MintedToken) -> Result<(), TargetError> {
        Err(TargetError::new("revoke a canary token", "it issues none"))
    }

    fn revoke_key(&self, id: &str) -> Result<(), TargetError> {
        for held in self
            .state
            .borrow_mut()
            .keys
            .values_mut()
            .filter(|held| held.id == id)
        {
            held.revoked = true;
        }
        Ok(())
    }

    fn list_keys(&self) -> Result<Value, TargetError> {
        let state = self.state.borrow();
        Ok(json!({"keys": state.keys.values().map(|held| &held.id).collect::<Vec<_>>()}))
    }

    fn ledger_mark(&self) -> Result<LedgerMark, TargetError> {
        Ok(LedgerMark {
            size: self.state.borrow().events.len() as u64,
            checkpoint: String::new(),
        })
    }

    fn ledger_since(&self, mark: Option<&LedgerMark>) -> Result<LedgerTail, TargetError> {
        let first = mark.map_or(0, |mark| mark.size);
        let events = self.state.borrow().events[first as usize..].to_vec();
        Ok(LedgerTail {
            first,
            events,
            end: self.ledger_mark()?,
            minimum: 0,
        })
    }

    fn inspect_ledger(&self, _: Option<&str>) -> Result<Inspection, TargetError> {
        Ok(Inspection::Whole(self.state.borrow().events.len() as u64))
    }

    fn inspected(&self) -> Result<Inspection, TargetError> {
        self.inspect_ledger(None)
    }

    fn ledger_copy(&self) -> Result<LedgerCopy, TargetError> {
        Ok(LedgerCopy {
            folder: self.folder.path().to_owned(),
            key: String::new(),
            checkpoint: String::new(),
            second_place: false,
        })
    }

    fn verify(&self, _: &Path, _: &str, _: Option<&str>) -> Result<Inspection, TargetError> {
        Ok(Inspection::Whole(self.state.borrow().events.len() as u64))
    }

    /// Keys and the latest events, which are all that probes look for.
    fn storage(&self) -> Result<Vec<PathBuf>, TargetError> {
        const LATEST: usize = 200;
        let state = self.state.borrow();
        let kept: Vec<&String> = state.keys.values().map(|held| &held.id).collect();
        let from = state.events.len().saturating_sub(LATEST);
        let text = format!("{kept:?} {:?}", &state.events[from..]);
        std::fs::write(self.stored(), text).unwrap();
        Ok(vec![self.stored()])
    }

    fn observe(&self, _: &str) -> Result<Observed, TargetError> {
        Ok(Observed::Looked {
            places: 1,
            found: Vec::new(),
        })
    }

    fn child(&self, change: &mut dyn FnMut(&mut Value)) -> Result<ChildStart, TargetError> {
        let mut tree = self.facts.configuration.clone();
        change(&mut tree);
        Ok(Self::start(&tree))
    }

    fn child_with_past(
        &self,
        _: &LedgerPast,
        _: &mut dyn FnMut(&mut Value),
    ) -> Result<ChildStart, TargetError> {
        Err(TargetError::new("start a child", "it has no past"))
    }
}
