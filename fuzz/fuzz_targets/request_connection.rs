//! Feeds libFuzzer's bytes to `assay::fuzz::requests::request_connection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::requests::request_connection(data));
