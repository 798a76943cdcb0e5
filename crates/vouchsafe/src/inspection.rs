//! The whole ledger, verified once after each start.
//!
//! Owns what a start cannot wait for. Opening the ledger checks its newest end; what lies before may
//! be years long and is read here, beside the traffic. Damage does not stop the gate, because the
//! log goes on whole from its checkpoint and an attacker must not be able to stop the service by
//! touching an old file; it makes `healthcheck` say no and names the entry in the log.

use std::sync::{Arc, OnceLock};

use ledger::{disk::RealDisk, note::VerifierKey, verify::Given};

use crate::admin::Instance;

/// What the inspection after the start found; empty until it has ended.
pub(crate) type Found = OnceLock<Result<u64, String>>;

/// Inspects the ledger on a thread that may wait for the disk.
pub(crate) async fn run(instance: Arc<Instance>) {
    let held = Arc::clone(&instance);
    let found = tokio::task::spawn_blocking(move || inspect(&held)).await;
    let Ok(found) = found else { return };
    match &found {
        Ok(size) => instance
            .log
            .info("ledger.inspected", &[("entries", &size.to_string())]),
        Err(what) => instance.log.warn("ledger.altered", &[("what", what)]),
    }
    // Set once, by the one inspection of this start.
    let _ = instance.inspected.set(found);
}

fn inspect(instance: &Instance) -> Result<u64, String> {
    let key =
        VerifierKey::parse(instance.ledger.verifier_key()).map_err(|fault| fault.to_string())?;
    let given = Given {
        key: Some(&key),
        seen: None,
    };
    ledger::verify::verify(&RealDisk, instance.ledger.folder(), given)
        .map(|whole| whole.head.size)
        .map_err(|fault| fault.to_string())
}
