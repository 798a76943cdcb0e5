//! Feeds libFuzzer's bytes to `ledger::fuzz::journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ledger::fuzz::journal(data));
