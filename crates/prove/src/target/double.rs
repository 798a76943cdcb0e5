//! A target whose every answer a test writes down.

use std::{
    cell::RefCell,
    collections::VecDeque,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use control::{
    Rng, Target,
    probe::{
        Answer, AppFact, ChildStart, Facts, Guard, Inspection, KeyWish, LedgerCopy, LedgerMark,
        LedgerPast, LedgerTail, MintedAccount, MintedKey, MintedSession, MintedToken, Observed,
        Reply, RouteFact, SessionWish, TargetError, Ticket, TicketWish, TokenWish,
    },
    rng::CountingRng,
};
use serde_json::{Value, json};

type Answering = dyn Fn(&str) -> Reply;
type Dialled = dyn Fn(usize, &[u8]) -> Vec<u8>;
type Starting = dyn Fn(&Value) -> ChildStart;

/// A scripted target.
pub(crate) struct Double {
    pub(crate) facts: Facts,
    /// What is answered to the text of a request.
    pub(crate) answer: Box<Answering>,
    /// What becomes of a child under a configuration.
    pub(crate) start: Box<Starting>,
    /// What comes back outside of TLS from the listener of a number.
    pub(crate) dialled: Box<Dialled>,
    pub(crate) events: Vec<Value>,
    /// The minimum index of its ledger.
    pub(crate) minimum: u64,
    /// Pasts that its children were given.
    pub(crate) pasts: RefCell<Vec<LedgerPast>>,
    pub(crate) inspection: Inspection,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) reached: Vec<SocketAddr>,
    /// Everything that was sent.
    pub(crate) sent: RefCell<Vec<String>>,
    /// Keys that were minted and not revoked.
    pub(crate) keys: RefCell<VecDeque<String>>,
    rng: CountingRng,
}

/// An answer with a status and a JSON body.
pub(crate) fn answer(status: u16, body: &Value) -> Reply {
    Reply::Answer(Answer {
        status,
        fields: Vec::new(),
        body: body.to_string().into_bytes(),
        closed: true,
    })
}

/// The echo of a request with these fields.
pub(crate) fn echo(fields: &[(&str, &str)]) -> Reply {
    answer(200, &json!({"echo": true, "fields": fields}))
}

impl Double {
    /// A target that answers everything with the echo.
    pub(crate) fn new() -> Self {
        let route = |path: &str, exact, guard| RouteFact {
            path: path.to_owned(),
            exact,
            methods: Vec::new(),
            method: "GET".to_owned(),
            host: None,
            guard,
            sessions: false,
            app: "coach".to_owned(),
        };
        Self {
            facts: Facts {
                scheme: "http".to_owned(),
                public_host: "coach.example".to_owned(),
                gate: vec![SocketAddr::from(([127, 0, 0, 1], 8443))],
                apps: vec![AppFact {
                    name: "coach".to_owned(),
                    upstream: SocketAddr::from(([127, 0, 0, 1], 8502)),
                    local: true,
                }],
                routes: vec![
                    route("/health", true, Guard::Open("uptime".to_owned())),
                    route("/api", false, Guard::Key(vec!["mentor".to_owned()])),
                ],
                interfaces: Vec::new(),
                configuration: json!({"deployment": {"public_url": "http://coach.example"}}),
                ..Facts::default()
            },
            answer: Box::new(|_| echo(&[])),
            start: Box::new(|_| ChildStart::Refused {
                exit: 2,
                stderr: String::new(),
            }),
            dialled: Box::new(|_, _| Vec::new()),
            events: Vec::new(),
            minimum: 0,
            pasts: RefCell::default(),
            inspection: Inspection::Whole(0),
            files: Vec::new(),
            reached: Vec::new(),
            sent: RefCell::default(),
            keys: RefCell::default(),
            rng: CountingRng::from_seed(7),
        }
    }

    /// The same, answering as told.
    pub(crate) fn answering(answer: impl Fn(&str) -> Reply + 'static) -> Self {
        Self {
            answer: Box::new(answer),
            ..Self::new()
        }
    }
}

impl Target for Double {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn rng(&self) -> &dyn Rng {
        &self.rng
    }

