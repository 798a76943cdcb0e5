//! What the process is told from outside.
//!
//! Owns the signals from the very beginning: one that arrives while the gate still starts means
//! this gate, and must neither kill it half-way (SIGHUP would) nor be lost. SIGTERM and SIGINT end
//! it, a second one cuts the drain short, SIGHUP reloads. Signals that arrive together count once,
//! as they do for every process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Failure, io};

/// The signals of this process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    pub(super) hangup: Hangup,
}

/// Asks for reloads.
pub(super) struct Hangup(Signal);

/// Asks for the end.
pub(super) struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes them from now on; call it on a runtime.
    pub(super) fn take() -> Result<Self, Failure> {
        let take = |kind| signal(kind).map_err(io("wait for signals", "report this as a defect"));
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: Hangup(take(SignalKind::hangup())?),
        })
    }

    /// Both kinds, for those who wait for one each.
    pub(super) fn split(self) -> (End, Hangup) {
        let Self {
            terminate,
            interrupt,
            hangup,
        } = self;
        (
            End {
                terminate,
                interrupt,
            },
            hangup,
        )
    }
}

impl End {
    /// Waits until the process is told to end.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Hangup {
    /// Waits until the process is told to reload; false if it never will be again.
    pub(super) async fn asked(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
