//! Feeds libFuzzer's bytes to `store::fuzz::address`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| store::fuzz::address(data));
