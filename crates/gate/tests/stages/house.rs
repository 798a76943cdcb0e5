//! A whole gate without sockets: real ledger, store, keys and replay table under one folder.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use config::secret::Sources;
use control::{Secret, SystemRng, Timestamp, clock::FixedClock};
use gate::{
    Core, Gate, Parts, Peer, Site,
    stages::{
        self, Admitted, Destination, Forwarding, HeadDecision, OwnAnswer, forward,
        record::{self, Outcome},
        response,
    },
};
use identity::{
    Keys, NewKey,
    token::{Revocations, Uses},
};
use ledger::{Ledger, Lock, Options, disk::RealDisk, home::ledger_folder, view::View};
use serde_json::Value;
use store::{Store, shared::Shared};
use tokio::runtime::Runtime;
use wire::{BodyFraming, HeadLimits, Parsed, Request, RequestHead};

pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub(crate) const HOST: &str = "Host: coach.school.example";
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const FRONT: &str = "[deployment]\nname = \"coach\"\npublic_url = \"https://coach.school.example\"\n\
    trusted_proxies = [\"10.0.0.0/8\"]\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
    [[app]]\nname = \"coach\"\nupstream = \"http://127.0.0.1:8502\"\n";

pub(crate) const ROUTES: &str = r#"
[[route]]
path = "/hook"
methods = ["POST"]
app = "coach"
body = "1KiB"
webhook = { scheme = "standard-webhooks", secret = ["hook"] }

[[route]]
path = "/api"
app = "coach"
auth = ["api-key"]
roles = ["mentor"]

[[route]]
path = "/api/bound"
app = "coach"
auth = ["api-key"]
bind = "request"

[[route]]
path = "/"
app = "coach"
auth = "none"
reason = "public"
"#;

pub(crate) struct House {
    pub(crate) gate: Arc<Gate>,
    pub(crate) core: Core,
    pub(crate) keys: Arc<Keys>,
    pub(crate) revocations: Revocations,
    pub(crate) clock: FixedClock,
    pub(crate) runtime: Runtime,
    ledger: Arc<Ledger>,
    folder: tempfile::TempDir,
}

/// What became of a request.
pub(crate) enum Met {
    /// It went on: the head an app would receive, and what is needed to end it.
    Sent(String, Forwarding),
    /// It was answered here: status and the whole answer.
    Answered(u16, String),
}

impl Met {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Sent(..) => 0,
            Self::Answered(status, _) => *status,
        }
    }

    pub(crate) fn head(self) -> (String, Forwarding) {
        match self {
            Self::Sent(head, forwarding) => (head, forwarding),
            Self::Answered(status, text) => panic!("answered {status}: {text}"),
        }
    }

    pub(crate) fn answer(self) -> (u16, String) {
        match self {
            Self::Answered(status, text) => (status, text),
            Self::Sent(head, _) => panic!("sent upstream: {head}"),
        }
    }
}

pub(crate) fn site(routes: &str, durable: bool) -> Site {
    site_from(routes, durable, &Sources::unresolved())
}

fn site_from(routes: &str, durable: bool, sources: &Sources) -> Site {
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    let secrets = BTreeMap::from([("hook".to_owned(), Some(secret))]);
    gate::fuzz::site_from(format!("{FRONT}{routes}"), &secrets, durable, sources)
        .unwrap_or_else(|faults| panic!("{}", faults.render(config::Look::Plain)))
        .unwrap()
}

