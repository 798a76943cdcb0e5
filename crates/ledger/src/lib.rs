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
//! 1. [`event`]: what can be recorded; an [`Event`] is made without allocation, a [`Notice`] is
//!    owned;
//! 2. [`recorder`]: one bounded ring per core (`lane`, `wires`); `fold`: floods of refusals become
//!    counts;
//! 3. `intake`: from the rings to encoded loads (`encode`, [`pseudonyms`]); `writer`: the thread
//!    that makes them durable ([`journal`] of [`segment`]s); `watch`: the thread that goes on
//!    emptying the rings while the other waits for its disk;
//! 4. `tiler`: the thread that brings entries under a signed checkpoint ([`publish`]: [`tree`],
//!    [`tile`], [`note`], [`checkpoint`]);
//! 5. [`service`]: [`Ledger`], which opens all this ([`home`], [`log`], [`mod@lock`]) and answers
//!    for its state.
//!
//! Beside them, `keeper` does what the clock asks for: it watches the room on the disk (`space`)
//! and removes what is older than is asked for (`retention`, [`minimum`]), which [`past`] lets a proof
//! show.
//!
//! Reading: [`view`] shows a folder, [`tail`] what came since a mark, [`explain`] puts entries into
//! words, [`verify`] judges, [`alteration`] names what is wrong. [`section`] is the configuration, [`controls`] the promises.
//! Everything goes through [`disk`], of which [`crash_disk`] is the double that forgets.

pub mod alteration;
pub mod checkpoint;
pub mod controls;
#[doc(hidden)]
pub mod crash_disk;
pub mod disk;
mod encode;
pub mod event;
pub mod explain;
mod fold;
#[doc(hidden)]
pub mod fuzz;
pub mod home;
mod intake;
pub mod journal;
mod keeper;
mod lane;
pub mod lock;
pub mod log;
#[doc(hidden)]
pub mod measure;
pub mod minimum;
pub mod note;
pub mod past;
pub mod pseudonyms;
pub mod publish;
pub mod recorder;
mod retention;
pub mod second_place;
pub mod section;
mod seen;
pub mod segment;
pub mod service;
mod space;
pub mod tail;
pub mod tile;
mod tiler;
pub mod tree;
pub mod verify;
pub mod view;
mod watch;
mod wires;
mod writer;

pub use event::{Event, Kind, Notice, PrincipalId, RequestId, RouteIndex};
pub use home::OpenError;
pub use keeper::Keeping;
pub use lock::Lock;
pub use recorder::{NotDurable, Recorder};
pub use section::{Durability, Section};
pub use service::{FlushError, Flushed, Ledger, Options, RING, State};
pub use space::Room;
#[doc(hidden)]
pub use writer::Pace;
