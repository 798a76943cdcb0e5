//! A request sent to the echo without a ticket.

use gate::tickets::Redeemed;

fn free() -> Redeemed {
    Redeemed(())
}

fn main() {
    let _ = free;
}
