//! Feeds libFuzzer's bytes to `config::fuzz::document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| config::fuzz::document(data));
