//! What a certificate says of itself.
//!
//! Owns the reading of names and dates (RFC 5280). Judges no signature and believes nobody: that is for
//! whoever shakes hands.

use std::{collections::BTreeSet, net::IpAddr};

use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// A leaf certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Names in small letters and addresses it is for.
    pub names: BTreeSet<String>,
    /// URIs it is for, such as SPIFFE ids, as written.
    pub uris: BTreeSet<String>,
    /// Mail addresses it is for, as written.
    pub emails: BTreeSet<String>,
    /// When it begins to count, in seconds since 1970.
    pub begins: i64,
    /// When it ends, in seconds since 1970.
    pub ends: i64,
}

impl Leaf {
    /// Reads a certificate in DER form.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        let alternatives = certificate.subject_alternative_name().ok()?;
        let mut leaf = Self {
            names: BTreeSet::new(),
            uris: BTreeSet::new(),
            emails: BTreeSet::new(),
            begins: validity.not_before.timestamp(),
            ends: validity.not_after.timestamp(),
        };
        let alternatives = alternatives.into_iter();
        for name in alternatives.flat_map(|it| &it.value.general_names) {
            match name {
                GeneralName::URI(uri) => drop(leaf.uris.insert((*uri).to_owned())),
                GeneralName::RFC822Name(mail) => drop(leaf.emails.insert((*mail).to_owned())),
                _ => leaf.names.extend(name_of(name)),
            }
        }
        Some(leaf)
    }

    /// Whether it is for `host`: by that name, or by one with `*` for its first label (RFC 9525, section
    /// 6.3).
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let parent = host
            .split_once('.')
            .map(|(_, parent)| format!("*.{parent}"));
        let wild = parent.filter(|_| host.parse::<IpAddr>().is_err());
        self.names.contains(&host) || wild.is_some_and(|wild| self.names.contains(&wild))
    }
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label_of_a_name() {
        let leaf = Leaf {
            names: ["*.school.example", "*.0.0.1"].map(str::to_owned).into(),
            uris: BTreeSet::new(),
            emails: BTreeSet::new(),
            begins: 0,
            ends: 1,
        };
        assert!(leaf.is_for("coach.school.example"));
        for host in ["school.example", "a.coach.school.example", "127.0.0.1"] {
            assert!(!leaf.is_for(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        assert_eq!(Leaf::read(b""), None);
        assert_eq!(Leaf::read(&[0x30, 0x82, 0xff, 0xff]), None);
    }
}
