//! Feeds libFuzzer's bytes to `assay::fuzz::http2::connection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::http2::connection(data));
