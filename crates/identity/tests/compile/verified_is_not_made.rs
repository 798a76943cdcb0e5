use std::sync::Arc;

use identity::{Key, Principal, Verified};

fn make(key: Arc<Key>) -> [Verified; 2] {
    let principal = || Principal::Key(Arc::clone(&key));
    [
        Verified::new(principal(), None),
        Verified {
            principal: principal(),
            until: None,
        },
    ]
}

fn main() {}
