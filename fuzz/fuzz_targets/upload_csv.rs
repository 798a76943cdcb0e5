//! Feeds libFuzzer's bytes to `upload::fuzz::csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upload::fuzz::csv(data));
