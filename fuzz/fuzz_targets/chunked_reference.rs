//! Feeds libFuzzer's bytes to `assay::fuzz::grammar::chunked_reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::grammar::chunked_reference(data));
