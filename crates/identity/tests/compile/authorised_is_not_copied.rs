use identity::Authorised;

fn copy(authorised: &Authorised) -> Authorised {
    authorised.clone()
}

fn main() {}
