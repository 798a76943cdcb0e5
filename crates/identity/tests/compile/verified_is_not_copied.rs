use identity::Verified;

fn copy(verified: &Verified) -> Verified {
    verified.clone()
}

fn main() {}
