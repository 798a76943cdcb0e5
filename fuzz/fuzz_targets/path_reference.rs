//! Feeds libFuzzer's bytes to `assay::fuzz::grammar::path_reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::grammar::path_reference(data));
