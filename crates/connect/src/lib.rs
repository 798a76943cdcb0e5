//! Guarded connections to the outside.
//!
//! Owns every connection that the product opens because of a URL: reading the URL, judging its name
//! and every address behind it, and dialling exactly what was judged. Refuses what leads to this
//! machine, its network or the metadata service of its provider, whatever the text looks like.
//! Trusts the configuration's exceptions; trusts no URL, no answer of a name server, no redirect and
//! no peer.
//!
//! Read in this order:
//!
//! 1. [`target`]: texts to typed hosts, once;
//! 2. [`ranges`], [`names`] and [`nat64`]: what is refused, as tables;
//! 3. [`mod@judge`]: the verdict on one address;
//! 4. [`policy`]: the verdict on a destination, and the proof of it;
//! 5. [`resolve`]: names to addresses;
//! 6. [`dial`], [`tls`] and [`client`]: connections, and requests over them;
//! 7. [`section`]: what the configuration says;
//! 8. [`check`]: the window of `egress check`.

pub mod check;
pub mod client;
pub mod dial;
#[doc(hidden)]
pub mod fuzz;
pub mod judge;
pub mod names;
pub mod nat64;
pub mod policy;
pub mod ranges;
pub mod refused;
pub mod resolve;
pub mod section;
pub mod target;
pub mod tls;

pub use client::Client;
pub use judge::{Public, judge};
pub use policy::{Admitted, Judged, Own, Policy, Unreached};
pub use refused::Refused;
pub use resolve::{Answer, Dns, Fixed, LookupFault, Resolve};
pub use section::Section;
pub use target::{Destination, Host, Name, Scheme, Target, UrlFault};
