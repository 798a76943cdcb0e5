//! Feeds libFuzzer's bytes to `assay::fuzz::policy::route`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::policy::route(data));
