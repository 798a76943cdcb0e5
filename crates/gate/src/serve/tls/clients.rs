//! Certificates of clients.
//!
//! Owns what verifies them: the authorities of a file, and what those have revoked. Every chain is
//! verified to one of these authorities and to no other, with its dates, its purpose and, where a list is
//! named, its revocation at every step; a certificate of which the list cannot tell is refused.

use std::sync::Arc;

use identity::certificate::Trust;
use rustls::{
    RootCertStore,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateRevocationListDer, pem::PemObject as _};

use super::{TlsFault, certificates, provider, read};
use crate::site::listen::Clients;

/// What verifies clients, and what tells it from others.
pub(super) fn verifier(
    asked: &Clients,
) -> Result<(Arc<dyn ClientCertVerifier>, Arc<Trust>), TlsFault> {
    let mut digest = seal::Sha256::new();
    digest.update(if asked.required {
        b"required"
    } else {
        b"optional"
    });
    let mut roots = RootCertStore::empty();
    for root in certificates(&asked.roots, &read(&asked.roots)?)? {
        digest.update(&seal::sha256(&root));
        roots
            .add(root)
            .map_err(|_| TlsFault::NoCertificate(asked.roots.clone()))?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    if let Some(path) = &asked.revoked {
        let pem = read(path)?;
        let lists = CertificateRevocationListDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|lists| !lists.is_empty())
            .ok_or_else(|| TlsFault::NoRevocations(path.clone()))?;
        digest.update(b"revoked");
        for list in &lists {
            digest.update(&seal::sha256(list));
        }
        // A list that has ended says nothing of what was revoked since.
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    if !asked.required {
        builder = builder.allow_unauthenticated();
    }
    let verifier = builder.build().map_err(|_| match &asked.revoked {
        Some(path) => TlsFault::NoRevocations(path.clone()),
        None => TlsFault::NoCertificate(asked.roots.clone()),
    })?;
    Ok((verifier, Arc::new(Trust::new(digest.finish()))))
}
