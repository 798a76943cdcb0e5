//! Feeds libFuzzer's bytes to `hooks::fuzz::signed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hooks::fuzz::signed(data));
