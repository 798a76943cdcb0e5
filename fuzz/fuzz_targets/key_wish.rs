//! Feeds libFuzzer's bytes to `identity::fuzz::key_wish`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::fuzz::key_wish(data));
