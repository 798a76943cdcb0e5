//! Session tickets.
//!
//! Owns the one issuer of the process, so that a session resumes on any core, at any listener of the same
//! trust and after a reload, and what binds a ticket to that trust. A session goes on without its
//! certificates being verified again (RFC 8446, section 2.2): a ticket that was given under other
//! authorities, or before something was revoked, must not open it.

use std::sync::{Arc, OnceLock};

use rustls::{crypto::aws_lc_rs, server::ProducesTickets};

/// What a ticket is bound to where no certificate is asked for.
pub(super) const NO_CLIENTS: [u8; 32] = [0; 32];

/// Tickets that open nothing but listeners of one trust.
#[derive(Debug)]
struct Bound {
    issuer: Arc<dyn ProducesTickets>,
    trust: [u8; 32],
}

impl ProducesTickets for Bound {
    fn enabled(&self) -> bool {
        self.issuer.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.issuer.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut whole = zeroize::Zeroizing::new(Vec::with_capacity(self.trust.len() + plain.len()));
        whole.extend_from_slice(&self.trust);
        whole.extend_from_slice(plain);
        self.issuer.encrypt(&whole)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let whole = zeroize::Zeroizing::new(self.issuer.decrypt(cipher)?);
        whole.strip_prefix(&self.trust).map(<[u8]>::to_vec)
    }
}

/// Tickets of the process for listeners of one trust. The issuer rotates its keys every 6 hours and takes
/// those of the last 12. Without randomness there is none, and each connection shakes hands in full.
pub(super) fn bound_to(trust: [u8; 32]) -> Option<Arc<dyn ProducesTickets>> {
    static ISSUER: OnceLock<Option<Arc<dyn ProducesTickets>>> = OnceLock::new();
    let issuer = ISSUER
        .get_or_init(|| aws_lc_rs::Ticketer::new().ok())
        .clone()?;
    Some(Arc::new(Bound { issuer, trust }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_opens_listeners_of_its_own_trust_alone() {
        let (ours, again, other) = (
            bound_to([1; 32]).unwrap(),
            bound_to([1; 32]).unwrap(),
            bound_to(NO_CLIENTS).unwrap(),
        );
        let ticket = ours.encrypt(b"session").unwrap();
        assert_eq!(ours.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(again.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(other.decrypt(&ticket), None);
        assert_eq!(ours.decrypt(&other.encrypt(b"session").unwrap()), None);
        assert_eq!(ours.decrypt(b"nothing"), None);
    }
}
