use std::sync::Arc;

use identity::{Key, Principal, Verified};

fn make(key: Arc<Key>) -> Verified {
    Verified::new(Principal::Key(key), None)
}

fn main() {}
