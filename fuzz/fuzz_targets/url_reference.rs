//! Feeds libFuzzer's bytes to `assay::fuzz::urls::url_reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::urls::url_reference(data));
