//! Feeds libFuzzer's bytes to `identity::fuzz::scope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::fuzz::scope(data));
