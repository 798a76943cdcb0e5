//! Bodies for fuzzers and property tests: each takes any bytes and panics where a rule is broken.

use control::Secret;

use crate::{Address, address::Kind};

/// Whatever reads as the URL of a server is shown without its password, and so is a fault.
pub fn address(bytes: &[u8]) {
    const PASSWORD: &str = "s3cretPassw0rd";
    let before = bytes
        .windows(PASSWORD.len())
        .any(|part| part == PASSWORD.as_bytes());
    for (kind, scheme) in [(Kind::Postgres, "postgres"), (Kind::Redis, "redis")] {
        // Once as it is, once behind a user and password of ours.
        let ours = [
            scheme.as_bytes(),
            b"://user:",
            PASSWORD.as_bytes(),
            b"@",
            bytes,
        ]
        .concat();
        for url in [bytes, ours.as_slice()] {
            let shown = match Address::parse(kind, &Secret::new(url.to_vec())) {
                Ok(address) => format!("{} {address:?}", address.place()),
                Err(fault) => format!("{fault} {fault:?}"),
            };
            assert!(before || !shown.contains(PASSWORD), "{shown}");
        }
    }
}
