//! An address that nobody judged.

use connect::{Destination, Judged};

fn forge(destination: Destination) -> Judged {
    Judged {
        address: ([127, 0, 0, 1], 80).into(),
        destination,
    }
}

fn main() {
    let _ = forge;
}
