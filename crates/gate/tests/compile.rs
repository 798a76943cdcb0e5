//! Nothing goes upstream without having passed the stages: other code cannot make the proof, copy
//! it or use it twice.
//!
//! `admitted_is_forwarded_once.rs` is the twin of all the others: what it does compiles, here.

#[path = "compile/admitted_is_forwarded_once.rs"]
mod admitted_is_forwarded_once;

#[test]
fn only_the_stages_admit() {
    admitted_is_forwarded_once::main();
    let cases = trybuild::TestCases::new();
    for refused in [
        "admitted_is_not_made",
        "admitted_is_not_copied",
        "admitted_is_used_once",
        "an_awaited_body_is_not_admitted",
        "an_open_reason_is_not_made",
        "redeemed_is_not_made",
    ] {
        cases.compile_fail(format!("tests/compile/{refused}.rs"));
    }
}
