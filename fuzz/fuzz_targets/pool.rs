//! Feeds libFuzzer's bytes to `assay::fuzz::pool::pool`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::pool::pool(data));
