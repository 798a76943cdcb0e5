//! Feeds libFuzzer's bytes to `wire::fuzz::chunked`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::fuzz::chunked(data));
