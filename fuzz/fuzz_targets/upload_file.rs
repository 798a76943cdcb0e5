//! Feeds libFuzzer's bytes to `upload::fuzz::file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upload::fuzz::file(data));
