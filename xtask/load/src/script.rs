//! What a connection says, as bytes that are made once.

use crate::{
    spec::{self, Talk},
    websocket,
};

/// The bytes of an exchange, made once.
pub(crate) struct Script {
    /// The request, or the frame of a WebSocket.
    pub(crate) bytes: Vec<u8>,
    /// What opens a WebSocket, and the length of a message.
    pub(crate) upgrade: Option<(Vec<u8>, usize)>,
    /// The length a right answer has.
    pub(crate) length: Option<u64>,
}

impl Script {
    pub(crate) fn of(talk: &Talk) -> Self {
        match talk {
            Talk::Request {
                method,
                path,
                headers,
                body,
                chunked,
                answer,
            } => Self {
                bytes: spec::request(method, path, headers, *body, *chunked),
                upgrade: None,
                length: *answer,
            },
            Talk::Echo {
                path,
                headers,
                message,
            } => {
                let mut all = headers.clone();
                all.extend([
                    "Connection: Upgrade".to_owned(),
                    "Upgrade: websocket".to_owned(),
                    "Sec-WebSocket-Version: 13".to_owned(),
                    format!("Sec-WebSocket-Key: {}", websocket::KEY),
                ]);
                let mut bytes = Vec::new();
                websocket::write(&vec![b'a'; *message], false, true, &mut bytes);
                let upgrade = spec::request("GET", path, &all, 0, false);
                Self {
                    bytes,
                    upgrade: Some((upgrade, *message)),
                    length: None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_is_opened_by_a_request_and_spoken_in_frames() {
        let script = Script::of(&Talk::Echo {
            path: "/ws".to_owned(),
            headers: vec!["Host: a".to_owned()],
            message: 3,
        });
        let (upgrade, message) = script.upgrade.unwrap();
        let upgrade = String::from_utf8(upgrade).unwrap();
        assert!(upgrade.starts_with("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"));
        assert_eq!(message, 3);
        let frame = websocket::read(&script.bytes).unwrap().unwrap();
        assert_eq!(frame.message(&script.bytes), b"aaa");
    }
}
