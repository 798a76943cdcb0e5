//! A webhook route and what is needed to sign for it.
//!
//! Owns messages as a provider sends them, signed with a secret that the instance mints for one ticket.

use control::{
    Secret, Target, Timestamp,
    probe::{Guard, Reply, RouteFact, TargetError, TicketWish},
};
use hooks::{
    Scheme,
    load::options::choose,
    scheme::Atom,
    sign::{Signed, Signing, sign},
};

use crate::probes::draft::{Draft, TICKET};

/// A webhook route with what is needed to sign for it.
pub(in crate::probes) struct Source<'t> {
    at: &'t dyn Target,
    pub(super) path: String,
    scheme: &'static Scheme,
    public_url: String,
}

impl<'t> Source<'t> {
    pub(in crate::probes) fn of(
        at: &'t dyn Target,
        route: &RouteFact,
    ) -> Result<Self, TargetError> {
        let Guard::Webhook(fact) = &route.guard else {
            return Err(TargetError::new(
                "find the route",
                format!("{} is not a webhook", route.path),
            ));
        };
        let unknown = || TargetError::new("find the scheme", format!("{} is unknown", fact.scheme));
        let scheme = Scheme::find(&fact.scheme)
            .and_then(|base| choose(base, &fact.options).ok())
            .ok_or_else(unknown)?;
        let facts = at.facts();
        let public_url = format!("{}://{}", facts.scheme, facts.public_host);
        Ok(Self {
            at,
            path: route.path.clone(),
            scheme,
            public_url,
        })
    }

    /// Media type and body of a message with `canary` in it, of the kind this provider sends.
    pub(in crate::probes) fn message(&self, canary: &str) -> (&'static str, Vec<u8>) {
        if self.signs_target() {
            let form =
                format!("Body=1+{canary}&From=whatsapp%3A%2B31858880000&MessageSid=SM{canary}");
            ("application/x-www-form-urlencoded", form.into_bytes())
        } else {
            let json = format!("{{\"id\":\"{canary}\",\"text\":\"a probe\"}}");
            ("application/json", json.into_bytes())
        }
    }

    pub(super) fn sign(
        &self,
        secret: &[u8],
        target: &str,
        body: &[u8],
        id: &str,
        when: Timestamp,
    ) -> Result<Signed, TargetError> {
        let (content_type, _) = self.message("");
        let signing = Signing {
            method: "POST",
            public_url: &self.public_url,
            target,
            content_type: Some(content_type),
            body,
            id,
            at: when,
        };
        let signed = sign(self.scheme, &Secret::new(secret.to_vec()), &signing)
            .map_err(|fault| TargetError::new("sign", fault))?;
        if signed.body.is_some() {
            let why = "this scheme writes into the body, and a ticket is good for one body alone";
            return Err(TargetError::new("sign", why));
        }
        Ok(signed)
    }

    /// The status that a forgery is refused with.
    pub(super) fn refusal(&self) -> u16 {
        self.scheme.ack.refused.unwrap_or(403)
    }

    /// A ticket for exactly this body, and the secret that is valid with it alone.
    pub(super) fn mint(&self, route: &str, body: &[u8]) -> Result<(String, Vec<u8>), TargetError> {
        let wish = TicketWish {
            method: "POST",
            target: &self.path,
            body,
            webhook: Some(route),
        };
        let ticket = self.at.ticket(&wish)?;
        let secret = ticket
            .secret
            .ok_or_else(|| TargetError::new("mint a source secret", "the instance gave none"))?;
        Ok((ticket.value, secret))
    }

    pub(super) fn draft(&self, ticket: &str, body: &[u8], headers: &[(String, String)]) -> Draft {
        let mut draft = Draft::new(self.at, "POST", &self.path).field(TICKET, ticket);
        draft.body = body.to_vec();
        draft.fields.extend(headers.iter().cloned());
        draft
    }

    /// Sends a genuine message with `canary` in it under the identity `id`.
    pub(in crate::probes) fn genuine(
        &self,
        canary: &str,
        id: &str,
        when: Timestamp,
    ) -> Result<Reply, TargetError> {
        let (_, body) = self.message(canary);
        let (ticket, secret) = self.mint(&self.path, &body)?;
        let signed = self.sign(&secret, &self.path, &body, id, when)?;
        self.draft(&ticket, &body, &signed.headers).send(self.at)
    }

    /// Sends `body` with the headers that `forge` makes of the minted secret.
    pub(super) fn forged(
        &self,
        body: &[u8],
        forge: impl FnOnce(&[u8]) -> Result<Vec<(String, String)>, TargetError>,
    ) -> Result<Reply, TargetError> {
        let (ticket, secret) = self.mint(&self.path, body)?;
        let headers = forge(&secret)?;
        self.draft(&ticket, body, &headers).send(self.at)
    }

    /// Whether the address is part of what this scheme signs.
    pub(super) fn signs_target(&self) -> bool {
        self.scheme
            .variant
            .iter()
            .any(|variant| variant.message.contains(&Atom::Url))
    }
}
