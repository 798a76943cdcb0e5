//! A signed delivery that a test can change before it is verified.

use control::{Secret, Timestamp};
use hooks::{Delivery, Scheme, Signature, SignatureRefusal, Signing, Verified, sign};

/// The moment everything is signed at.
pub const NOW: i64 = 1_614_265_330;

/// A request in flight.
#[derive(Clone, Debug)]
pub struct Request {
    pub scheme: &'static Scheme,
    pub secrets: Vec<Secret>,
    pub method: String,
    pub public_url: String,
    pub target: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    pub now: i64,
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

/// A secret that every scheme takes.
pub fn any_secret() -> Secret {
    secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
}

impl Request {
    /// What the provider of `scheme` would send.
    pub fn signed(scheme: &str, target: &str, content_type: Option<&str>, body: &[u8]) -> Self {
        Self::signed_with(&any_secret(), scheme, target, content_type, body)
    }

    pub fn signed_with(
        secret: &Secret,
        scheme: &str,
        target: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Self {
        Self::try_signed_with(secret, scheme, target, content_type, body).unwrap()
    }

    pub fn try_signed_with(
        secret: &Secret,
        scheme: &str,
        target: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Option<Self> {
        let scheme = Scheme::find(scheme).unwrap();
        let signing = Signing {
            method: "POST",
            public_url: "https://a.example",
            target,
            content_type,
            body,
            id: "msg_1",
            at: Timestamp::from_seconds(NOW),
        };
        let signed = sign(scheme, secret, &signing).ok()?;
        let headers = signed.headers.into_iter();
        let body = signed.body.unwrap_or_else(|| body.to_vec());
        Some(Self {
            scheme,
            secrets: vec![secret.clone()],
            method: "POST".to_owned(),
            public_url: "https://a.example".to_owned(),
            target: signed.target.into_bytes(),
            headers: headers
                .map(|(n, v)| (n.into_bytes(), v.into_bytes()))
                .collect(),
            body,
            now: NOW,
        })
    }

    /// Sets every header called `name` aside and puts `values` in their place.
    #[must_use]
    pub fn with(mut self, name: &str, values: &[&str]) -> Self {
        self.headers
            .retain(|(n, _)| !n.eq_ignore_ascii_case(name.as_bytes()));
        for value in values {
            self.headers
                .push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        self
    }

    pub fn header(&self, name: &str) -> String {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        String::from_utf8(found.unwrap().1.clone()).unwrap()
    }

    pub fn proof(&self) -> Result<Verified<Signature>, SignatureRefusal> {
        self.judged(|delivery| hooks::verify(self.scheme, &self.secrets, delivery))
    }

    /// The reason it is refused for under a secret that was minted for it.
    pub fn refused_under(&self, minted: &Secret) -> Option<SignatureRefusal> {
        let source = hooks::Source::new("/hook", self.scheme, &[]).unwrap();
        let source = source.with_secret(minted).unwrap();
        self.judged(|delivery| source.verify(delivery)).err()
    }

    fn judged<T>(&self, judge: impl FnOnce(&Delivery<'_>) -> T) -> T {
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
            .collect();
        judge(&Delivery {
            method: &self.method,
            public_url: &self.public_url,
            target: &self.target,
            headers: &headers,
            body: &self.body,
            now: Timestamp::from_seconds(self.now),
        })
    }

    /// The reason it is refused for; `None` when it is genuine.
    pub fn refused(&self) -> Option<SignatureRefusal> {
        self.proof().err()
    }

    pub fn digest(&self) -> [u8; 32] {
        *self.proof().unwrap().fact().digest()
    }
}
