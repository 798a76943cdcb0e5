//! One request to the outside and its answer, over HTTP/1.1.
//!
//! Owns [`Client`]: every hop is admitted, resolved, judged and dialled anew, on a connection of its
//! own, and read by the engine that reads the gate's upstreams. Refuses answers that are too large,
//! too slow, encoded, cut off or read differently by different readers; redirects from https to http,
//! of a body to another origin, and more than a few; and carries no field to another origin that
//! was not made to travel. Trusts no peer. Nothing here reads an environment variable.

mod exchange;
mod fault;
mod redirect;
mod request;

use std::{fmt, sync::Arc, time::Duration};

use control::Clock;
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use wire::Link;

pub use fault::Fault;
pub use request::{Field, FieldFault, Method, Request, Response};

use crate::{
    dial::dial,
    policy::{Judged, Policy},
    resolve::Resolve,
    target::Scheme,
    tls::server_name,
};

/// How much of everything a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first lookup to the last byte, redirects included.
    pub total: Duration,
    /// For one connection to one address.
    pub connect: Duration,
    /// Bytes of the answer's body.
    pub body: usize,
    /// Redirects that are followed.
    pub redirects: u8,
    /// Addresses of one answer that are tried.
    pub addresses: usize,
}

impl Default for Limits {
    /// 10 s in all, 3 s to connect, 1 MiB of body, 3 redirects, 4 addresses.
    fn default() -> Self {
        Self {
            total: Duration::from_secs(10),
            connect: Duration::from_secs(3),
            body: 1 << 20,
            redirects: 3,
            addresses: 4,
        }
    }
}

/// Sends requests to where the policy allows.
pub struct Client {
    policy: Policy,
    resolver: Box<dyn Resolve>,
    tls: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client under `policy`. `tls` is what [`crate::tls::config`] made.
    #[must_use]
    pub fn new(
        policy: Policy,
        resolver: Box<dyn Resolve>,
        tls: Arc<ClientConfig>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        Self {
            policy,
            resolver,
            tls,
            clock,
            limits,
        }
    }

    /// Sends a request, follows redirects, and reads the answer whole.
    ///
    /// # Errors
    ///
    /// See [`Fault`]; an answer of any status that is not a redirect is no error.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        timeout(self.limits.total, self.follow(request))
            .await
            .map_err(|_| Fault::TimedOut)?
    }

    async fn follow(&self, mut request: Request) -> Result<Response, Fault> {
        let mut left = self.limits.redirects;
        loop {
            let response = self.hop(&request).await?;
            if !redirect::is_redirect(response.status()) {
                return Ok(response);
            }
            left = left.checked_sub(1).ok_or(Fault::TooManyRedirects)?;
            request = redirect::next(request, &response)?;
        }
    }

    /// One request on a connection of its own.
    async fn hop(&self, request: &Request) -> Result<Response, Fault> {
        let destination = request.target().destination();
        let admitted = self.policy.admit(destination, self.clock.now())?;
        let judged = admitted.addresses(self.resolver.as_ref()).await?;
        let stream = self.connect(judged).await?;
        let cap = self.limits.body;
        match destination.scheme() {
            Scheme::Http => exchange::exchange(Link::new(stream), request, cap).await,
            Scheme::Https => {
                let name = server_name(destination.host()).ok_or(Fault::CertificateName)?;
                let connector = TlsConnector::from(Arc::clone(&self.tls));
                let stream = connector
                    .connect(name, stream)
                    .await
                    .map_err(Fault::of_tls)?;
                exchange::exchange(Link::new(stream), request, cap).await
            }
        }
    }

    /// Connects to the first address that accepts.
    async fn connect(&self, judged: Vec<Judged>) -> Result<TcpStream, Fault> {
        let mut last = Fault::TimedOut;
        for one in judged.into_iter().take(self.limits.addresses.max(1)) {
            let address = one.address();
            match dial(one, self.limits.connect).await {
                Ok(stream) => return Ok(stream),
                Err(cause) => last = Fault::Connect { address, cause },
            }
        }
        Err(last)
    }
}
