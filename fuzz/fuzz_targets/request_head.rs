//! Feeds libFuzzer's bytes to `wire::fuzz::request_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::fuzz::request_head(data));
