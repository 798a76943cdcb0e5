//! Feeds libFuzzer's bytes to `prove::fuzz::document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| prove::fuzz::document(data));
