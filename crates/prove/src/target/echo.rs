//! A stand-in app.
//!
//! Owns a small thread server that answers every request with what it received and remembers it. It
//! stands behind a child, so that a proof on a child can read what reached the app. It trusts its
//! client, the child's gate, and still limits size and time.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::json;

/// Bytes of one request.
const LARGEST: usize = 4 << 20;
/// Bytes it remembers in all.
const MEMORY: usize = 32 << 20;
/// How long it waits for the next bytes of a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running stand-in app; stops when dropped.
pub struct Echo {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Starts on a free loopback port.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (memory, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    let memory = Arc::clone(&memory);
                    std::thread::spawn(move || serve(stream, &memory));
                }
            }
        });
        Ok(Self {
            address,
            seen,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The accept loop looks at the flag only when somebody knocks.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<u8>>) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer) {
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() < MEMORY {
                seen.extend_from_slice(&request.raw);
            }
        }
        let body = json!({
            "echo": true,
            "method": request.method,
            "target": request.target,
            "fields": request.fields,
            "body_sha256": seal::encode::hex(&seal::sha256(&request.body)),
            "body_length": request.body.len(),
        })
        .to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
            body.len(),
            if request.method == "HEAD" { "" } else { &body }
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

struct Request {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    raw: Vec<u8>,
}

fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, buffer)?;
    };
    let mut raw: Vec<u8> = buffer.drain(..head).collect();
    let text = String::from_utf8_lossy(&raw).into_owned();
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let field = |name: &str| {
        fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    let body = if field("transfer-encoding").is_some() {
        chunks(stream, buffer)?
    } else {
        let length = field("content-length").map_or(Some(0), |value| value.parse().ok())?;
        take(stream, buffer, length)?
    };
    raw.extend_from_slice(&body);
    Some(Request {
        method,
        target,
        fields,
        body,
        raw,
    })
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 8192];
    let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
    buffer.extend_from_slice(part.get(..read)?);
    (buffer.len() <= LARGEST).then_some(())
}

fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    if length > LARGEST {
        return None;
    }
    while buffer.len() < length {
        more(stream, buffer)?;
    }
    Some(buffer.drain(..length).collect())
}

fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(2).position(|two| two == b"\r\n") {
                break end;
            }
            more(stream, buffer)?;
        };
        let line: Vec<u8> = buffer.drain(..end + 2).take(end).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?, 16).ok()?;
        let chunk = take(stream, buffer, size.checked_add(2)?)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk.get(..size)?);
        if body.len() > LARGEST {
            return None;
        }
    }
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
