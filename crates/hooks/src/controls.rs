//! The promises kept here, as controls: `webhook.*`.

use control::Control;

/// The controls of this crate, in the order the binary lists them.
pub const CONTROLS: &[&dyn Control] = &[];
