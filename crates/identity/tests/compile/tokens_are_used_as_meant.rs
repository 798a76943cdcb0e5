use identity::{Authorised, LiveKeys, Verified};

fn forward(passed: Authorised) -> String {
    passed.principal().tenant().to_owned()
}

fn pass(verified: Verified) -> Option<String> {
    verified.authorise("GET", "/api", &["mentor"], None).ok().map(forward)
}

fn main() {
    let now = control::Timestamp::from_seconds(1);
    let answer = LiveKeys::default().authenticate(b"", now).map(pass);
    assert!(answer.is_err());
}
