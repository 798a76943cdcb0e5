//! A tag has no `==`, which would stop at the first byte that differs.

fn same(a: seal::hmac::Tag, b: seal::hmac::Tag) -> bool {
    a == b
}

fn main() {
    let _ = same;
}
