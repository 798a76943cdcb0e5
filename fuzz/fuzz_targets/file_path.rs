//! Feeds libFuzzer's bytes to `files::fuzz::name`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| files::fuzz::name(data));
