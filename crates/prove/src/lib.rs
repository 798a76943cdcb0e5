//! Document reader, probe runner, probes, sham peers, reports.

pub mod probes;
pub mod search;
