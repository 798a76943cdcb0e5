//! Feeds libFuzzer's bytes to `identity::fuzz::rows`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::fuzz::rows(data));
