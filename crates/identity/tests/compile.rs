//! Proof tokens cannot be made, copied or used twice outside this crate.
//!
//! `tokens_are_used_as_meant.rs` is the twin of all the others: what it does compiles.

#[test]
fn tokens_come_from_checks_alone() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile/tokens_are_used_as_meant.rs");
    for refused in [
        "verified_is_not_made",
        "verified_is_not_put_together",
        "verified_is_not_copied",
        "verified_is_used_once",
        "authorised_is_not_made",
        "authorised_is_not_copied",
        "verified_is_not_authorised",
    ] {
        cases.compile_fail(format!("tests/compile/{refused}.rs"));
    }
}
