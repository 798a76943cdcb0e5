//! Feeds libFuzzer's bytes to `upload::fuzz::multipart`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| upload::fuzz::multipart(data));
