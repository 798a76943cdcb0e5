//! Feeds libFuzzer's bytes to `wire::fuzz::answer_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::fuzz::answer_head(data));
