//! A provider that follows a script: honest unless a test says otherwise.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use seal::encode::base64url;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What the peer does at each of its endpoints; a test changes what it is about.
pub(crate) struct Script {
    /// Members of the metadata that differ.
    pub(crate) metadata: Value,
    /// The whole key set, where it is not the honest one.
    pub(crate) keys: Option<String>,
    /// Claims of the ID token that differ; null leaves one out.
    pub(crate) claims: Value,
    /// The whole ID token, where it is not signed by the honest key.
    pub(crate) token: Option<Box<dyn Fn(String) -> String + Send>>,
    /// The whole answer to a code.
    pub(crate) answer: Option<(u16, String)>,
    /// Whether it takes connections and says nothing.
    pub(crate) hangs: bool,
}

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) script: Mutex<Script>,
    key: EcdsaKeyPair,
    /// What the browser was sent with, by code.
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
    /// The path of every request.
    seen: Mutex<Vec<String>>,
}

pub(crate) const NOW: i64 = 1_800_000_000;

/// The pairs of a query.
pub(crate) fn pairs(query: &str) -> HashMap<String, String> {
    let plain = |text: &str| {
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            let (digits, rest) = part.split_at(2);
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            bytes.extend(rest.as_bytes());
        }
        String::from_utf8(bytes).unwrap()
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (plain(name), plain(value))
    };
    query.split('&').map(pair).collect()
}

impl Peer {
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (rng, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
        let peer = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            script: Mutex::new(Script {
                metadata: json!({}),
                keys: None,
                claims: json!({}),
                token: None,
                answer: None,
                hangs: false,
            }),
            key: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap(),
            codes: Mutex::default(),
            seen: Mutex::default(),
        });
        let served = Arc::clone(&peer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let peer = Arc::clone(&served);
                tokio::spawn(async move { peer.serve(stream).await });
            }
        });
        peer
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often `path` was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| *seen == path).count()
    }

    /// Lets somebody log in whose browser was sent with `query`; the code.
    pub(crate) fn log_in(&self, query: HashMap<String, String>) -> String {
        let mut codes = self.codes.lock().unwrap();
        let code = format!("code-{}", codes.len());
        codes.insert(code.clone(), query);
        code
    }

    /// `claims`, signed.
    pub(crate) fn sign(&self, header: &Value, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.as_bytes())
        );
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", base64url(signature.unwrap().as_ref()))
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
            "x": base64url(x), "y": base64url(y),
        })
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut request = Vec::new();
        let text = loop {
            match stream.read_buf(&mut request).await {
                Ok(1..) => {}
                _ => return,
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    break text;
                }
            }
        };
        let path = text.split(' ').nth(1).unwrap().to_owned();
        self.seen.lock().unwrap().push(path.clone());
        if self.script.lock().unwrap().hangs {
            // Says nothing for as long as the other end is there.
            let _ = stream.read(&mut [0; 1]).await;
            return;
        }
        let (status, body) = match path.as_str() {
            "/.well-known/openid-configuration" => (200, self.metadata()),
            "/keys" => (200, self.keys()),
            "/token" => self.exchange(&text),
            _ => (404, String::new()),
        };
        let answer = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        // Whoever asked may have had enough.
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    fn metadata(&self) -> String {
        let issuer = self.issuer();
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "end_session_endpoint": format!("{issuer}/end"),
        });
        let script = self.script.lock().unwrap();
        for (name, value) in script.metadata.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        metadata.to_string()
    }

    fn keys(&self) -> String {
        let script = self.script.lock().unwrap();
        let honest = || json!({ "keys": [self.jwk("k-1")] }).to_string();
        script.keys.clone().unwrap_or_else(honest)
    }

    /// Judges the code and the verifier as RFC 7636 has it, and gives tokens.
    fn exchange(&self, request: &str) -> (u16, String) {
        let script = self.script.lock().unwrap();
        if let Some(answer) = &script.answer {
            return answer.clone();
        }
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let pairs = pairs(body);
        let refused = (400, r#"{"error":"invalid_grant"}"#.to_owned());
        let Some(query) = self.codes.lock().unwrap().remove(&pairs["code"]) else {
            return refused;
        };
        let challenge = base64url(&seal::sha256(pairs["code_verifier"].as_bytes()));
        let secret = seal::encode::base64(b"us:s%20%3A");
        if query["code_challenge"] != challenge || query["redirect_uri"] != pairs["redirect_uri"] {
            return refused;
        }
        if !head.contains(&format!("authorization: Basic {secret}")) {
            return (401, r#"{"error":"invalid_client"}"#.to_owned());
        }
        let mut claims = json!({
            "iss": self.issuer(), "sub": "u-1", "aud": "us", "iat": NOW - 1, "exp": NOW + 600,
            "nonce": query["nonce"], "groups": ["g-sales", "g-other"], "sid": "s-1",
        });
        for (name, value) in script.claims.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        let token = match &script.token {
            Some(token) => token(claims.to_string()),
            None => self.sign(&json!({"alg": "ES256", "kid": "k-1"}), &claims.to_string()),
        };
        let answer = json!({ "id_token": token, "access_token": "a", "token_type": "Bearer" });
        (200, answer.to_string())
    }
}
