//! Feeds libFuzzer's bytes to `identity::fuzz::claims`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::fuzz::claims(data));
