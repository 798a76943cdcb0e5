//! Feeds libFuzzer's bytes to `identity::fuzz::form`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::fuzz::form(data));
