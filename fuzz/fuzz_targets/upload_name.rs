//! Feeds libFuzzer's bytes to `upload::fuzz::name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upload::fuzz::name(data));
