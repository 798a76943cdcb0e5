//! Feeds libFuzzer's bytes to `schema::fuzz::blocked`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| schema::fuzz::blocked(data));
