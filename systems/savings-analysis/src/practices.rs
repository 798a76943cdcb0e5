//! The practices the app knows, and what they uploaded.
//!
//! Owns a list in memory, with synthetic practices that are always there. Refuses to grow without end:
//! the oldest upload goes first.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::{
    catalogue::{self, Line},
    csv::Purchase,
};

/// Most uploads that are kept.
const MOST: usize = 200;

/// A practice.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Practice {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// Whether it is a customer already, or somebody's hope.
    pub(crate) customer: bool,
    pub(crate) note: String,
}

/// An upload with its results.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) practice: String,
    pub(crate) lines: Vec<Line>,
    /// In cents.
    pub(crate) saving: u64,
}

/// Every practice and upload. Clones see the same.
#[derive(Clone)]
pub(crate) struct Practices(Arc<Mutex<Kept>>);

struct Kept {
    practices: Vec<Practice>,
    uploads: Vec<Upload>,
    made: u64,
}

impl Default for Practices {
    fn default() -> Self {
        let practice = |id, name, customer| Practice {
            id,
            name,
            customer,
            note: "Annual spend 148,000".to_owned(),
        };
        Self(Arc::new(Mutex::new(Kept {
            practices: vec![
                practice("p1", "Dr. Lindqvist, Harbour Street", true),
                practice("p2", "Smile Corner", true),
                practice("p3", "Practice Okonkwo & Weiss", false),
            ],
            uploads: Vec::new(),
            made: 0,
        })))
    }
}

impl Practices {
    fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those that `which` picks.
    pub(crate) fn list(&self, which: impl Fn(&Practice) -> bool) -> Vec<Practice> {
        self.kept(|kept| {
            kept.practices
                .iter()
                .filter(|one| which(one))
                .cloned()
                .collect()
        })
    }

    /// Writes a note beside a practice; false where there is none of that id.
    pub(crate) fn note(&self, id: &str, note: &str) -> bool {
        self.kept(|kept| {
            let found = kept.practices.iter_mut().find(|one| one.id == id);
            found.map(|one| note.clone_into(&mut one.note)).is_some()
        })
    }

    /// Matches purchases and keeps the results.
    pub(crate) fn upload(&self, practice: &str, purchases: Vec<Purchase>) -> Upload {
        let lines: Vec<Line> = purchases.into_iter().map(catalogue::matched).collect();
        self.kept(|kept| {
            kept.made += 1;
            let upload = Upload {
                id: format!("u{}", kept.made),
                practice: practice.to_owned(),
                saving: lines.iter().map(|line| line.saving).sum(),
                lines,
            };
            if kept.uploads.len() >= MOST {
                kept.uploads.remove(0);
            }
            kept.uploads.push(upload.clone());
            upload
        })
    }

    pub(crate) fn found(&self, id: &str) -> Option<Upload> {
        self.kept(|kept| kept.uploads.iter().find(|one| one.id == id).cloned())
    }

    /// What all uploads together would save, in cents.
    pub(crate) fn total(&self) -> u64 {
        self.kept(|kept| kept.uploads.iter().map(|one| one.saving).sum())
    }
}

/// Purchases that nobody made.
pub(crate) fn synthetic() -> Vec<Purchase> {
    [
        ("GLV-100", "nitrile gloves, 100", 40, 899),
        ("CMP-A2", "composite syringe A2", 6, 3_850),
        ("H-7731", "Surgical masks, 50", 25, 620),
        ("ALG-500", "alginate, 500 g", 8, 590),
        ("Z-1", "something nobody else sells", 1, 12_000),
    ]
    .map(|(sku, description, quantity, cents)| Purchase {
        sku: sku.to_owned(),
        description: description.to_owned(),
        quantity,
        cents,
    })
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_matched_and_found_again() {
        let practices = Practices::default();
        let made = practices.upload("p1", synthetic());
        assert_eq!(made.saving, 6000 + 3960 + 3125);
        assert_eq!(practices.found(&made.id).unwrap().lines.len(), 5);
        assert_eq!(practices.total(), made.saving);
        assert!(practices.found("u99").is_none());
    }

    #[test]
    fn a_note_is_written_beside_its_practice_alone() {
        let practices = Practices::default();
        assert!(practices.note("p2", "called") && !practices.note("p9", "called"));
        let noted = practices.list(|one| one.note == "called");
        assert_eq!(noted.iter().map(|one| one.id).collect::<Vec<_>>(), ["p2"]);
    }
}
