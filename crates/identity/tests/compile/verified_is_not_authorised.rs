use identity::{Authorised, Verified};

fn forward(_passed: Authorised) {}

fn skip_the_check(verified: Verified) {
    forward(verified);
}

fn main() {}
