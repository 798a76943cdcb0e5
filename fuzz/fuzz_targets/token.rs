//! Feeds libFuzzer's bytes to `seal::fuzz::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seal::fuzz::token(data));
