//! How often, and how many at once: limits by who asks.
//!
//! Owns `[[rate]]`, the counts of one process and the question to a server that several processes
//! share. Refuses to forget a caller's debt for lack of memory: where more callers come than are told
//! apart, the newest takes over what the one with the least had. Trusts the stages of the gate for who
//! is asking.
//!
//! Limits are counted by the generic cell rate algorithm (ITU-T I.371): a limit of 120 a minute lets
//! 120 pass at once, and one more every half second. There is no window whose edge doubles it.
//!
//! Read in this order:
//!
//! 1. [`pace`]: the arithmetic of one limit;
//! 2. [`table`]: one moment, or one count, for each caller, without a lock on the way;
//! 3. [`who`]: what a limit counts by;
//! 4. [`rate`]: one limit; [`section`]: how it is read;
//! 5. [`shared`]: limits of several processes;
//! 6. [`standing`]: what a client is told;
//! 7. [`controls`]: the promises kept here.

pub mod controls;
pub mod pace;
pub mod rate;
pub mod section;
pub mod shared;
pub mod standing;
pub mod table;
pub mod who;

pub use pace::Pace;
pub use rate::{Counts, Measure, Rate, Rates};
pub use standing::Standing;
pub use table::{Held, Table};
pub use who::{By, Who};

use control::{ControlId, Reason, Refusal};

/// The control that refuses what comes too often.
pub const RATE: ControlId = ControlId("limits.rate");

/// The refusal of what comes too often; whoever waits as long as it says comes through.
pub const TOO_OFTEN: Refusal = Refusal::new(
    RATE,
    429,
    "Too many requests. Wait as long as Retry-After says, then go on.",
    Reason("rate-exceeded"),
);

/// The refusal of one request more than may be under way at once.
pub const TOO_MANY_AT_ONCE: Refusal = Refusal::new(
    RATE,
    429,
    "Too many requests at once. Wait until one of yours has ended.",
    Reason("rate-at-once"),
)
.retry_after(1);
