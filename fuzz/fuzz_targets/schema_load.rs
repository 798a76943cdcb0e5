//! Feeds libFuzzer's bytes to `schema::fuzz::load`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| schema::fuzz::load(data));
