//! Feeds libFuzzer's bytes to `wire::fuzz::authority`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::fuzz::authority(data));
