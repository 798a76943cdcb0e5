//! One proof for two requests.

use gate::stages::Admitted;

fn twice(admitted: &Admitted) -> (Admitted, Admitted) {
    (admitted.clone(), admitted.clone())
}

fn main() {
    let _ = twice;
}
