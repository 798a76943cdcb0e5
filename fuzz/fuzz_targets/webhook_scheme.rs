//! Feeds libFuzzer's bytes to `hooks::fuzz::load_anything`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hooks::fuzz::load_anything(data));
