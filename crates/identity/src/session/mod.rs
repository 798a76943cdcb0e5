//! Sessions: who is logged in, and until when.
//!
//! Owns the id that a browser holds, the record behind it, and the snapshot that requests are checked
//! against. Refuses an id that nobody gave out, and a session that has ended, was idle for too long or
//! was revoked, whichever comes first. Trusts `store` with the records and nobody with the ids: what is
//! kept is a SHA-256 digest, which is enough because an id has 256 random bits.
//!
//! A check takes no lock and asks no database, because a session that the store has confirmed is
//! believed for [`BELIEVED`]. After that it is asked for again: a session ended by another node is
//! refused here within that time, one ended by this node at once. While the store does not answer, no
//! session is believed for longer.
//!
//! When a session was last used is kept in memory and stored within [`STORED_WITHIN`]. What is lost
//! with a node, or not yet seen by another, makes a session idle earlier by that much at most, and
//! never later.
//!
//! - [`id`]: the id and its digest;
//! - [`record`]: one [`Session`];
//! - [`live`]: the snapshot, and [`LiveSessions`], the handle every core has;
//! - [`service`]: making, confirming, listing and ending sessions;
//! - [`fault`]: every way to be turned away, and what can go wrong besides.

pub mod fault;
pub mod id;
pub mod live;
pub mod record;
pub mod service;

use std::time::Duration;

pub use fault::{SessionRefusal, SessionsFault};
pub use id::{SessionHash, SessionId};
pub use live::{LiveSessions, Seen, Unconfirmed};
pub use record::Session;
pub use service::{Begun, Listed, NewSession, Sessions};

/// How long a session is believed after the store has confirmed it.
pub const BELIEVED: Duration = Duration::from_secs(5);

/// How soon the moment of last use is stored.
pub const STORED_WITHIN: Duration = Duration::from_secs(30);

/// How long a session may be without a request, unless the configuration says otherwise.
pub const IDLE: Duration = Duration::from_secs(30 * 60);

/// How long a session lasts at most, unless the configuration says otherwise.
pub const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
