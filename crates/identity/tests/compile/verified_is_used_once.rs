use identity::Verified;

fn twice(verified: Verified) {
    let _ = verified.authorise("GET", "/api", &["mentor"], None);
    let _ = verified.authorise("GET", "/other", &["mentor"], None);
}

fn main() {}
