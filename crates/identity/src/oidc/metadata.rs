//! What a provider says of itself (OpenID Connect Discovery 1.0, RFC 8414).
//!
//! Owns the members that are used. Refuses another issuer than the one that was asked, byte for byte,
//! and endpoints that are not https.

use connect::Target;
use serde::Deserialize;

use super::{ProviderFault, settings::may_be_asked};

/// Longest document that is read.
const LONGEST: usize = 64 * 1024;

/// A provider's endpoints.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Where browsers are sent.
    pub authorization: Target,
    authorization_text: Box<str>,
    /// Where codes become tokens.
    pub token: Target,
    /// Where its keys are.
    pub keys: Target,
    /// Where browsers are sent to log out there.
    pub end_session: Option<Box<str>>,
    /// Whether it takes the client's secret in the body alone.
    pub secret_in_body: bool,
    /// Whether its answers say whose they are (RFC 9207).
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Where the document of `issuer` is.
    ///
    /// # Errors
    ///
    /// [`ProviderFault::Metadata`], where the issuer is no URL.
    pub fn place(issuer: &str) -> Result<Target, ProviderFault> {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        Target::parse(&format!("{base}/.well-known/openid-configuration"))
            .map_err(|_| ProviderFault::Metadata)
    }

    /// Reads the document of `issuer`.
    ///
    /// # Errors
    ///
    /// [`ProviderFault::Metadata`].
    pub fn read(text: &[u8], issuer: &str) -> Result<Self, ProviderFault> {
        if text.len() > LONGEST {
            return Err(ProviderFault::Metadata);
        }
        let document: Document =
            serde_json::from_slice(text).map_err(|_| ProviderFault::Metadata)?;
        if document.issuer != issuer {
            return Err(ProviderFault::Metadata);
        }
        let endpoint = |text: &str| {
            let target = Target::parse(text).ok()?;
            let plain = text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
            (may_be_asked(&target) && plain && !text.contains('#')).then_some(target)
        };
        let required = |text: &str| endpoint(text).ok_or(ProviderFault::Metadata);
        let methods = document.token_endpoint_auth_methods_supported;
        let takes = |method: &str| {
            let named = methods.as_ref();
            named.is_some_and(|all| all.iter().any(|it| it == method))
        };
        let end_session = document.end_session_endpoint;
        Ok(Self {
            authorization: required(&document.authorization_endpoint)?,
            authorization_text: document.authorization_endpoint.into(),
            token: required(&document.token_endpoint)?,
            keys: required(&document.jwks_uri)?,
            end_session: end_session
                .filter(|text| endpoint(text).is_some())
                .map(Into::into),
            secret_in_body: takes("client_secret_post") && !takes("client_secret_basic"),
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }

    /// Where a browser is sent with these pairs.
    #[must_use]
    pub fn authorization_with(&self, query: &str) -> String {
        extend(&self.authorization_text, query)
    }
}

/// `endpoint` with `query` behind what it has already. An endpoint that is a bare host gets the path
/// that every reader of it supplies (RFC 9110, section 4.2.3), because not all read a query without one.
pub(super) fn extend(endpoint: &str, query: &str) -> String {
    let behind_scheme = endpoint.split_once("://").map_or("", |(_, rest)| rest);
    let mark = match (endpoint.contains('?'), behind_scheme.contains('/')) {
        (true, _) => "&",
        (false, true) => "?",
        (false, false) => "/?",
    };
    format!("{endpoint}{mark}{query}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(changes: Value) -> Result<Metadata, ProviderFault> {
        let mut document = json!({
            "issuer": "https://id.test/a",
            "authorization_endpoint": "https://id.test/auth?p=1",
            "token_endpoint": "https://id.test/token",
            "jwks_uri": "https://keys.test/jwks",
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        Metadata::read(document.to_string().as_bytes(), "https://id.test/a")
    }

    #[test]
    fn a_document_of_the_issuer_reads() {
        let metadata = read(json!({})).unwrap();
        assert_eq!(
            metadata.authorization_with("a=b"),
            "https://id.test/auth?p=1&a=b"
        );
        assert!(!metadata.secret_in_body && !metadata.names_itself);
        let methods = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
        assert!(read(methods).unwrap().secret_in_body);
        let named = json!({"authorization_response_iss_parameter_supported": true});
        assert!(read(named).unwrap().names_itself);
        assert!(Metadata::place("https://id.test/a/").is_ok());
    }

    /// Found by fuzzing `provider_metadata`.
    #[test]
    fn an_endpoint_without_a_path_leads_where_it_may_be_asked() {
        for (endpoint, location) in [
            ("https://id.test", "https://id.test/?a=b"),
            ("https://id.test/", "https://id.test/?a=b"),
            ("https://id.test/auth", "https://id.test/auth?a=b"),
            ("https://id.test/?p=1", "https://id.test/?p=1&a=b"),
        ] {
            let metadata = read(json!({ "authorization_endpoint": endpoint })).unwrap();
            assert_eq!(metadata.authorization_with("a=b"), location);
            assert!(Target::parse(location).is_ok_and(|target| may_be_asked(&target)));
        }
        assert!(read(json!({ "authorization_endpoint": "https://id.test?p=1" })).is_err());
    }

    #[test]
    fn another_issuer_and_open_endpoints_are_refused() {
        for changes in [
            json!({"issuer": "https://id.test/a/"}),
            json!({"issuer": "https://id.test/A"}),
            json!({"issuer": "https://other.test/a"}),
            json!({"issuer": null}),
            json!({"authorization_endpoint": "http://id.test/auth"}),
            json!({"token_endpoint": "http://id.test/token"}),
            json!({"token_endpoint": "/token"}),
            json!({"jwks_uri": "file:///etc/passwd"}),
            json!({"jwks_uri": null}),
        ] {
            assert_eq!(
                read(changes.clone()).unwrap_err(),
                ProviderFault::Metadata,
                "{changes}"
            );
        }
        let deep = format!("{{\"issuer\":{}", "[".repeat(100_000));
        let long = " ".repeat(LONGEST + 1);
        for text in ["", "[]", "null", &deep, &long] {
            assert!(Metadata::read(text.as_bytes(), "https://id.test/a").is_err());
        }
    }
}
