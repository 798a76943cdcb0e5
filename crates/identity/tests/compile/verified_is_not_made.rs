use std::sync::Arc;

use identity::{Key, Verified};

fn make(key: Arc<Key>) -> [Verified<Key>; 2] {
    [Verified::new(Arc::clone(&key)), Verified(key)]
}

fn main() {}
