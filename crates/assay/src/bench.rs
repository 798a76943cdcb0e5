//! A whole gate on one thread, made once: ledger, store and keys in a folder of their own.

use std::{collections::BTreeMap, net::SocketAddr, rc::Rc, sync::Arc};

use control::{SystemClock, SystemRng};
use gate::{Gate, Parts, Site, fuzz::Engine};
use tokio::{
    net::TcpListener,
    runtime::{Builder, LocalOptions, LocalRuntime},
};

/// Inputs after which the gate is made anew, so that its ledger does not fill the disk.
const INPUTS: usize = 20_000;

/// What an input is played on.
pub(crate) struct Bench {
    pub(crate) runtime: LocalRuntime,
    pub(crate) engine: Rc<Engine>,
    pub(crate) listener: Rc<TcpListener>,
    played: usize,
    _folder: tempfile::TempDir,
}

thread_local! {
    static BENCH: std::cell::RefCell<Option<Bench>> = const { std::cell::RefCell::new(None) };
}

/// Runs `play` on this thread's bench.
pub(crate) fn with<T>(play: impl FnOnce(&Bench) -> T) -> T {
    BENCH.with_borrow_mut(|slot| {
        if slot.as_ref().is_some_and(|bench| bench.played >= INPUTS) {
            *slot = None;
        }
        let bench = slot.get_or_insert_with(|| match make() {
            Ok(bench) => bench,
            Err(cause) => panic!("no gate to play on: {cause}"),
        });
        bench.played += 1;
        play(bench)
    })
}

type Fault = Box<dyn std::error::Error>;

fn make() -> Result<Bench, Fault> {
    // The driver is asked at every turn: whatever one task writes, the next one sees.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(1)
        .build_local(LocalOptions::default())?;
    let folder = tempfile::tempdir()?;
    let entered = runtime.enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let site = site(listener.local_addr()?)?;
    let store = store::Store::open(&folder.path().join("store.db"))?;
    let ledger = ledger::Ledger::open(ledger::Options {
        lock: Arc::new(ledger::Lock::acquire(folder.path())?),
        origin: "gate.test/bench/node".to_owned(),
        second_place: None,
        keeping: ledger::Keeping::default(),
        ring: 1 << 16,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    })?;
    let gate = Gate::new(Parts {
        site,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
        ledger: Arc::new(ledger),
        replay: hooks::Replay::new(store.clone()),
        keys: Arc::new(identity::Keys::open(store.clone())?),
        revocations: identity::token::LiveRevocations::default(),
        uses: identity::token::Uses::new(
            store,
            store::shared::Shared::in_process(Arc::new(SystemClock::new())),
        ),
        assertion_seed: [7; 32],
        // Nothing on an open route asks for it.
        service: tokio::runtime::Handle::current(),
    })?;
    let engine = Rc::new(Engine::new(Arc::new(gate)));
    drop(entered);
    Ok(Bench {
        runtime,
        engine,
        listener: Rc::new(listener),
        played: 0,
        _folder: folder,
    })
}

fn site(upstream: SocketAddr) -> Result<Site, Fault> {
    let text = format!(
        "[deployment]\nname = \"bench\"\npublic_url = \"http://gate.test\"\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[app]]\nname = \"app\"\nupstream = \"http://{upstream}\"\n\
         [[route]]\npath = \"/\"\napp = \"app\"\nauth = \"none\"\nreason = \"a model\"\n"
    );
    gate::fuzz::site(text, &BTreeMap::new(), false)?
        .ok_or_else(|| "the configuration is no site".into())
}
