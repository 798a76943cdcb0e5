//! Webhooks in: whether a delivery was sent by the provider it claims, and whether it was already
//! accepted. And the one webhook out: an alert to the team, signed by the same schemes.
//!
//! Owns the scheme engine (a provider is a data file over a small set of primitives), the replay
//! rules on top of `store`, and the controls of the webhook promises. Refuses to guess: a delivery
//! that is not attributable to one source, byte for byte, is turned away before any of its fields
//! reaches policy, store or app. Trusts the secrets and the public URL of the configuration, and
//! nothing of the request: not `Host`, not a forwarding header, not an id that is not signed.
//!
//! Read in this order:
//!
//! 1. [`scheme`]: what a provider's scheme says, and [`load`], which reads and lints the files
//!    under `schemes/`;
//! 2. [`delivery`]: a request as it was received; `reading` and [`form`]: what stands at a place of
//!    it; [`message`]: the bytes a provider signed, rebuilt from it;
//! 3. [`key`]: secrets decoded by the rule of a scheme;
//! 4. [`verify`](mod@verify) and [`token`], their inverse [`sign`](mod@sign), and [`refusal`];
//! 5. [`handshake`]: what a provider asks of an endpoint; [`source`]: a webhook route's
//!    configuration;
//! 6. [`replay`]: deliveries in flight and deliveries done;
//! 7. [`alerts`]: the webhook that we send;
//! 8. [`controls`]: the promises kept here; [`window`]: the command line's view; [`setup`]: what to
//!    configure; [`doctor`]: why a delivery does not verify; [`providers`]: the page of the guides.

pub mod alerts;
pub mod controls;
pub mod delivery;
pub mod doctor;
pub mod form;
#[doc(hidden)]
pub mod fuzz;
pub mod handshake;
pub mod key;
pub mod load;
pub mod message;
pub mod providers;
mod reading;
pub mod refusal;
pub mod replay;
pub mod scheme;
pub mod setup;
pub mod sign;
pub mod source;
pub mod token;
pub mod verify;
pub mod window;

pub use delivery::Delivery;
pub use handshake::Answer;
pub use key::{Key, KeyFault};
pub use refusal::SignatureRefusal;
pub use replay::{Admission, Claim, Replay};
pub use scheme::{Ack, Scheme};
pub use sign::{Signing, sign};
pub use source::{Setting, Source};
pub use verify::{Signature, Verified, verify};
