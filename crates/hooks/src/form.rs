//! Form bodies and queries, decoded exactly.
