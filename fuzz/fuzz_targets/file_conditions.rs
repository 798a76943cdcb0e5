//! Feeds libFuzzer's bytes to `files::fuzz::conditions`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| files::fuzz::conditions(data));
