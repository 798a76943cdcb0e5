//! Certificates that an authority gives out by itself (ACME, RFC 8555).
//!
//! Owns the account, the orders and what comes of them in the data folder, and the answers by which the
//! authority sees that the names are ours. Refuses an authority that is not asked over HTTPS, names that
//! are not the deployment's, and a certificate that is not for the names and the key it was ordered with.
//! Trusts the authority that the configuration names with nothing but these certificates. Everything here
//! runs on the service runtime; requests only look at a snapshot of [`Challenges`].
//!
//! 1. [`settings`]: what the configuration says;
//! 2. [`challenges`]: what is answered while an order is under way;
//! 3. [`files`]: what lies in the data folder;
//! 4. `http` and `order`: how the authority is asked;
//! 5. [`keeper`]: when it is asked, and when it is left in peace.

pub mod challenges;
pub mod files;
mod http;
pub mod keeper;
mod order;
pub mod settings;

pub use challenges::Challenges;
pub use files::Files;
pub use keeper::{Keeper, Looked};
pub use settings::{Kind, Settings};
