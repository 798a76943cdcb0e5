//! A gate on port 0, a scripted origin behind it and a client that speaks bytes.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly, and each uses its own part of this"
)]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

mod gate;
pub(crate) use gate::*;

/// Longest time anything here waits for a byte before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// One end of a connection, read and written as bytes.
pub(crate) struct Wire {
    reader: BufReader<TcpStream>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether a field of that name, in lower case, stands in the head.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.reader.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends as much as the other side still takes.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.reader.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// Reads lines up to and including the empty one.
    pub(crate) fn head(&mut self) -> String {
        self.try_head().expect("a head")
    }

    /// As [`Wire::head`], or nothing at the end of the stream.
    pub(crate) fn try_head(&mut self) -> Option<String> {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            match self.reader.read_line(&mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            head.push_str(&line);
            if line == "\r\n" {
                return Some(head);
            }
        }
    }

    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn try_exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// One chunk's data; empty for the last one.
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        self.try_chunk().expect("a chunk")
    }

    pub(crate) fn try_chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.strip_suffix("\r\n")?, 16).ok()?;
        let data = self.try_exactly(size)?;
        (self.try_exactly(2)? == b"\r\n").then_some(data)
    }

    /// A body of which the head is known.
    pub(crate) fn body(&mut self, head: &str) -> Vec<u8> {
        self.try_body(head).expect("a body")
    }

    /// As [`Wire::body`], or nothing when it breaks off.
    pub(crate) fn try_body(&mut self, head: &str) -> Option<Vec<u8>> {
        let lower = head.to_ascii_lowercase();
        if lower.contains("transfer-encoding: chunked") {
            let mut body = Vec::new();
            loop {
                let data = self.try_chunk()?;
                if data.is_empty() {
                    return Some(body);
                }
                body.extend(data);
            }
        }
        match lower.split_once("content-length: ") {
            Some((_, rest)) => self.try_exactly(rest.lines().next()?.trim().parse().ok()?),
            None => Some(Vec::new()),
        }
    }

    /// A whole answer to a request that was not HEAD; one without length is read to the end.
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let status: u16 = head[9..12].parse().unwrap();
        let lower = head.to_ascii_lowercase();
        let framed = lower.contains("content-length") || lower.contains("transfer-encoding");
        let body = if framed || status == 204 || status == 304 || status < 200 {
            self.body(&head)
        } else {
            self.rest()
        };
        Answer { status, head, body }
    }

    /// Everything up to the end of the stream, however it ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match self.reader.read(&mut piece) {
                Ok(0) => return bytes,
                Err(fault) if is_timeout(&fault) => panic!("still open after {PATIENCE:?}"),
                Err(_) => return bytes,
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
            }
        }
    }

    /// As [`Wire::head`], for one that may be a while in coming.
    pub(crate) fn head_whenever(&mut self) -> String {
        let stream = self.reader.get_ref();
        stream.set_read_timeout(Some(6 * PATIENCE)).unwrap();
        self.head()
    }

    /// As [`Wire::rest`], for an end that may be a while in coming.
    pub(crate) fn rest_whenever(&mut self) -> Vec<u8> {
        let stream = self.reader.get_ref();
        stream.set_read_timeout(Some(6 * PATIENCE)).unwrap();
        self.rest()
    }

    /// Whether the stream is at its end, or gets there without another byte.
    pub(crate) fn ended(&mut self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn say_no_more(&self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Write);
    }
}

fn is_timeout(fault: &std::io::Error) -> bool {
    matches!(
        fault.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

/// An origin that runs a script for each connection, which gets its number, counted from 0.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    pub(crate) fn scripted(script: impl Fn(usize, Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (script, counted) = (Arc::new(script), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                thread::spawn(move || script(number, Wire::new(stream)));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// One that answers each request with `answer(head, body)` and keeps its connections.
    pub(crate) fn answering(
        answer: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::scripted(move |_, mut wire| {
            while let Some(head) = wire.try_head() {
                let body = wire.body(&head);
                if !wire.try_send(answer(&head, &body)) {
                    return;
                }
            }
        })
    }

    /// One that gives back each request as the body of its answer.
    pub(crate) fn mirror() -> Self {
        Self::answering(|head, body| ok(&[head.as_bytes(), body].concat()))
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A 200 with this body.
pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A GET of `/path` for the gate's name.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: gate.test\r\n\r\n")
}