    fn send(&self, bytes: &[u8]) -> Result<Reply, TargetError> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let reply = (self.answer)(&text);
        self.sent.borrow_mut().push(text);
        Ok(reply)
    }

    fn dial(&self, listener: usize, bytes: &[u8]) -> Result<Vec<u8>, TargetError> {
        Ok((self.dialled)(listener, bytes))
    }

    fn certificate(&self, _: usize) -> Result<Vec<u8>, TargetError> {
        Err(TargetError::new("shake hands", "TLS is not spoken"))
    }

    fn reach(&self, address: SocketAddr) -> bool {
        self.reached.contains(&address)
    }

    fn ticket(&self, wish: &TicketWish<'_>) -> Result<Ticket, TargetError> {
        Ok(Ticket {
            value: format!("ticket-{}", wish.target),
            secret: wish.webhook.map(|_| b"secret".to_vec()),
        })
    }

    fn mint_key(&self, wish: &KeyWish) -> Result<MintedKey, TargetError> {
        let number = self.keys.borrow().len();
        let id = format!("id{number}");
        self.keys.borrow_mut().push_back(id.clone());
        // Its roles stand in it, so that an answer can depend on them.
        let roles: String = wish.roles.iter().map(|role| format!("~{role}")).collect();
        Ok(MintedKey {
            key: format!("vsk_{id}_abcdefghijklmnopqrstuvwxyz{number}{roles}"),
            id,
        })
    }

    fn mint_token(&self, wish: &TokenWish) -> Result<MintedToken, TargetError> {
        let age = wish.age.as_secs();
        Ok(MintedToken {
            id: "id".to_owned(),
            jti: "jti".to_owned(),
            token: format!("{}.{}.c2ln", seal::encode::base64url(b"{}"), {
                let claims = json!({"age": age}).to_string();
                seal::encode::base64url(claims.as_bytes())
            }),
            public: vec![7; 32],
        })
    }

    fn mint_session(&self, wish: &SessionWish) -> Result<MintedSession, TargetError> {
        let number = self.keys.borrow().len();
        let id = format!("s{number}");
        self.keys.borrow_mut().push_back(id.clone());
        let (created, seen) = (wish.created.as_secs(), wish.last_seen.as_secs());
        Ok(MintedSession {
            cookie: format!("__Host-vouchsafe={id}.{created}.{seen}"),
            subject: format!("user:{id}"),
            id,
        })
    }

    fn mint_account(&self) -> Result<MintedAccount, TargetError> {
        let number = self.keys.borrow().len();
        let name = format!("probe-{number}");
        self.keys.borrow_mut().push_back(name.clone());
        Ok(MintedAccount {
            link: format!("link-of-{name}"),
            name,
        })
    }

    fn remove_account(&self, name: &str) -> Result<(), TargetError> {
        self.keys.borrow_mut().retain(|known| known != name);
        Ok(())
    }

    fn revoke_key(&self, id: &str) -> Result<(), TargetError> {
        self.keys.borrow_mut().retain(|key| key != id);
        Ok(())
    }

    fn revoke_token(&self, token: &MintedToken) -> Result<(), TargetError> {
        self.keys.borrow_mut().retain(|key| *key != token.jti);
        Ok(())
    }

    fn list_keys(&self) -> Result<Value, TargetError> {
        Ok(json!({"keys": self.keys.borrow().iter().collect::<Vec<_>>()}))
    }

    fn ledger_mark(&self) -> Result<LedgerMark, TargetError> {
        Ok(LedgerMark::default())
    }

    fn ledger_since(&self, _: Option<&LedgerMark>) -> Result<LedgerTail, TargetError> {
        Ok(LedgerTail {
            events: self.events.clone(),
            first: self.minimum,
            minimum: self.minimum,
            ..LedgerTail::default()
        })
    }

    fn inspect_ledger(&self, _: Option<&str>) -> Result<Inspection, TargetError> {
        Ok(self.inspection.clone())
    }

    fn inspected(&self) -> Result<Inspection, TargetError> {
        Ok(self.inspection.clone())
    }

    fn ledger_copy(&self) -> Result<LedgerCopy, TargetError> {
        Ok(LedgerCopy {
            folder: PathBuf::new(),
            key: String::new(),
            checkpoint: String::new(),
            second_place: false,
        })
    }

    fn verify(&self, _: &Path, _: &str, _: Option<&str>) -> Result<Inspection, TargetError> {
        Ok(self.inspection.clone())
    }

    fn storage(&self) -> Result<Vec<PathBuf>, TargetError> {
        Ok(self.files.clone())
    }

    fn observe(&self, _: &str) -> Result<Observed, TargetError> {
        Ok(Observed::NoObserver)
    }

    fn child(&self, change: &mut dyn FnMut(&mut Value)) -> Result<ChildStart, TargetError> {
        let mut tree = self.facts.configuration.clone();
        change(&mut tree);
        Ok((self.start)(&tree))
    }

    fn child_with_past(
        &self,
        past: &LedgerPast,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<ChildStart, TargetError> {
        self.pasts.borrow_mut().push(past.clone());
        self.child(change)
    }
}
