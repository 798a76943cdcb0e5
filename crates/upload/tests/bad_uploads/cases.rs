//! The list of bad uploads, which other crates run through their own doors.

#[path = "../common/mod.rs"]
pub(crate) mod common;
#[path = "forms.rs"]
mod forms;
#[path = "names.rs"]
mod names;
#[path = "pictures.rs"]
mod pictures;
#[path = "sound.rs"]
mod sound;
#[path = "tables.rs"]
mod tables;

use common::*;
use upload::Kind;

/// A file: name, declared type, bytes.
pub(crate) type File = (&'static str, &'static str, Vec<u8>);

pub(crate) enum Upload {
    File(File),
    Form(Vec<u8>),
}

pub(crate) struct Bad {
    pub(crate) title: &'static str,
    pub(crate) kinds: &'static [Kind],
    pub(crate) bad: Upload,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) twin: Upload,
}

pub(crate) const ALL: &[Kind] = &Kind::ALL;

fn row(
    title: &'static str,
    bad: Upload,
    code: &'static str,
    message: &'static str,
    twin: Upload,
) -> Bad {
    Bad {
        title,
        kinds: ALL,
        bad,
        code,
        message,
        twin,
    }
}

fn file(name: &'static str, content_type: &'static str, bytes: &[u8]) -> Upload {
    Upload::File((name, content_type, bytes.to_vec()))
}

fn of(kind: Kind, bytes: &[u8]) -> Upload {
    let (name, content_type, _) = good(kind);
    file(name, content_type, bytes)
}

fn twin(kind: Kind) -> Upload {
    Upload::File(good(kind))
}

pub(crate) fn csv(text: &str) -> Upload {
    of(Kind::Csv, text.as_bytes())
}

fn behind(kind: Kind, more: &[u8]) -> Upload {
    of(kind, &[&good(kind).2, more].concat())
}

fn cut(kind: Kind, by: usize) -> Upload {
    let bytes = good(kind).2;
    of(kind, &bytes[..bytes.len() - by])
}

pub(crate) fn named(name: &'static str) -> Upload {
    file(name, "text/csv", CSV.as_bytes())
}

pub(crate) fn table() -> Vec<Bad> {
    let mut all = names::rows();
    all.extend(tables::rows());
    all.extend(sound::rows());
    all.extend(pictures::rows());
    all.extend(forms::rows());
    all
}
