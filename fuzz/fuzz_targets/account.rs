//! Feeds libFuzzer's bytes to `identity::fuzz::account`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::fuzz::account(data));
