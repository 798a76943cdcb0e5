//! What a listener shows, and whether it asks for certificates in turn.
//!
//! Owns `tls` of `[[listen]]`. Refuses a certificate from two places, none, one that is named twice, and
//! the revocations of authorities that are not named.

use std::path::{Path, PathBuf};

use config::{
    Fault, Table,
    secret::{SecretReference, Sources},
};

/// What a listener needs to speak TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whose certificate it shows.
    pub certificate: Certificate,
    /// The oldest version it speaks.
    pub minimum: Minimum,
    /// Whether it offers HTTP/2.
    pub http2: bool,
    /// Whose certificates it asks for, if it does.
    pub clients: Option<Clients>,
}

/// Whose certificate a listener shows.
#[derive(Clone, Debug)]
pub enum Certificate {
    /// The operator's; never none. The first is for whoever names nobody.
    Files(Vec<Files>),
    /// One that we sign ourselves, for machines that only its operator looks at.
    SelfSigned,
    /// One that an authority gives us.
    Acme(acme::Settings),
}

/// A certificate of the operator's.
#[derive(Clone, Debug)]
pub struct Files {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// Where the private key comes from, PEM.
    pub key: SecretReference,
    /// The line of the configuration that names it.
    pub line: usize,
}

/// Whose certificates a listener asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// PEM file with the authorities that are believed.
    pub roots: PathBuf,
    /// Whether a connection without a certificate is refused.
    pub required: bool,
    /// PEM file with what these authorities have revoked.
    pub revoked: Option<PathBuf>,
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Minimum {
    /// TLS 1.2 (RFC 5246) and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446) alone.
    Tls13,
}

/// Most certificates of one listener.
const MOST: usize = 256;

impl Tls {
    /// Reads a `tls` table; nothing where a fault of it is noted.
    pub(super) fn read(mut table: Table<'_>, sources: &Sources, ours: &[&str]) -> Option<Self> {
        let minimum = match table.optional_one_of("minimum", &["1.2", "1.3"]) {
            Some(found) if found.value == "1.3" => Minimum::Tls13,
            _ => Minimum::default(),
        };
        let http2 = table.flag("http2", true);
        let asks = table.has("clients");
        let clients = table
            .optional_table("clients")
            .map(|clients| Clients::read(clients, sources));
        let span = table.span_of("acme");
        let ordered = table
            .optional_table("acme")
            .map(|mut acme| acme::Settings::read(&mut acme, ours, |path| sources.locate(path)));
        let certificate = match ordered {
            Some(ordered) => {
                alone(&mut table);
                ordered.map(Certificate::Acme)
            }
            None => certificate(&mut table, sources),
        };
        let clients = clients.flatten();
        if let (Some(Certificate::Acme(ordered)), Some(Clients { required: true, .. })) =
            (&certificate, &clients)
            && ordered.challenge == acme::Kind::TlsAlpn01
        {
            table.fault(
                Fault::new(
                    "acme.no-certificate-of-its-own",
                    "the authority that looks at this listener has no certificate to show it",
                )
                .at(span)
                .hint("use challenge = \"http-01\", or clients that are not required"),
            );
        }
        table.done();
        // What is asked for and not understood must not become a listener that asks for nothing.
        (asks == clients.is_some()).then_some(Self {
            certificate: certificate?,
            minimum,
            http2,
            clients,
        })
    }
}

/// Faults any other certificate beside one that is ordered.
fn alone(table: &mut Table<'_>) {
    for key in ["certificate", "key", "certificates", "self_signed"] {
        if let Some(span) = table.span_of(key) {
            table.fault(
                Fault::new(
                    "listen.two-certificates",
                    format!("{} names {key} beside acme", table.title()),
                )
                .at(span)
                .hint("keep acme, or the other"),
            );
        }
    }
}

fn certificate(table: &mut Table<'_>, sources: &Sources) -> Option<Certificate> {
    let own = table.flag("self_signed", false);
    let several = table.has("certificates");
    let single = ["certificate", "key"].map(|key| table.span_of(key).map(|span| (key, span)));
    let (second, keep) = match (own, several) {
        (true, true) => (
            table
                .span_of("certificates")
                .map(|span| ("certificates", span)),
            "the files, or self_signed = true",
        ),
        (true, false) => (
            single.into_iter().flatten().next(),
            "the files, or self_signed = true",
        ),
        (false, true) => (
            single.into_iter().flatten().next(),
            "the list, with this pair in it",
        ),
        (false, false) => (None, ""),
    };
    if let Some((key, span)) = second {
        table.fault(
            Fault::new(
                "listen.two-certificates",
                format!("{} names {key} beside another certificate", table.title()),
            )
            .at(span)
            .hint(format!("keep {keep}")),
        );
    }
    let given = |table: &mut Table<'_>| {
        let certificate = table.required_text("certificate");
        let key = table.required_secret("key");
        let certificate = certificate?;
        Some(Files {
            certificate: sources.locate(Path::new(&certificate.value)),
            line: table.line_of(certificate.span),
            key: key?.value,
        })
    };
    if own {
        // They were told of, if they are there.
        let _ = (table.has("certificate"), table.has("key"));
        return Some(Certificate::SelfSigned);
    }
    if !several {
        return Some(Certificate::Files(vec![given(table)?]));
    }
    let mut files: Vec<Files> = Vec::new();
    let mut whole = true;
    for mut one in table.tables("certificates") {
        let span = one.span();
        let Some(read) = given(&mut one) else {
            whole = false;
            continue;
        };
        if files.len() == MOST || files.iter().any(|it| it.certificate == read.certificate) {
            one.fault(
                Fault::new(
                    "listen.certificate-twice",
                    format!("this certificate is named twice, or is one of more than {MOST}"),
                )
                .at(span)
                .hint("name each certificate once"),
            );
        }
        files.push(read);
    }
    if files.is_empty() && whole {
        let span = table.span_of("certificates");
        table.fault(
            Fault::new(
                "listen.no-certificates",
                format!("{} names no certificate", table.title()),
            )
            .at(span)
            .hint("write certificates = [{ certificate = \"a.pem\", key = \"file:a.key\" }]"),
        );
        return None;
    }
    whole.then_some(Certificate::Files(files))
}

impl Clients {
    fn read(mut table: Table<'_>, sources: &Sources) -> Option<Self> {
        let roots = table.required_text("roots");
        let required = table.flag("required", false);
        let revoked = table.text("revoked");
        let lost = table.has("revoked") && revoked.is_none();
        table.done();
        if lost {
            return None;
        }
        Some(Self {
            roots: sources.locate(Path::new(&roots?.value)),
            required,
            revoked: revoked.map(|found| sources.locate(Path::new(&found.value))),
        })
    }
}
