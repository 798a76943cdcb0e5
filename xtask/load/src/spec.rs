//! What to send, to whom and how hard.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

/// One run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    pub(crate) address: SocketAddr,
    pub(crate) threads: usize,
    pub(crate) connections: usize,
    /// One after the other, without a pause.
    pub(crate) phases: Vec<Phase>,
    /// Whether each request gets a connection of its own.
    #[serde(default)]
    pub(crate) fresh: bool,
    #[serde(default)]
    pub(crate) tls: Option<Tls>,
    pub(crate) talk: Talk,
    /// How long after the last phase answers are waited for.
    #[serde(default = "two")]
    pub(crate) drain_seconds: f64,
}

/// A time of one kind of load.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phase {
    pub(crate) seconds: f64,
    /// Requests a second by a schedule that waits for nobody, and times counted from the schedule;
    /// without it each connection asks again as soon as it has its answer.
    #[serde(default)]
    pub(crate) rate: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The name in the certificate.
    pub(crate) name: String,
    /// The certificate to trust, PEM.
    pub(crate) certificate: PathBuf,
    /// Whether a connection resumes the session of the one before it.
    #[serde(default)]
    pub(crate) resume: bool,
}

/// What is said on a connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Talk {
    /// A request and its answer.
    Request {
        method: String,
        path: String,
        /// `Name: value`, Host among them.
        headers: Vec<String>,
        /// Bytes of the body.
        #[serde(default)]
        body: usize,
        /// Whether the body goes in chunks rather than with its length.
        #[serde(default)]
        chunked: bool,
        /// The length a right answer has.
        #[serde(default)]
        answer: Option<u64>,
    },
    /// A WebSocket, and a message that comes back.
    Echo {
        path: String,
        headers: Vec<String>,
        /// Bytes of the message.
        message: usize,
    },
}

const fn two() -> f64 {
    2.0
}

/// Bytes of one chunk of a chunked body.
const CHUNK: usize = 16 * 1024;

/// The bytes of a request, its body included.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[String],
    body: usize,
    chunked: bool,
) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if chunked {
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        let mut left = body;
        while left > 0 {
            let size = left.min(CHUNK);
            bytes.extend_from_slice(format!("{size:x}\r\n").as_bytes());
            bytes.resize(bytes.len() + size, b'a');
            bytes.extend_from_slice(b"\r\n");
            left -= size;
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
    } else {
        if body > 0 {
            bytes.extend_from_slice(format!("Content-Length: {body}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.resize(bytes.len() + body, b'a');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_is_read() {
        let text = r#"{"address": "127.0.0.1:80", "threads": 2, "connections": 64,
            "phases": [{"seconds": 1.0, "rate": 500.0}, {"seconds": 2.0}],
            "talk": {"request": {"method": "GET", "path": "/", "headers": ["Host: a"]}}}"#;
        let spec: Spec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.phases[0].rate, Some(500.0));
        assert!(!spec.fresh && spec.tls.is_none());
        let wrong = text.replace("threads", "treads");
        assert!(serde_json::from_str::<Spec>(&wrong).is_err());
    }

    #[test]
    fn a_body_goes_with_its_length_or_in_chunks() {
        let host = ["Host: a".to_owned()];
        let with = request("POST", "/u", &host, 3, false);
        assert_eq!(
            with,
            b"POST /u HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\naaa"
        );
        let chunked = request("POST", "/u", &host, CHUNK + 1, true);
        let text = String::from_utf8(chunked).unwrap();
        assert!(text.contains("\r\n\r\n4000\r\na") && text.ends_with("\r\n1\r\na\r\n0\r\n\r\n"));
        assert!(request("GET", "/", &host, 0, false).ends_with(b"Host: a\r\n\r\n"));
    }
}
