use std::sync::Arc;

use identity::{Authorised, Key};

fn make(key: Arc<Key>) -> Authorised {
    Authorised(key)
}

fn main() {}
