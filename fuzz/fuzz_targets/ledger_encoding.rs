//! Feeds libFuzzer's bytes to `ledger::fuzz::encoding`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ledger::fuzz::encoding(data));
