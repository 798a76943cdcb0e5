//! How many descriptors this process may have open.
//!
//! Owns the step from what the system set by default to what it allows: the soft limit protects
//! programs that use `select`, and this is none. Says so where even that is less than the configured
//! number of connections needs.

use gate::Gate;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::log::Log;

/// Raises the limit as far as the system allows and says what it is now.
pub(crate) fn raise() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return usize::MAX;
    };
    let most = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Warns when fewer connections are possible than are configured.
pub(crate) fn warn_if_few(gate: &Gate, log: &Log) {
    let (wanted, most) = (gate.site().limits().connections, gate.most_connections());
    if most < wanted {
        log.warn(
            "descriptors.few",
            &[
                ("connections", &most.to_string()),
                ("configured", &wanted.to_string()),
                (
                    "hint",
                    "raise the hard limit on open files (ulimit -Hn, LimitNOFILE=), or lower \
                     [limits] connections",
                ),
            ],
        );
    }
}
