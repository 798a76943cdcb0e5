use identity::{Authorised, Verified};

fn make(verified: Verified) -> Authorised {
    Authorised(verified)
}

fn main() {}
