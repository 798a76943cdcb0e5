//! Feeds libFuzzer's bytes to `schema::fuzz::inflate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| schema::fuzz::inflate(data));
