//! Feeds libFuzzer's bytes to `assay::fuzz::policy::client_address`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::policy::client_address(data));
