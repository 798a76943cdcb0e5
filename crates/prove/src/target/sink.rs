//! A receiver of alerts, of the proof's own.
//!
//! Owns a server that takes every alert, and the secret that the child signs them with. Believes none
//! whose signature it has not verified itself.

use std::sync::{Arc, Mutex, PoisonError};

use control::{Clock, Rng, Secret, probe::TargetError};
use hooks::{Delivery, Scheme, alerts::section::SCHEME, verify};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    child,
    server::{Request, Server},
};

const DOING: &str = "start a receiver";

/// Most alerts that are kept.
const MOST: usize = 1000;

/// A running receiver; stops when dropped.
pub(crate) struct Sink {
    server: Server,
    secret: Secret,
    /// Where the child reads the secret.
    folder: TempDir,
    taken: Arc<Mutex<Vec<Taken>>>,
}

struct Taken {
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sink {
    /// Starts on a free loopback port.
    pub(crate) fn start(rng: &dyn Rng) -> Result<Self, TargetError> {
        let failed = |cause: &dyn std::fmt::Display| TargetError::new(DOING, cause);
        let scheme = Scheme::find(SCHEME).ok_or_else(|| failed(&"no scheme signs alerts"))?;
        let secret = scheme.mint_secret(rng).map_err(|cause| failed(&cause))?;
        let folder = tempfile::tempdir().map_err(|cause| failed(&cause))?;
        let file = folder.path().join("secret");
        config::files::create_secret(&file, secret.expose()).map_err(|cause| failed(&cause))?;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let memory = Arc::clone(&taken);
        let server = Server::start(Box::new(move |request| take(request, &memory)))
            .map_err(|cause| failed(&cause))?;
        Ok(Self {
            server,
            secret,
            folder,
            taken,
        })
    }

    /// Has a configuration's alerts come here.
    pub(crate) fn take_place(&self, tree: &mut Value) {
        let Some(root) = tree.as_object_mut() else {
            return;
        };
        let address = self.server.address();
        let file = self.folder.path().join("secret");
        let alerts = json!({
            "url": format!("http://{address}/alerts"),
            "secret": format!("file:{}", file.display()),
        });
        root.insert("alerts".to_owned(), alerts);
        child::open_loopback(root, address.port(), "the receiver of a proof");
    }

    /// What has come, each alert as it was read, and none that was not signed.
    pub(crate) fn genuine(&self, clock: &dyn Clock) -> Vec<Value> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let genuine = taken.iter().filter(|taken| self.signed(taken, clock));
        genuine
            .filter_map(|taken| serde_json::from_slice(&taken.body).ok())
            .collect()
    }

    fn signed(&self, taken: &Taken, clock: &dyn Clock) -> bool {
        let fields = taken.fields.iter();
        let headers: Vec<(&[u8], &[u8])> = fields
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let delivery = Delivery {
            method: "POST",
            public_url: "",
            target: b"/alerts",
            headers: &headers,
            body: &taken.body,
            now: clock.now(),
        };
        let secrets = std::slice::from_ref(&self.secret);
        Scheme::find(SCHEME).is_some_and(|scheme| verify(scheme, secrets, &delivery).is_ok())
    }
}

fn take(request: &Request, taken: &Mutex<Vec<Taken>>) -> (u16, String) {
    let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.len() < MOST {
        taken.push(Taken {
            fields: request.fields.clone(),
            body: request.body.clone(),
        });
    }
    (200, "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use control::{SystemClock, rng::CountingRng};
    use hooks::{Signing, sign};

    use super::*;

    #[test]
    fn only_what_was_signed_with_its_secret_has_come() {
        let clock = SystemClock::new();
        let sink = Sink::start(&CountingRng::from_seed(3)).unwrap();
        let other = Sink::start(&CountingRng::from_seed(77)).unwrap();
        let scheme = Scheme::find(SCHEME).unwrap();
        let come = |secret: &Secret, signed: &[u8], body: &[u8]| {
            let signing = Signing {
                method: "POST",
                public_url: "",
                target: "/alerts",
                content_type: None,
                body: signed,
                id: "alert_1",
                at: clock.now(),
            };
            let fields = sign(scheme, secret, &signing).unwrap().headers;
            let body = body.to_vec();
            sink.taken.lock().unwrap().push(Taken { fields, body });
            sink.genuine(&clock).len()
        };
        assert_eq!(come(&other.secret, b"{}", b"{}"), 0);
        assert_eq!(come(&sink.secret, b"{}", b"[]"), 0);
        assert_eq!(come(&sink.secret, b"{}", b"{}"), 1);
    }
}