/// A site with these secrets.
pub(crate) fn site_with(routes: &str, secrets: &BTreeMap<String, Option<Secret>>) -> Site {
    gate::fuzz::site_from(
        format!("{FRONT}{routes}"),
        secrets,
        false,
        &Sources::unresolved(),
    )
    .unwrap_or_else(|faults| panic!("{}", faults.render(config::Look::Plain)))
    .unwrap()
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(ROUTES, false)
    }

    pub(crate) fn with(routes: &str, durable: bool) -> Self {
        Self::of(site(routes, durable))
    }

    /// A house with other secrets than [`SECRET`].
    pub(crate) fn with_secrets(routes: &str, secrets: &[(&str, &str)]) -> Self {
        let secrets = secrets
            .iter()
            .map(|(name, text)| {
                (
                    (*name).to_owned(),
                    Some(Secret::new(text.as_bytes().to_vec())),
                )
            })
            .collect();
        Self::of(site_with(routes, &secrets))
    }

    /// A house whose configuration reads the files it names.
    pub(crate) fn resolved(routes: &str) -> Self {
        let sources = Sources::of_process(Path::new("vouchsafe.toml"));
        Self::of(site_from(routes, false, &sources))
    }

    fn of(site: Site) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = FixedClock::at(START);
        let ledger = Ledger::open(Options {
            lock: Arc::new(Lock::acquire(folder.path()).unwrap()),
            origin: "coach.school.example/coach/1".to_owned(),
            second_place: None,
            keeping: ledger::Keeping::default(),
            ring: 256,
            clock: Arc::new(clock.clone()),
            rng: Arc::new(SystemRng),
        });
        let ledger = Arc::new(ledger.unwrap());
        let store = Store::open(&folder.path().join("vouchsafe.db")).unwrap();
        let keys = Arc::new(Keys::open(store.clone()).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let shared = Shared::in_process(Arc::new(clock.clone()));
        let revocations = runtime
            .block_on(Revocations::open(store.clone(), &shared, START))
            .unwrap();
        let gate = Gate::new(Parts {
            site,
            clock: Arc::new(clock.clone()),
            rng: Arc::new(SystemRng),
            ledger: Arc::clone(&ledger),
            replay: hooks::Replay::new(store.clone()),
            keys: Arc::clone(&keys),
            revocations: revocations.live(),
            uses: Uses::new(store, shared),
            assertion_seed: [7; 32],
            service: runtime.handle().clone(),
        });
        let gate = Arc::new(gate.unwrap());
        gate.echo_at("127.0.0.1:9".parse().unwrap());
        Self {
            core: Core::new(Arc::clone(&gate)),
            gate,
            keys,
            revocations,
            clock,
            runtime,
            ledger,
            folder,
        }
    }

    pub(crate) fn key(&self, scopes: &[&str], roles: &[&str]) -> (String, String) {
        let wish = NewKey {
            name: "test".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..NewKey::default()
        };
        let minted = self.keys.create(&wish, START, &SystemRng).unwrap();
        (
            minted.id.as_str().to_owned(),
            minted.key.expose().to_owned(),
        )
    }

    /// As [`House::ask`], where the lines may not even be a request.
    pub(crate) fn try_ask(&self, lines: &[&str]) -> Option<Met> {
        let bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
        RequestHead::new()
            .parse(&bytes, &HeadLimits::REQUEST)
            .is_ok()
            .then(|| self.ask(lines, b""))
    }

    /// Closes the ledger, so that nothing can be recorded.
    pub(crate) fn close_ledger(&self) {
        self.ledger.close().unwrap();
    }

    /// Ends a request without awaiting, for use inside a runtime.
    pub(crate) fn forget(&self, forwarding: Forwarding) {
        record::finish(&self.core, forwarding, &Outcome::default());
    }

    /// Sends a request through every stage up to the head that would go upstream.
    pub(crate) fn ask(&self, lines: &[&str], body: &[u8]) -> Met {
        self.ask_from("192.0.2.1:5000", lines, body)
    }

    pub(crate) fn ask_from(&self, peer: &str, lines: &[&str], body: &[u8]) -> Met {
        self.ask_around(peer, lines, body, || {})
    }

    /// As [`House::ask`], with something that happens between the decision and the head.
    pub(crate) fn ask_around(
        &self,
        peer: &str,
        lines: &[&str],
        body: &[u8],
        between: impl FnOnce(),
    ) -> Met {
        let (head, bytes) = parsed(lines, body);
        let request = head.request(&bytes);
        let mut decision = self.judged(peer, &request);
        if let HeadDecision::Unproven(awaiting) = decision {
            let asked = stages::admit_proven(&self.core, *awaiting, &request);
            decision = self.runtime.block_on(asked);
        }
        let decided = match decision {
            HeadDecision::Answer(answer) => Err(answer),
            HeadDecision::Forward(admitted) => Ok(admitted),
            HeadDecision::Record(awaiting) => {
                self.runtime.block_on(stages::admit_recorded(awaiting))
            }
            HeadDecision::Body(awaiting) if body.len() as u64 > awaiting.cap() => {
                Err(awaiting.too_large())
            }
            HeadDecision::Body(awaiting) => self
                .runtime
                .block_on(stages::admit_body(&self.core, awaiting, &request, body)),
            HeadDecision::Desk(awaiting) => {
                let served = stages::desk::serve(&self.core, awaiting, body);
                Err(self.runtime.block_on(served))
            }
            HeadDecision::File(awaiting) => {
                let opened = stages::files::open(&self.core, *awaiting, &request);
                Err(self.runtime.block_on(opened))
            }
            HeadDecision::Unproven(_) => unreachable!("the store was asked"),
            HeadDecision::Turn(_) => unreachable!("this house shares no limits"),
            HeadDecision::Upload(_) => unreachable!("no route of this house takes uploads"),
        };
        between();
        self.written(decided, &request, body)
    }

    /// What becomes of a request's head.
    pub(crate) fn judged(&self, peer: &str, request: &Request<'_>) -> HeadDecision {
        let peer = Peer {
            address: peer.parse().unwrap(),
            spoken: gate::stages::Spoken::Plain,
            certificate: None,
        };
        stages::admit_head(&self.core, &self.core.site(), &peer, request)
    }

    fn written(
        &self,
        decided: Result<Admitted, OwnAnswer>,
        request: &Request<'_>,
        body: &[u8],
    ) -> Met {
        let framing = match body.len() {
            0 => BodyFraming::None,
            length => BodyFraming::Length(length as u64),
        };
        let mut out = Vec::new();
        let sent = decided.and_then(|admitted| {
            forward::write_head(&self.core, admitted, request, framing, &mut out)
        });
        match sent {
            Ok(forwarding) => Met::Sent(String::from_utf8(out).unwrap(), forwarding),
            Err(mut answer) => {
                let status = answer.status();
                let reading = answer.take_reading();
                response::write_own(&answer, true, &mut out);
                if let Some(mut reading) = reading {
                    while !reading.is_done() {
                        let piece = reading.next(&self.core, Vec::new());
                        out.extend(self.runtime.block_on(piece).unwrap());
                    }
                }
                record::finish_own(&self.core, answer, body.len() as u64);
                Met::Answered(status, String::from_utf8(out).unwrap())
            }
        }
    }

    /// Ends a request with the app's answer.
    pub(crate) fn end(&self, mut forwarding: Forwarding, status: u16) {
        self.runtime
            .block_on(response::answered(&self.core, &mut forwarding, status));
        let outcome = Outcome {
            status: Some(status),
            ..Outcome::default()
        };
        record::finish(&self.core, forwarding, &outcome);
    }

    /// Every event so far, oldest first, without those of the instance itself.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.ledger.flush_blocking().unwrap();
        let folder = ledger_folder(self.folder.path());
        let view = View::open(&RealDisk, &folder).unwrap();
        let mut events: Vec<Value> = Vec::new();
        for numbered in view.last(1000).unwrap() {
            events.push(serde_json::from_slice(&numbered.1).unwrap());
        }
        events
    }

    /// The kinds of all events.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|event| event["kind"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Why what was refused was.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let reason = |event: &Value| event["reason"].as_str().map(str::to_owned);
        self.events().iter().filter_map(reason).collect()
    }

    /// Lets tasks on the service runtime run until `done`.
    pub(crate) fn until(&self, mut done: impl FnMut() -> bool) {
        for _ in 0..2000 {
            if done() {
                return;
            }
            self.runtime
                .block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        }
        panic!("it never happened");
    }
}

/// A head with these lines that announces `body`, and its bytes.
pub(crate) fn parsed(lines: &[&str], body: &[u8]) -> (RequestHead, Vec<u8>) {
    let mut bytes = lines.join("\r\n");
    if !body.is_empty() {
        bytes.push_str(&format!("\r\nContent-Length: {}", body.len()));
    }
    bytes.push_str("\r\n\r\n");
    let bytes = bytes.into_bytes();
    let mut head = RequestHead::new();
    let parsed = head.parse(&bytes, &HeadLimits::REQUEST);
    assert_eq!(parsed, Ok(Parsed::Complete { len: bytes.len() }));
    (head, bytes)
}

pub(crate) fn goes_to_echo(forwarding: &Forwarding) -> bool {
    matches!(forwarding.destination(), Destination::Echo(_))
}
