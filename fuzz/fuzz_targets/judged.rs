//! Feeds libFuzzer's bytes to `connect::fuzz::judged`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| connect::fuzz::judged(data));
