//! A whole gate: ledger, store and keys in a temporary folder, wired as the binary wires them.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::NonZero,
    path::Path,
    sync::{Arc, OnceLock},
};

use control::{Clock as _, ControlId, Secret, SystemClock, SystemRng};
use gate::{
    Gate, Parts, Site,
    serve::{Options, Running, tls},
    site::listen::Minimum,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{Origin, Wire};

/// Secret of the webhook source `hook`.
pub(crate) const HOOK: &[u8] = b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// An open route for everything.
pub(crate) const OPEN: &str =
    "[[route]]\npath = \"/\"\napp = \"app\"\nauth = \"none\"\nreason = \"a test\"\n";

/// A running gate.
pub(crate) struct Started {
    pub(crate) running: Option<Running>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) keys: Arc<identity::Keys>,
    pub(crate) store: store::Store,
    address: SocketAddr,
    folder: TempDir,
}

/// A gate with defaults and one open route to `origin`.
pub(crate) fn start(origin: &Origin) -> Started {
    start_at(origin.address, "")
}

/// A gate with one open route to `upstream` and `rest` in its configuration.
pub(crate) fn start_at(upstream: SocketAddr, rest: &str) -> Started {
    start_with(upstream, &format!("{OPEN}{rest}"), None, 1)
}

/// A gate whose listener speaks TLS when a certificate and its key are given.
pub(crate) fn start_with(
    upstream: SocketAddr,
    rest: &str,
    tls: Option<(&Path, &Secret)>,
    threads: usize,
) -> Started {
    start_under(Arc::new(SystemClock::new()), upstream, rest, tls, threads)
}

/// A gate with a clock of the test's own.
pub(crate) fn start_under(
    clock: Arc<dyn control::Clock>,
    upstream: SocketAddr,
    rest: &str,
    tls: Option<(&Path, &Secret)>,
    threads: usize,
) -> Started {
    let folder = tempfile::tempdir().unwrap();
    let (mut parts, keys, store) = parts(folder.path(), site(upstream, rest));
    parts.clock = clock;
    let gate = Arc::new(Gate::new(parts).unwrap());
    gate.keep_uploads_in(&folder.path().join("uploads"))
        .unwrap();
    let options = Options {
        threads: NonZero::new(threads),
        tls: vec![tls.map(|(certificate, key)| speaking(certificate, key))],
        descriptors: usize::MAX,
    };
    let running = gate.start(options).unwrap();
    let address = running.addresses()[0];
    Started {
        running: Some(running),
        gate,
        keys,
        store,
        address,
        folder,
    }
}

/// TLS with one certificate.
pub(crate) fn speaking(certificate: &Path, key: &Secret) -> tls::Speaking {
    let pair = tls::Pair {
        certificate: certificate.to_owned(),
        key: key.clone(),
    };
    let clock = Arc::new(SystemClock::new());
    tls::load(&[pair], tls::Terms::plain(Minimum::default(), clock)).unwrap()
}

/// The site of a configuration with one app and `rest`.
pub(crate) fn site(upstream: SocketAddr, rest: &str) -> Site {
    // Nobody is logged in over plain text.
    let scheme = if rest.contains("[accounts]") {
        "https"
    } else {
        "http"
    };
    let text = format!(
        "[deployment]\nname = \"test\"\npublic_url = \"{scheme}://gate.test\"\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[app]]\nname = \"app\"\nupstream = \"http://{upstream}\"\n{rest}"
    );
    let secrets = BTreeMap::from([("hook".to_owned(), Some(Secret::new(HOOK.to_vec())))]);
    gate::fuzz::site(text, &secrets, rest.contains("durable"))
        .unwrap_or_else(|faults| panic!("{}", faults.render(config::Look::Plain)))
        .unwrap()
}

/// A gate that nothing runs yet, and the keys it looks at.
pub(crate) struct Wired {
    pub(crate) gate: Arc<Gate>,
    pub(crate) keys: Arc<identity::Keys>,
    pub(crate) store: store::Store,
    _folder: TempDir,
}

/// A gate with one app at `upstream` and `rest` in its configuration, without a listener.
pub(crate) fn wired(upstream: SocketAddr, rest: &str) -> Wired {
    let folder = tempfile::tempdir().unwrap();
    let (parts, keys, store) = parts(folder.path(), site(upstream, rest));
    Wired {
        gate: Arc::new(Gate::new(parts).unwrap()),
        keys,
        store,
        _folder: folder,
    }
}

fn parts(folder: &Path, site: Site) -> (Parts, Arc<identity::Keys>, store::Store) {
    let store = store::Store::open(&folder.join("store.db")).unwrap();
    let keys = Arc::new(identity::Keys::open(store.clone()).unwrap());
    let ledger = ledger::Ledger::open(ledger::Options {
        lock: Arc::new(ledger::Lock::acquire(folder).unwrap()),
        origin: "gate.test/test/node".to_owned(),
        second_place: None,
        keeping: ledger::Keeping::default(),
        ring: 1024,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    });
    let parts = Parts {
        site,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
        ledger: Arc::new(ledger.unwrap()),
        replay: hooks::Replay::new(store.clone()),
        keys: Arc::clone(&keys),
        revocations: identity::token::LiveRevocations::default(),
        uses: identity::token::Uses::new(
            store.clone(),
            store::shared::Shared::in_process(Arc::new(SystemClock::new())),
        ),
        assertion_seed: [7; 32],
        service: service().handle().clone(),
    };
    (parts, keys, store)
}

fn service() -> &'static Runtime {
    static SERVICE: OnceLock<Runtime> = OnceLock::new();
    SERVICE.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    })
}

impl Started {
    /// The folder in which uploads are kept.
    pub(crate) fn uploads(&self) -> std::path::PathBuf {
        self.folder.path().join("uploads")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A key for everything: what it is called by, and itself.
    pub(crate) fn key(&self) -> (String, String) {
        let wish = identity::NewKey {
            name: "test".to_owned(),
            scopes: Vec::new(),
            all: true,
            roles: Vec::new(),
            tenant: None,
            lifetime: None,
        };
        let made = self
            .keys
            .create(&wish, SystemClock::new().now(), &SystemRng);
        let made = made.unwrap();
        let key = String::from_utf8(made.key.expose().as_bytes().to_vec()).unwrap();
        (made.id.as_str().to_owned(), key)
    }

    pub(crate) fn revoke(&self, id: &str) {
        self.keys.revoke(id, SystemClock::new().now()).unwrap();
    }

    /// Waits until a refusal by `control` is counted, which happens behind its answer.
    pub(crate) fn has_refused(&self, control: &'static str) {
        let clock = SystemClock::new();
        while self.gate.metrics().refusals(ControlId(control)) == 0 {
            assert!(
                clock.monotonic() < super::PATIENCE,
                "nothing refused by {control}"
            );
            std::thread::yield_now();
        }
    }

    /// Whether a new connection is served before long; what it asks for is the gate's own.
    pub(crate) fn serves_again(&self) -> bool {
        let clock = SystemClock::new();
        while clock.monotonic() < super::PATIENCE {
            let mut client = self.connect();
            client.send(super::get("/.vouchsafe/health"));
            if client.answer().status == 200 {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        false
    }

    pub(crate) fn connect(&self) -> Wire {
        Wire::connect(self.address)
    }
}
