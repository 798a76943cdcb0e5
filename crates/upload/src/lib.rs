//! What is in an uploaded file, judged while it streams.
//!
//! Owns the rules of uploads: form bodies, names, kinds, CSV, sound, pictures, PDF, and the sealed
//! place where a file waits until it is whole. Refuses what two readers could take for two things,
//! what acts when it is opened, and what is cut off or carries more than it says; each refusal names
//! the place, the rule and the limit, and never the content. Trusts no name, no declared type and no
//! declared length. Synchronous and without network; only [`spool`] and what is given to
//! [`judge::Judge::finish`] touch a disk.
//!
//! Read in this order:
//!
//! 1. [`rules`]: what a route takes, and [`refusal`]: every way to be turned away;
//! 2. [`multipart`]: parts of a form; [`name`]: names of files; [`kind`]: what a content is;
//! 3. [`judge`]: one file from its first byte to the judgement, by
//! 4. [`csv`], [`walk`] (structures of sound and pictures), [`audio`] and [`pdf`] (as a whole);
//! 5. [`spool`]: what must be whole waits here, sealed;
//! 6. [`intake`]: one request body, from its first byte to the proof that it was judged.

pub mod audio;
pub mod csv;
#[doc(hidden)]
pub mod fuzz;
pub mod intake;
pub mod judge;
pub mod kind;
pub mod multipart;
pub mod name;
pub mod pdf;
pub mod refusal;
pub mod rules;
pub mod spool;
pub mod walk;

pub use intake::{Form, Intake};
pub use judge::{Accepted, Facts, Judge, Verdict};
pub use kind::{Kind, Kinds};
pub use multipart::{Boundary, Multipart, PartHead, Sink};
pub use name::FileName;
pub use refusal::UploadRefusal;
pub use rules::Rules;
pub use spool::{Quota, Spool};
