//! Feeds libFuzzer's bytes to `ledger::fuzz::note`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ledger::fuzz::note(data));
