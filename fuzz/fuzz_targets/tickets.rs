//! Feeds libFuzzer's bytes to `assay::fuzz::policy::tickets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::policy::tickets(data));
