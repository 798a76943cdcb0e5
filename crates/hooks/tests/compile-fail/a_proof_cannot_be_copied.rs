//! One check, one delivery: a proof kept from an earlier delivery is no proof for a later one.

fn keep(proof: &hooks::Verified<hooks::Signature>) -> hooks::Verified<hooks::Signature> {
    proof.clone()
}

fn main() {
    let _ = keep;
}
