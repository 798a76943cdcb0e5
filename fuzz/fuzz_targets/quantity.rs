//! Feeds libFuzzer's bytes to `config::fuzz::quantity`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| config::fuzz::quantity(data));
