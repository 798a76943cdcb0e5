//! How an authority is asked: over HTTPS, by the client that asks for everything.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use connect::{
    Client, Scheme, Target,
    client::{Field, Request},
};
use control::Secret;
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

/// What of an answer is looked at besides its body.
const FIELDS: [&str; 4] = ["replay-nonce", "location", "retry-after", "content-type"];

/// What every request of ACME that sends something sends (RFC 8555, section 6.2).
const KIND: &str = "application/jose+json";

pub(crate) struct Http(pub(crate) Arc<Client>);

type Answer = Result<BytesResponse, Error>;

impl HttpClient for Http {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let client = Arc::clone(&self.0);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let target = Target::parse(&parts.uri.to_string()).map_err(other)?;
            if target.destination().scheme() != Scheme::Https {
                return Err(Error::Str("the authority names a place that is not https"));
            }
            let body = body.collect().await.map_err(other)?.to_bytes();
            let request = match parts.method {
                http::Method::POST => Request::post(target, KIND, Secret::new(body.to_vec())),
                _ => Request::get(target),
            };
            let named = Field::new("user-agent", "vouchsafe").map_err(other)?;
            let response = client.send(request.with(named)).await.map_err(other)?;
            // A nonce is asked for by HEAD and as well by GET, which is answered with 204 (RFC 8555,
            // section 7.2).
            let status = match (&parts.method, response.status()) {
                (&http::Method::HEAD, 204) => 200,
                (_, status) => status,
            };
            let mut answer = http::Response::builder().status(status);
            for name in FIELDS {
                if let Some(value) = response.field(name) {
                    answer = answer.header(name, value);
                }
            }
            let body = Full::<Bytes>::from(response.into_body());
            Ok(BytesResponse::from(answer.body(body)?))
        })
    }
}

fn other(fault: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Other(Box::new(fault))
}
