//! Feeds libFuzzer's bytes to `assay::fuzz::answers::answer_connection`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| assay::fuzz::answers::answer_connection(data));
