//! Feeds libFuzzer's bytes to `ledger::fuzz::merkle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ledger::fuzz::merkle(data));
