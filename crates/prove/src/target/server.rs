//! A small HTTP server on loopback, for the peers that a proof brings along.
//!
//! Owns its threads and the reading of requests. It trusts its client, the gate of a child, and still
//! limits size and time.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Bytes of one request.
const LARGEST: usize = 4 << 20;
/// How long it waits for the next bytes of a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// What answers: status and JSON.
pub(super) type Answering = dyn Fn(&Request) -> (u16, String) + Send + Sync;

/// A running server; stops when dropped.
pub(super) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts on a free loopback port.
    pub(super) fn start(answering: Box<Answering>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (answering, stopped) = (Arc::<Answering>::from(answering), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    let answering = Arc::clone(&answering);
                    std::thread::spawn(move || serve(stream, &*answering));
                }
            }
        });
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The accept loop looks at the flag only when somebody knocks.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, answering: &Answering) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer) {
        let (status, body) = answering(&request);
        let answer = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
            body.len(),
            if request.method == "HEAD" { "" } else { &body }
        );
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A request as it was received.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Head and body as they came.
    pub(super) raw: Vec<u8>,
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
