//! The certificate that every TLS server of a benchmark shows.
//!
//! Owns its kind, ECDSA on P-256, and its three files: `cert.pem`, `key.pem`, and `both.pem` for
//! servers that want one.

use std::{
    error::Error,
    fs::{OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// The name in the certificate.
const NAME: &str = "bench.example";

pub(crate) fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (name, text) in [
        ("cert.pem", certificate.clone()),
        ("key.pem", key.clone()),
        ("both.pem", certificate + &key),
    ] {
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&path)?;
        // A file that was there before keeps its mode, whatever was asked for.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let both = folder.path().join("both.pem");
        assert_eq!(both.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(both).unwrap();
        assert!(text.contains("BEGIN CERTIFICATE") && text.contains("PRIVATE KEY"));
    }
}
