//! Feeds libFuzzer's bytes to `alert::fuzz::any_body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| alert::fuzz::any_body(data));
