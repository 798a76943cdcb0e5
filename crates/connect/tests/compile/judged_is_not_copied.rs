//! One verdict for two connections.

use connect::Judged;

fn twice(judged: &Judged) -> (Judged, Judged) {
    (judged.clone(), judged.clone())
}

fn main() {
    let _ = twice;
}
