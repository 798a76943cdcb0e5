//! Single sign-on: people log in at their team's OpenID Connect provider.
//!
//! Owns the code flow with PKCE (OpenID Connect Core 1.0, RFC 7636): where the browser is sent, what
//! it brings back, and who that says they are. Refuses an answer that this browser did not ask for,
//! one that comes twice or too late, a token that another provider, another client or another login
//! was meant by, and people of other domains. Trusts the provider's word on who a person is, once its
//! signature verifies, and nothing that passed through the browser.
//!
//! A login under way is kept as two digests: of the state that goes to the provider and back, and of
//! a secret that stays in the browser's cookie. Nonce and PKCE verifier follow from both by HMAC, so
//! that nothing kept here, and nothing the provider or an address bar sees, is enough to finish it.
//!
//! - [`settings`]: what the configuration says;
//! - [`return_to`]: the page that was asked for, on our own origin;
//! - [`metadata`]: what a provider says of itself;
//! - [`provider`]: a provider as it is known at this moment, and how it is asked;
//! - [`login`]: sending a browser there and judging what it brings back;
//! - [`person`]: what an ID token must say;
//! - [`logout`]: ending sessions there and by its word;
//! - [`fault`]: every way a login ends without a session.

pub mod fault;
pub mod login;
pub mod logout;
pub mod metadata;
pub mod person;
pub mod provider;
pub mod return_to;
pub mod settings;

pub use fault::{LoginFault, LoginRefusal, ProviderFault};
pub use login::{Beginning, Finished};
pub use provider::Provider;
pub use return_to::ReturnTo;
pub use settings::Settings;
