//! Feeds libFuzzer's bytes to `assay::fuzz::urls::return_to`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::urls::return_to(data));
