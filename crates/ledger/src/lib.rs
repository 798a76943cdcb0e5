//! The tamper-evident audit log: one append-only Merkle log per node.
//!
//! Owns the events and their canonical bytes, the journal that makes them durable, the C2SP tiles
//! and signed checkpoints that make them checkable by anyone's tool, recovery after a crash,
//! verification, export and reading. Refuses to acknowledge what is not on disk, to repair what
//! lies under a signed checkpoint, and to hold paths, queries, bodies or addresses of requests.
//! Trusts the holder of the lock on the data folder to be its only writer.
//!
//! Writing, from a gate core to the disk:
//!
//! 1. [`event`]: what can be recorded; a [`Event`] is made without allocation, a [`Notice`] is owned;
//! 2. [`recorder`]: one bounded ring per core to the one writer thread;
//! 3. [`service`]: [`Ledger`], which opens the log, starts its threads and answers for its state.

pub mod alteration;
pub mod checkpoint;
#[doc(hidden)]
pub mod crash_disk;
pub mod disk;
pub mod event;
pub mod journal;
pub mod lock;
pub mod log;
pub mod note;
pub mod publish;
pub mod recorder;
pub mod segment;
pub mod service;
pub mod tile;
pub mod tree;
pub mod verify;
pub mod view;

pub use event::{Event, Kind, Notice, PrincipalId, RequestId, RouteIndex};
pub use lock::Lock;
pub use recorder::{NotDurable, Recorder};
pub use service::{Flushed, Ledger, OpenError, Options, State};
