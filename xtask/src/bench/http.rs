//! One request at a time, by hand: to see that a server answers rightly before it is measured.

use std::{
    io::{self, Read, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Most that is read of an answer.
const LIMIT: u64 = 1 << 20;

/// An answer, read to the end of its connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// `GET path`, with `headers` as `Name: value`, Host among them.
pub(crate) fn get(to: SocketAddr, path: &str, headers: &[String]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    ask(&mut stream, "GET", path, headers)
}

/// `POST path` with a form, as a page of the site itself sends it.
pub(crate) fn post_form(to: SocketAddr, path: &str, host: &str, form: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST {path} HTTP/1.1\r\n{host}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(head.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(LIMIT).read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| io::Error::other("that is no answer of HTTP/1.1"))
}

/// `POST path` without a body, over a Unix socket.
pub(crate) fn post(socket: &Path, path: &str) -> io::Result<Answer> {
    over_socket(socket, "POST", path)
}

/// A request without a body, over a Unix socket.
pub(crate) fn over_socket(socket: &Path, method: &str, path: &str) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let headers = ["Host: admin".to_owned(), "Content-Length: 0".to_owned()];
    ask(&mut stream, method, path, &headers)
}

fn ask(
    stream: &mut (impl Read + io::Write),
    method: &str,
    path: &str,
    headers: &[String],
) -> io::Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(LIMIT).read_to_end(&mut bytes)?;
    parse(&bytes).ok_or_else(|| io::Error::other("that is no answer of HTTP/1.1"))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?.to_owned();
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let body = bytes.get(end + 4..)?.to_vec();
    Some(Answer { status, head, body })
}

/// Ports of the loopback interface that nobody listens on now.
pub(crate) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    // All are held at once, so that they differ.
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_a_head_and_a_body() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n").unwrap();
        assert_eq!((answer.status, &*answer.body), (200, &b"body\r\n"[..]));
        assert_eq!(answer.head, "HTTP/1.1 200 OK\r\nA: b");
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(parse(b"SSH-2.0\r\n\r\n"), None);
    }

    #[test]
    fn free_ports_differ() {
        let [one, two] = free_ports().unwrap();
        assert_ne!(one, two);
    }
}
