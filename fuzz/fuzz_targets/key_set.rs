//! Feeds libFuzzer's bytes to `seal::fuzz::key_set`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| seal::fuzz::key_set(data));
