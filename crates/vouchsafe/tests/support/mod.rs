//! What every end-to-end test stands on: a deployment in a folder of its own, the processes it
//! starts, a client for its listeners and an upstream behind it.
//!
//! Owns temporary folders, processes and their end. Refuses to wait without a limit.

mod client;
mod deployment;
mod process;
mod upstream;

use std::{sync::OnceLock, time::Duration};

use control::{Clock as _, SystemClock};

pub(crate) use self::{
    client::{Client, Socket, body, field, get, request, status, tls_client, tls_client_of},
    deployment::{Deployment, Gate, open_route, site},
    process::{Process, Said, peer, run, vouchsafe},
    upstream::Upstream,
};

/// The longest that anything is waited for. Generous: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The clock of all limits.
pub(crate) fn clock() -> &'static SystemClock {
    static CLOCK: OnceLock<SystemClock> = OnceLock::new();
    CLOCK.get_or_init(SystemClock::new)
}

/// Asks until there is an answer; `what` is named when there is none in time.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = clock().monotonic() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            clock().monotonic() < deadline,
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
