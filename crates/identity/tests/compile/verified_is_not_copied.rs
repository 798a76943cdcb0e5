use identity::{Key, Verified};

fn copy(verified: &Verified<Key>) -> Verified<Key> {
    verified.clone()
}

fn main() {}
