//! A proof made by hand, for another request than the one that was judged.

use gate::stages::{Admitted, Exchange};

fn forge(exchange: Exchange, admitted: Admitted) -> Admitted {
    Admitted {
        exchange,
        ..admitted
    }
}

fn main() {
    let _ = forge;
}
