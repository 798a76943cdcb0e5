//! The admin surface of an instance, as `prove` uses it.
//!
//! Owns a blocking client for JSON over the admin socket. Trusts the instance behind the socket,
//! whose file only its owner may open; refuses answers that are not what was asked for.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use control::{
    Clock,
    probe::{Answer, Reply, TargetError},
};
use serde_json::Value;

use crate::http;

/// The admin socket of one instance.
#[derive(Clone)]
pub struct Admin {
    socket: PathBuf,
    clock: Arc<dyn Clock>,
}

/// Why the admin surface did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Nothing listens on the socket.
    #[error("nothing runs behind {}: {cause}", socket.display())]
    Nobody {
        /// The socket.
        socket: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// Another user's process listens on the socket.
    #[error("another user listens on {}", socket.display())]
    Impostor {
        /// The socket.
        socket: PathBuf,
    },
    /// It answered, but not as the contract says.
    #[error("the instance answered {0}")]
    Strange(String),
    /// It refused.
    #[error("the instance refused with {status}: {error}{}", hint.as_deref().map(|hint| format!("; hint: {hint}")).unwrap_or_default())]
    Refused {
        /// Status of the answer.
        status: u16,
        /// Its own words.
        error: String,
        /// What it says to do next.
        hint: Option<String>,
    },
}

impl Admin {
    /// The surface behind `socket`; nothing is dialled yet.
    #[must_use]
    pub fn new(socket: &Path, clock: Arc<dyn Clock>) -> Self {
        Self {
            socket: socket.to_owned(),
            clock,
        }
    }

    /// The clock it measures its limits with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Asks for `path`.
    pub fn get(&self, path: &str) -> Result<Value, AdminError> {
        self.ask("GET", path, None)
    }

    /// Sends `body` to `path`.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, AdminError> {
        self.ask("POST", path, Some(body))
    }

    /// Deletes `path`.
    pub fn delete(&self, path: &str) -> Result<Value, AdminError> {
        self.ask("DELETE", path, None)
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, AdminError> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let nobody = |cause: std::io::Error| AdminError::Nobody {
            socket: self.socket.clone(),
            cause: cause.to_string(),
        };
        let mut stream = UnixStream::connect(&self.socket).map_err(nobody)?;
        if !is_trusted(&stream) {
            return Err(AdminError::Impostor {
                socket: self.socket.clone(),
            });
        }
        match http::exchange(&mut stream, request.as_bytes(), self.clock.as_ref()) {
            Ok(Reply::Answer(answer)) => understand(&answer),
            Ok(Reply::Closed) => Err(AdminError::Strange("nothing and closed".to_owned())),
            Ok(Reply::TimedOut) => Err(AdminError::Strange("nothing in time".to_owned())),
            Err(cause) => Err(AdminError::Strange(cause.to_string())),
        }
    }
}

/// Whether the process behind the socket is of this user or root's; root itself asks whomever it was
/// pointed at.
fn is_trusted(stream: &UnixStream) -> bool {
    let own = nix::unistd::geteuid();
    own.is_root()
        || nix::sys::socket::getsockopt(stream, nix::sys::socket::sockopt::PeerCredentials)
            .is_ok_and(|peer| peer.uid() == own.as_raw() || peer.uid() == 0)
}

fn understand(answer: &Answer) -> Result<Value, AdminError> {
    let json = answer.json();
    if (200..300).contains(&answer.status) {
        return match json {
            Some(json) => Ok(json),
            None if answer.body.is_empty() => Ok(Value::Null),
            None => Err(AdminError::Strange(format!(
                "{} without JSON",
                answer.status
            ))),
        };
    }
    let word = |key: &str| {
        json.as_ref()
            .and_then(|json| json.get(key)?.as_str().map(str::to_owned))
    };
    Err(AdminError::Refused {
        status: answer.status,
        error: word("error").unwrap_or_else(|| "without a reason".to_owned()),
        hint: word("hint"),
    })
}

/// The text under `key` of an answer.
pub(crate) fn text(answer: &Value, key: &str) -> Result<String, AdminError> {
    answer
        .get(key)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| AdminError::Strange(format!("without `{key}`")))
}

/// Turns a failure of the admin surface into one of the target.
pub(crate) fn while_doing(doing: &'static str) -> impl Fn(AdminError) -> TargetError {
    move |cause| TargetError::new(doing, cause)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        os::unix::net::UnixListener,
        thread,
    };

    use control::SystemClock;
    use serde_json::json;

    use super::*;

    /// Answers one request and gives back what it read.
    fn once(answer: &'static str) -> (tempfile::TempDir, Admin, thread::JoinHandle<String>) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.strip_prefix("Content-Length: ") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            head + std::str::from_utf8(&body).unwrap()
        });
        let admin = Admin::new(&socket, Arc::new(SystemClock::new()));
        (folder, admin, server)
    }

    #[test]
    fn json_goes_both_ways() {
        let (_folder, admin, server) =
            once("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"id\":\"k1\"}");
        let answer = admin.post("/v1/prove/key", &json!({"scopes": []})).unwrap();
        assert_eq!(text(&answer, "id").unwrap(), "k1");
        assert!(text(&answer, "key").is_err());
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /v1/prove/key HTTP/1.1\r\n"));
        assert!(request.ends_with("{\"scopes\":[]}"));
    }

    #[test]
    fn a_refusal_carries_its_hint() {
        let (_folder, admin, server) = once(
            "HTTP/1.1 409 Conflict\r\nconnection: close\r\n\r\n{\"error\":\"no such key\",\"hint\":\"list them\"}",
        );
        let refused = admin.delete("/v1/keys/x").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the instance refused with 409: no such key; hint: list them"
        );
        server.join().unwrap();
    }

    #[test]
    fn nobody_behind_the_socket_is_said_plainly() {
        let folder = tempfile::tempdir().unwrap();
        let admin = Admin::new(
            &folder.path().join("none.sock"),
            Arc::new(SystemClock::new()),
        );
        assert!(matches!(
            admin.get("/v1/instance"),
            Err(AdminError::Nobody { .. })
        ));
    }
}
