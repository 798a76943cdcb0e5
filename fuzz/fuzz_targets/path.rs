//! Feeds libFuzzer's bytes to `wire::fuzz::path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::fuzz::path(data));
