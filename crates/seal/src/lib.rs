//! Digests, message authentication, signatures, pseudonyms and text codecs.
//!
//! Owns every cryptographic primitive the product uses, as small functions with one way to call
//! them. Refuses to do input or output, to read clocks and to draw randomness: keys, seeds and
//! moments are arguments, so every result can be pinned by a published vector. Trusts aws-lc-rs
//! alone.
//!
//! Contents:
//!
//! - [`certificate`]: names and dates of a certificate;
//! - [`digest`]: SHA-256, at once or in pieces;
//! - [`mod@hmac`]: HMAC with SHA-1, SHA-256 or SHA-512;
//! - [`hkdf`]: keys derived from a key;
//! - [`equal`]: comparison in constant time;
//! - [`ed25519`]: signatures from a seed;
//! - [`p256`]: signatures of a peer that stands in for a login provider;
//! - [`jws`]: signed tokens and the keys that verify them;
//! - [`pseudonym`]: identifiers that only the key holder can open;
//! - [`encode`]: hexadecimal and base64, strict in what they accept.

pub mod certificate;
pub mod digest;
pub mod ed25519;
pub mod encode;
mod equal;
#[doc(hidden)]
pub mod fuzz;
pub mod hkdf;
pub mod hmac;
pub mod jws;
pub mod p256;
pub mod pseudonym;

pub use digest::{Sha256, sha1_without_security, sha256};
pub use equal::equal;
