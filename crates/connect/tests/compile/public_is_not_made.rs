//! An address called public by somebody else.

use connect::Public;

fn claim() -> Public {
    Public([127, 0, 0, 1].into())
}

fn main() {
    let _ = claim;
}
