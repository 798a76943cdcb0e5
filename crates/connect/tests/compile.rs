//! The proof that an address was judged cannot be made, copied or changed outside this crate.
//!
//! `judged_comes_from_a_policy.rs` is the twin of all the others: what it does compiles.

#[test]
fn judged_addresses_come_from_a_policy_alone() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile/judged_comes_from_a_policy.rs");
    for refused in [
        "judged_is_not_made",
        "judged_is_not_copied",
        "judged_is_not_changed",
        "an_address_is_not_judged_alone",
        "public_is_not_made",
        "an_unjudged_address_is_not_dialled",
        "a_verdict_is_dialled_once",
    ] {
        cases.compile_fail(format!("tests/compile/{refused}.rs"));
    }
}
