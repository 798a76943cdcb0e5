use identity::Verified;

fn twice(verified: Verified) {
    let _ = verified.authorise("GET", "/api", &["mentor"]);
    let _ = verified.authorise("GET", "/other", &["mentor"]);
}

fn main() {}
