//! The promise `webhook.constant-time`: bytes that come from a secret meet bytes that come from a
//! request in one place, `seal::equal`, because the types allow no other.

/// Tags, secrets and keys have no `==`, and a proof is made by the check alone.
#[test]
fn secrets_are_compared_in_one_way_only() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile-fail/*.rs");
}
