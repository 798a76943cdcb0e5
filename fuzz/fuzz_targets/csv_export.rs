//! Feeds libFuzzer's bytes to `schema::fuzz::csv_export`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| schema::fuzz::csv_export(data));
