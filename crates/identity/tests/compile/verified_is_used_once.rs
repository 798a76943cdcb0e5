use identity::{Key, Verified};

fn twice(verified: Verified<Key>) {
    let _ = verified.authorise("GET", "/api", &["mentor"]);
    let _ = verified.authorise("GET", "/other", &["mentor"]);
}

fn main() {}
