//! Feeds libFuzzer's bytes to `identity::fuzz::provider_metadata`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| identity::fuzz::provider_metadata(data));
