//! Ingress: listeners, the stage list, routes, proxying.
//!
//! Owns every decision about a request between its first byte and its record. Refuses what it
//! cannot prove: a request goes upstream only with an [`stages::Admitted`], which only the stages
//! make. Trusts `wire` for framing, `identity` for keys, `hooks` for signatures, and the
//! configuration once [`site`] has read it whole.
//!
//! Read in this order:
//!
//! 1. [`site`]: the configuration as the gate runs it;
//! 2. [`stages`]: the ordered list every request goes through;
//! 3. [`core`](mod@core): what the cores share and what each has for itself;
//! 4. [`tickets`]: how a proof runs every stage without reaching the app, and [`echo`], where it
//!    ends instead;
//! 5. `assertion`: how an app learns who asks;
//! 6. `room`: what there is room for, counted over all cores;
//! 7. [`serve`]: the engine that drives all of it;
//! 8. [`controls`]: the promises kept here;
//! 9. [`request_id`] and [`metrics`]: names and numbers.

mod assertion;
pub mod controls;
pub mod core;
pub mod echo;
pub mod explain;
#[doc(hidden)]
pub mod fuzz;
pub mod metrics;
pub mod request_id;
mod room;
pub mod serve;
pub mod site;
pub mod stages;
#[cfg(test)]
mod testing;
pub mod tickets;
mod uploads;

pub use self::{
    core::{Core, CurrentSite, Gate, Parts},
    site::Site,
    stages::Peer,
};
