//! What the configuration says of an authority.
//!
//! Owns `tls.acme` of `[[listen]]`. Refuses an order whose terms nobody agreed to, and names that the
//! authority could not find us under.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use config::{Fault, Table};
use connect::{Name, Scheme, Target};

/// Let's Encrypt.
pub const DEFAULT_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Most names of one certificate (Let's Encrypt, rate limits).
const MOST_NAMES: usize = 100;

/// How the authority sees that a name is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// It asks for a file on port 80 (RFC 8555, section 8.3).
    #[default]
    Http01,
    /// It shakes hands on port 443 under a protocol of its own (RFC 8737).
    TlsAlpn01,
}

/// From whom a certificate is had, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the authority begins.
    pub directory: String,
    /// Where it writes to when something is wrong.
    pub email: Option<String>,
    /// Names it is for, in small letters; never none.
    pub names: BTreeSet<String>,
    /// How it sees that they are ours.
    pub challenge: Kind,
    /// Roots of an authority of the operator's own, PEM.
    pub roots: Option<PathBuf>,
}

impl Settings {
    /// Reads an `acme` table. `ours` are the names of the deployment, which a certificate is for where
    /// nothing is said.
    pub fn read(
        table: &mut Table<'_>,
        ours: &[&str],
        locate: impl Fn(&Path) -> PathBuf,
    ) -> Option<Self> {
        let directory = table.parse("directory", "an https URL", directory_of);
        let lost = table.has("directory") && directory.is_none();
        let email = table.parse("email", "an address such as it@school.example", email_of);
        let kind = table.optional_one_of("challenge", &["http-01", "tls-alpn-01"]);
        let roots = table
            .text("roots")
            .map(|found| locate(Path::new(&found.value)));
        if !table.flag("terms_agreed", false) {
            table.fault(
                Fault::new(
                    "acme.terms",
                    "an authority gives certificates to those who agree to its terms",
                )
                .at(table.span())
                .hint("read them, and write terms_agreed = true"),
            );
        }
        let names = names(table, ours);
        (!lost && !names.is_empty()).then(|| Self {
            directory: directory.map_or_else(|| DEFAULT_DIRECTORY.to_owned(), |it| it.value),
            email: email.map(|it| it.value),
            names,
            challenge: match kind {
                Some(found) if found.value == "tls-alpn-01" => Kind::TlsAlpn01,
                _ => Kind::Http01,
            },
            roots,
        })
    }

    /// What its files are called.
    pub(crate) fn id(&self) -> String {
        let mut digest = seal::Sha256::new();
        for text in std::iter::once(&self.directory).chain(&self.names) {
            digest.update(text.as_bytes());
            digest.update(&[0]);
        }
        let digest = digest.finish();
        seal::encode::hex(digest.get(..8).unwrap_or_default())
    }
}

fn names(table: &mut Table<'_>, ours: &[&str]) -> BTreeSet<String> {
    let could = |name: &&str| is_name(name);
    let Some(listed) = table.texts("names") else {
        let names: BTreeSet<String> = ours
            .iter()
            .copied()
            .filter(could)
            .map(str::to_owned)
            .collect();
        if names.is_empty() && !table.has("names") {
            table.fault(
                Fault::new(
                    "acme.no-names",
                    "this deployment has no name that a certificate could be for",
                )
                .at(table.span())
                .hint("let public_url have the name that people use, or use self_signed = true"),
            );
        }
        return names;
    };
    let mut names = BTreeSet::new();
    for found in listed {
        let name = found.value.to_ascii_lowercase();
        if !ours.contains(&name.as_str()) || !is_name(&name) || names.len() == MOST_NAMES {
            table.fault(
                Fault::new(
                    "acme.foreign-name",
                    format!("{name} is not a name of this deployment, or one too many"),
                )
                .at(found.span)
                .hint("add it to hosts in [deployment]; wildcards and addresses cannot be ordered"),
            );
        }
        names.insert(name);
    }
    names
}

/// Whether a public authority could find somebody under this name.
fn is_name(text: &str) -> bool {
    text.contains('.') && Name::parse(text).is_ok()
}

fn directory_of(text: &str) -> Result<String, &'static str> {
    match Target::parse(text) {
        Ok(target) if target.destination().scheme() == Scheme::Https => Ok(text.to_owned()),
        _ => Err("is not an https URL"),
    }
}

fn email_of(text: &str) -> Result<String, &'static str> {
    let plain = text
        .bytes()
        .all(|c| c.is_ascii_graphic() && c != b',' && c != b'?');
    if plain && text.len() <= 254 && text.find('@').is_some_and(|at| at > 0) {
        Ok(text.to_owned())
    } else {
        Err("is not a mail address")
    }
}
