//! Feeds libFuzzer's bytes to `prove::fuzz::answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| prove::fuzz::answer(data));
