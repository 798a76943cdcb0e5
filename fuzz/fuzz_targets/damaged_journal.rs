//! Feeds libFuzzer's bytes to `ledger::fuzz::damaged_journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ledger::fuzz::damaged_journal(data));
