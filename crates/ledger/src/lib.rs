//! Append-only Merkle log.
