//! Feeds libFuzzer's bytes to `ledger::fuzz::tile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ledger::fuzz::tile(data));
