//! Document reader, probe runner, probes, sham peers, reports.
