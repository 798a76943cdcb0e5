//! The load: the same bytes again and again.
//!
//! Owns an origin that answers as a small API does and a client that waits for each answer. Both
//! are threads of this process and end with it. Refuses an answer that is not 200: what is refused
//! costs something else.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use crate::bench::{ANSWER, HOST};

/// A kind of request.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    line: &'static str,
    /// Fields beside Host.
    fields: &'static [&'static str],
    /// Whether it carries a key.
    pub(crate) keyed: bool,
}

/// What a browser sends.
const BROWSER: &[&str] = &[
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: application/json, text/plain, */*",
    "Accept-Language: en-GB,en;q=0.9",
    "Accept-Encoding: gzip, deflate, br",
    "Referer: https://bench.example/students",
    "Cookie: session=5f2a7c0e1d8b4f6a; theme=dark",
    "Cache-Control: no-cache",
    "Sec-Fetch-Mode: cors",
    "Connection: keep-alive",
];

/// Every kind that is profiled.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "pass-through",
        line: "GET / HTTP/1.1",
        fields: &[],
        keyed: false,
    },
    Case {
        name: "pass-through, 10 fields",
        line: "GET / HTTP/1.1",
        fields: BROWSER,
        keyed: false,
    },
    Case {
        name: "full chain",
        line: "GET /api HTTP/1.1",
        fields: &[],
        keyed: true,
    },
    Case {
        name: "full chain, 11 fields",
        line: "GET /api HTTP/1.1",
        fields: BROWSER,
        keyed: true,
    },
];

/// What is asked for, in words.
pub(crate) const ABOUT: &str = "The cases without a number of fields ask as wrk does, with Host \
                                alone and, in the full chain, a key; the answer has five fields \
                                and 99 bytes.";

impl Case {
    /// Its bytes.
    pub(crate) fn request(&self, key: &str) -> Vec<u8> {
        let mut text = format!("{}\r\n{HOST}\r\n", self.line);
        for field in self.fields {
            text.push_str(&format!("{field}\r\n"));
        }
        if self.keyed {
            text.push_str(&format!("X-API-Key: {key}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// How long a byte is awaited: a program under callgrind is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts an origin; it lives as long as this process.
pub(crate) fn origin() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n",
        ANSWER.len()
    );
    let whole = [head.as_bytes(), ANSWER.as_bytes()].concat();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        // One request at a time comes on a connection, and none has a body.
        if bytes.ends_with(b"\r\n\r\n") {
            stream.write_all(&whole)?;
            bytes.clear();
        }
    }
}

/// Sends `request` `count` times over one connection, each time waiting for its answer.
pub(crate) fn send(to: SocketAddr, request: &[u8], count: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut bytes = vec![0; 16 * 1024];
    for _ in 0..count {
        stream.write_all(request)?;
        let mut read = 0;
        while !bytes
            .get(..read)
            .is_some_and(|got| got.ends_with(ANSWER.as_bytes()))
        {
            let room = bytes.get_mut(read..).unwrap_or_default();
            match stream.read(room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => read += count,
            }
        }
        if !bytes.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other("the gate answered with another status"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_answers_each_request_it_is_sent() {
        let case = &CASES[1];
        send(origin().unwrap(), &case.request(""), 3).unwrap();
    }

    #[test]
    fn only_a_case_with_a_key_sends_it() {
        for case in CASES {
            let text = String::from_utf8(case.request("secret")).unwrap();
            assert_eq!(text.contains("X-API-Key: secret\r\n"), case.keyed);
            assert!(text.ends_with("\r\n\r\n"));
        }
    }
}
