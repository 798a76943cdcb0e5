//! Feeds libFuzzer's bytes to `hooks::fuzz::verify_anything`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hooks::fuzz::verify_anything(data));
