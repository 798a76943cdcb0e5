use std::sync::Arc;

use identity::{Key, Principal, Verified};

fn make(key: Arc<Key>) -> Verified {
    Verified {
        principal: Principal::Key(key),
        tenure: None,
    }
}

fn main() {}
