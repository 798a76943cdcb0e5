//! Feeds libFuzzer's bytes to `schema::fuzz::form`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| schema::fuzz::form(data));
