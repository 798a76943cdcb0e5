//! Feeds libFuzzer's bytes to `connect::fuzz::url`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| connect::fuzz::url(data));
