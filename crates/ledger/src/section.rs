//! The `[ledger]` section of the configuration.

use std::{path::PathBuf, time::Duration};

use config::{Fault, Table};

use crate::{Keeping, retention::SHORTEST};

/// When a decision is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Within 50 ms: one event per request, written when it ended.
    #[default]
    Batched,
    /// Before the first byte goes upstream; the outcome is a second event, batched.
    Sync,
}

/// What `[ledger]` says. It takes effect at the next start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// When a decision is on disk.
    pub durability: Durability,
    /// The file to which every checkpoint is appended as well, as written.
    pub second_place: Option<PathBuf>,
    /// Free bytes on the disk below which requests are refused; 0 never refuses for that.
    pub free_space_floor: u64,
    /// How long entries are kept; for ever where absent.
    pub keep: Option<Duration>,
}

/// The usual [`Section::free_space_floor`]: hours of checkpoints and counted refusals.
const FLOOR: u64 = 256 * 1024 * 1024;

impl Default for Section {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            second_place: None,
            free_space_floor: FLOOR,
            keep: None,
        }
    }
}

impl Section {
    /// How the ledger is kept under this section.
    #[must_use]
    pub const fn keeping(&self) -> Keeping {
        Keeping {
            floor: self.free_space_floor,
            keep: self.keep,
        }
    }
}

impl Section {
    /// Reads the section; the caller ends the table.
    #[must_use]
    pub fn read(table: &mut Table<'_>) -> Self {
        let durability = match table.one_of("durability", &["batched", "sync"], "batched") {
            "sync" => Durability::Sync,
            _ => Durability::Batched,
        };
        let place = table.text("second_place").filter(|found| {
            let usable = !found.value.ends_with('/');
            if !usable {
                table.fault(
                    Fault::new("ledger.second-place", "second_place must name a file")
                        .at(found.span)
                        .hint(
                            "name a file on another disk or host, such as /mnt/audit/checkpoints",
                        ),
                );
            }
            usable
        });
        let floor = table.size("free_space_floor");
        let keep = table.duration_in("keep", SHORTEST..=Duration::MAX);
        Self {
            durability,
            second_place: place.map(|found| PathBuf::from(found.value)),
            free_space_floor: floor.map_or(FLOOR, |found| found.value),
            keep: keep.map(|found| found.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use config::Document;

    use super::*;

    fn read(text: &str) -> (Section, Vec<&'static str>) {
        let mut document = Document::parse("vouchsafe.toml", text);
        let section = {
            let mut root = document.root();
            let mut table = root.table("ledger");
            let section = Section::read(&mut table);
            table.done();
            root.done();
            section
        };
        let codes = match document.finish() {
            Ok(()) => Vec::new(),
            Err(faults) => faults.list().iter().map(|fault| fault.code).collect(),
        };
        (section, codes)
    }

    #[test]
    fn an_absent_section_is_batched_without_a_second_place() {
        assert_eq!(read(""), (Section::default(), Vec::new()));
    }

    #[test]
    fn every_key_is_read() {
        let (section, faults) = read(
            "[ledger]\ndurability = \"sync\"\nsecond_place = \"/mnt/checkpoints\"\n\
             free_space_floor = \"1GiB\"\nkeep = \"400d\"\n",
        );
        assert_eq!(faults, Vec::<&str>::new());
        assert_eq!(section.durability, Durability::Sync);
        assert_eq!(section.second_place, Some("/mnt/checkpoints".into()));
        assert_eq!(section.free_space_floor, 1 << 30);
        assert_eq!(section.keep, Some(Duration::from_secs(400 * 86_400)));
    }

    #[test]
    fn a_floor_of_nothing_is_off_and_one_without_a_unit_is_a_fault() {
        let (section, faults) = read("[ledger]\nfree_space_floor = \"0B\"\n");
        assert_eq!((section.free_space_floor, faults.len()), (0, 0));
        assert_eq!(read("[ledger]\nfree_space_floor = 5\n").1.len(), 1);
    }

    #[test]
    fn entries_are_kept_for_ever_unless_an_age_of_a_week_or_more_is_given() {
        assert_eq!(read("[ledger]\n").0.keep, None);
        assert_eq!(read("[ledger]\nkeep = \"7d\"\n").1.len(), 0);
        assert_eq!(read("[ledger]\nkeep = \"6d\"\n").1.len(), 1);
    }

    #[test]
    fn a_second_place_that_names_no_file_is_a_fault() {
        let (_, faults) = read("[ledger]\nsecond_place = \"/mnt/\"\n");
        assert_eq!(faults, ["ledger.second-place"]);
        assert_eq!(read("[ledger]\ndurability = \"never\"\n").1.len(), 1);
    }
}
