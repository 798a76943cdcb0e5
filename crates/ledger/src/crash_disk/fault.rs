//! Disks that fail for a while.

use std::io;

/// What changing calls meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: a write takes a part, nothing new can be named; what exists can be cut,
    /// synced and removed.
    Full,
    /// The disk is read-only: nothing changes.
    ReadOnly,
    /// The disk is defective: a write takes a part, and a failed sync of a file forgets what it
    /// should have made durable. The next sync of it reports success.
    Defective,
}

/// What a changing call is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Write,
    /// A new name, or another.
    Name,
    Sync,
    /// A cut or a removal: no room is needed for it.
    Less,
}

/// A stretch of calls that meet a fault.
#[derive(Clone, Copy)]
pub(super) struct Spell {
    first: u64,
    count: u64,
    fault: Fault,
}

impl Spell {
    pub(super) const fn new(first: u64, count: u64, fault: Fault) -> Self {
        Self {
            first,
            count,
            fault,
        }
    }

    /// What call number `number` meets, if anything.
    pub(super) fn meets(self, number: u64, call: Call) -> Option<Fault> {
        let within = number >= self.first && number - self.first < self.count;
        let harmless = self.fault == Fault::Full && matches!(call, Call::Sync | Call::Less);
        (within && !harmless).then_some(self.fault)
    }
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Full => io::ErrorKind::StorageFull.into(),
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            Self::Defective => io::Error::other("input/output error"),
        }
    }
}
