//! The model of the upstream pool: clients with marked bodies, upstreams that misbehave.
//!
//! Owns a script (which client asks what, where it gives up, what the upstream does with it), the
//! two sides that play it through the gate's own engine on one thread, and the verdict. Every
//! request has a mark; every byte of its body and of its answer says it. What must hold:
//!
//! - neither a client nor the upstream ever sees a byte marked for another request;
//! - a request reaches the upstream once, or twice where it may be repeated and the first time met
//!   a kept connection that closed without a byte;
//! - a client gets its own answer, whole or broken off at its end, or a refusal; and where nobody
//!   misbehaves it gets the answer.
//!
//! Trusts the loopback of the kernel, the one thing here that is not scripted.

mod client;
mod marks;
mod script;
mod upstream;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use gate::{Peer, fuzz::Engine};
use tokio::{io::duplex, task::yield_now, time::timeout};

pub use script::{Behaviour, Script, Step};

use crate::bench::{self, Bench};

/// Turns a task waits before it takes for granted that nothing more happens by itself.
const SETTLED: usize = 60;

/// How long a client may wait: far more than anything here takes, less than the gate's own limits.
const STUCK: Duration = Duration::from_secs(8);

/// What both sides saw, and where that breaks a rule.
#[derive(Default)]
struct Witness {
    faults: RefCell<Vec<String>>,
    /// How often each request reached the upstream.
    arrived: RefCell<Vec<usize>>,
    /// Requests that met a kept connection which closed without a byte of an answer.
    met_closing: RefCell<Vec<bool>>,
    /// Whole answers of the upstream that clients got.
    answered: Cell<usize>,
    /// Refusals that clients got.
    refused: Cell<usize>,
}

impl Witness {
    fn fault(&self, what: impl Into<String>) {
        self.faults.borrow_mut().push(what.into());
    }
}

/// What became of a script.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Rules that were broken.
    pub faults: Vec<String>,
    /// Whole answers of the upstream that clients got.
    pub answered: usize,
    /// Refusals that clients got.
    pub refused: usize,
    /// Requests that reached the upstream.
    pub arrived: usize,
    /// Connections the gate made to the upstream.
    pub connections: usize,
}

/// Plays `script` through an engine with an empty pool.
#[must_use]
pub fn play(script: &Script) -> Verdict {
    bench::with(|bench| bench.runtime.block_on(run(bench, script)))
}

async fn run(bench: &Bench, script: &Script) -> Verdict {
    bench.engine.forget();
    let witness = Rc::new(Witness::default());
    *witness.arrived.borrow_mut() = vec![0; script.steps.len()];
    *witness.met_closing.borrow_mut() = vec![false; script.steps.len()];
    let script = Rc::new(script.clone());
    let origin = upstream::Origin::start(&bench.listener, &script, &witness);
    let clients: Vec<_> = (0..script::CLIENTS)
        .map(|number| {
            let opens = opener(&bench.engine);
            tokio::task::spawn_local(client::run(
                number,
                Rc::clone(&script),
                Rc::clone(&witness),
                opens,
            ))
        })
        .collect();
    for (number, mut client) in clients.into_iter().enumerate() {
        match timeout(STUCK, &mut client).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => witness.fault("a client panicked"),
            Err(_) => {
                client.abort();
                witness.fault(format!("client {number} waits for what never comes"));
            }
        }
    }
    // What is still under way behind the clients comes to its end: connections whose client left.
    for _ in 0..SETTLED {
        yield_now().await;
    }
    let connections = origin.stop();
    bench.engine.forget();
    for _ in 0..SETTLED {
        yield_now().await;
    }
    check_arrivals(&script, &witness);
    Verdict {
        faults: witness.faults.take(),
        answered: witness.answered.get(),
        refused: witness.refused.get(),
        arrived: witness.arrived.borrow().iter().sum(),
        connections,
    }
}

/// Makes connections to the engine, each served by a task of its own.
fn opener(engine: &Rc<Engine>) -> impl Fn() -> tokio::io::DuplexStream + use<> {
    let engine = Rc::clone(engine);
    move || {
        let (near, far) = duplex(16 * 1024);
        let engine = Rc::clone(&engine);
        let peer = Peer {
            address: ([127, 0, 0, 1], 1).into(),
            spoken: gate::stages::Spoken::Plain,
            certificate: None,
        };
        tokio::task::spawn_local(async move { engine.serve(peer, far).await });
        near
    }
}

fn check_arrivals(script: &Script, witness: &Witness) {
    let arrived = witness.arrived.borrow();
    let met_closing = witness.met_closing.borrow();
    let seen = arrived.iter().zip(met_closing.iter());
    for (mark, (step, (&times, &closing))) in script.steps.iter().zip(seen).enumerate() {
        let most = if step.is_repeatable() && closing {
            2
        } else {
            1
        };
        if times > most {
            witness.fault(format!("request {mark} reached the upstream {times} times"));
        }
    }
}
