//! Neither has a secret, nor a key decoded from one.

fn same_secret(a: control::Secret, b: control::Secret) -> bool {
    a == b
}

fn same_key(a: hooks::Key, b: hooks::Key) -> bool {
    a == b
}

fn main() {
    let _ = (same_secret, same_key);
}
