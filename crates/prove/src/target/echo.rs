//! A stand-in app.
//!
//! Owns a server that answers every request with what it received and remembers it. It stands behind a
//! child, so that a proof on a child can read what reached the app.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;

use super::server::{Request, Server};

/// Bytes it remembers in all.
const MEMORY: usize = 32 << 20;

/// A running stand-in app; stops when dropped.
pub struct Echo {
    server: Server,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Echo {
    /// Starts on a free loopback port.
    pub fn start() -> std::io::Result<Self> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let memory = Arc::clone(&seen);
        let server = Server::start(Box::new(move |request| (200, told(request, &memory))))?;
        Ok(Self { server, seen })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Every byte that reached it, head and body of each request one after another.
    #[must_use]
    pub fn seen(&self) -> Vec<u8> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// What it received, as JSON.
fn told(request: &Request, seen: &Mutex<Vec<u8>>) -> String {
    {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < MEMORY {
            seen.extend_from_slice(&request.raw);
        }
    }
    json!({
        "echo": true,
        "method": request.method,
        "target": request.target,
        "fields": request.fields,
        "body_sha256": seal::encode::hex(&seal::sha256(&request.body)),
        "body_length": request.body.len(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use control::{SystemClock, probe::Reply};

    use super::*;
    use crate::target::dial::Dialer;

    #[test]
    fn it_says_what_it_received_and_remembers_it() {
        let echo = Echo::start().unwrap();
        let dialer = Dialer::plain(echo.address(), Arc::new(SystemClock::new()));
        let request = b"POST /a?b HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nContent-Length: 2\r\n\r\nhi";
        let Reply::Answer(answer) = dialer.send(request).unwrap() else {
            panic!()
        };
        let json = answer.json().unwrap();
        assert_eq!(json["target"], "/a?b");
        assert_eq!(json["fields"][1][1], "1");
        assert_eq!(json["body_length"], 2);
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let Reply::Answer(answer) = dialer.send(chunked).unwrap() else {
            panic!()
        };
        assert_eq!(answer.json().unwrap()["body_length"], 3);
        assert!(
            String::from_utf8(echo.seen())
                .unwrap()
                .contains("\r\n\r\nhi")
        );
    }
}
