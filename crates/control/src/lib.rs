//! The words every other crate speaks: promises, controls, probes, verdicts, refusals, clock and
//! randomness, and the catalogue that gives each promise its sentence.
//!
//! Owns the vocabulary of the product and no behaviour beyond it. Refuses to know any other crate:
//! nothing here opens a socket, reads a file or holds a setting. Trusts nothing.
//!
//! Read in this order:
//!
//! 1. [`catalogue`]: what can be promised, as data;
//! 2. [`card`]: what a control says of itself, how it is fitted to a promise and how it is weakened;
//! 3. [`probe`]: how a promise is attacked, and the [`probe::Target`] the attack reaches;
//! 4. [`sheet`]: the record of one probe, which turns attempts and twins into a [`verdict`];
//! 5. [`refusal`]: how a request is turned away;
//! 6. [`clock`] and [`rng`]: time and chance, which are always arguments; [`steady`] for a clock that
//!    somebody sets.

pub mod card;
pub mod catalogue;
pub mod clock;
pub mod probe;
pub mod refusal;
pub mod rng;
pub mod secret;
pub mod sheet;
pub mod steady;
pub mod verdict;

pub use card::{Asked, Card, Control, Fit, Mend, Weakening};
pub use catalogue::{Catalogue, Promise};
pub use clock::{Clock, SystemClock, Timestamp};
pub use probe::{Class, Probe, Target};
pub use refusal::{ControlId, Reason, Refusal};
pub use rng::{Rng, SystemRng};
pub use secret::Secret;
pub use sheet::{Evidence, Sheet};
pub use steady::{Doubter, SteadyClock};
pub use verdict::Verdict;
