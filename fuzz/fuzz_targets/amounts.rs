//! Feeds libFuzzer's bytes to `prove::fuzz::amounts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| prove::fuzz::amounts(data));
