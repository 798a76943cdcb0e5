//! How much room the disk has left, and what follows.
//!
//! Owns the free-space floor: at twice the floor it warns, at the floor the ledger takes nothing new,
//! so that what is under way, the checkpoint, the counts of refusals and an orderly stop still find
//! room. Refuses to go back and forth with every file: it resumes a quarter above the line.

/// What the room on the disk allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// There is enough, or nobody looks.
    #[default]
    Ample,
    /// Less than twice the floor is free.
    Low,
    /// Less than the floor is free: nothing new may begin.
    Short,
}

impl Room {
    /// One word of ours.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ample => "ample",
            Self::Low => "low",
            Self::Short => "short",
        }
    }
}

/// The floor, in bytes free to this user; 0 looks away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Floor {
    bytes: u64,
    room: Room,
}

impl Floor {
    pub(crate) const fn new(bytes: u64) -> Self {
        Self {
            bytes,
            room: Room::Ample,
        }
    }

    pub(crate) const fn is_watched(self) -> bool {
        self.bytes > 0
    }

    pub(crate) const fn bytes(self) -> u64 {
        self.bytes
    }

    pub(crate) const fn room(self) -> Room {
        self.room
    }

    /// Judges `free` bytes. `true` if that changes what is allowed.
    pub(crate) fn judge(&mut self, free: u64) -> bool {
        let warned = self.bytes.saturating_mul(2);
        let margin = self.bytes / 4;
        let is_below = |line: u64, already: bool| {
            let resume = if already { margin } else { 0 };
            self.is_watched() && free < line.saturating_add(resume)
        };
        let room = if is_below(self.bytes, self.room == Room::Short) {
            Room::Short
        } else if is_below(warned, self.room != Room::Ample) {
            Room::Low
        } else {
            Room::Ample
        };
        std::mem::replace(&mut self.room, room) != room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What 1,000 bytes of floor make of each figure in turn.
    fn rooms(figures: &[u64]) -> Vec<Room> {
        let mut floor = Floor::new(1000);
        let each = figures.iter().map(|free| {
            floor.judge(*free);
            floor.room()
        });
        each.collect()
    }

    #[test]
    fn it_warns_at_twice_the_floor_and_stops_at_the_floor() {
        use Room::{Ample, Low, Short};
        assert_eq!(
            rooms(&[2000, 1999, 1000, 999, 0]),
            [Ample, Low, Low, Short, Short]
        );
    }

    #[test]
    fn it_resumes_only_a_quarter_above_the_line() {
        use Room::{Ample, Low, Short};
        assert_eq!(
            rooms(&[999, 1001, 1249, 1250, 1000, 2249, 2250, 2001]),
            [Short, Short, Short, Low, Low, Low, Ample, Ample]
        );
    }

    #[test]
    fn a_change_is_told_once_and_no_floor_is_never_reached() {
        let mut floor = Floor::new(1000);
        assert!(!floor.judge(5000));
        assert!(floor.judge(10));
        assert!(!floor.judge(20));
        let mut none = Floor::new(0);
        assert!(!none.judge(0));
        assert_eq!(none.room(), Room::Ample);
    }
}
