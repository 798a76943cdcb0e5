//! Feeds libFuzzer's bytes to `schema::fuzz::json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| schema::fuzz::json(data));
