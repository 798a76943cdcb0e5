//! Alerts of monitoring systems, in one normal form.
//!
//! Owns what eight kinds of sender mean by firing and resolved, how bad they say it is, and what makes
//! two messages speak of the same thing. Refuses to guess: a status, severity or time that it does not
//! know is a [`Gap`] that an operator sees, never a default; what has no identity of its own is never
//! merged by its name. Trusts the caller for whose endpoint a body came to: the sender is chosen there,
//! and a body is looked at for it only where the endpoint is authenticated and says so ([`sniff`]).
//! Pure and synchronous: no clock, no file, no network.
//!
//! Read in this order:
//!
//! 1. [`normal`]: the form;
//! 2. [`driver`]: the senders, and reading one body; [`drivers`]: each of them;
//! 3. [`generic`]: a sender of your own, by pointers;
//! 4. [`sniff`]: whose body it is, where that may be asked;
//! 5. `value`: text, numbers and times as senders write them.

pub mod driver;
pub mod drivers;
#[doc(hidden)]
pub mod fuzz;
pub mod generic;
pub mod normal;
pub mod sniff;
mod value;

pub use driver::{Driver, Unreadable, read};
pub use normal::{Alert, Gap, Severity, Status};
pub use sniff::{Attribution, attribute};
