//! Clients that are slow, that leave, and that talk nonsense.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::account::Seen;
use crate::message;

/// Bytes of the answer that is read slowly, as the origin reads it off the path.
const LARGE: u64 = 1 << 20;

/// What no strict parser takes for a request; `{host}` is the field that would be right.
const NONSENSE: &[&str] = &[
    "GET /open HTTP/1.1\r\n{host}\r\n{host}\r\n\r\n",
    "GET /open HTTP/1.1\r\n\r\n",
    "GET /open HTTP/1.1\r\n{host}\r\nA : b\r\n\r\n",
    "GET /open HTTP/1.1\r\n{host}\r\nA: b\r\n folded\r\n\r\n",
    "POST /open HTTP/1.1\r\n{host}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /open HTTP/1.1\r\n{host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "GET /open/..%2fapi HTTP/1.1\r\n{host}\r\n\r\n",
    "GET /open%00 HTTP/1.1\r\n{host}\r\n\r\n",
    "\0\0\0\0\r\n\r\n",
];

/// Reads a large answer a piece at a time.
pub(super) async fn read_slowly(address: SocketAddr, host: &str) -> io::Result<Seen> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /open/{LARGE} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    judge(&bytes, 200, Some(LARGE))
}

/// Sends a request a few bytes at a time.
pub(super) async fn write_slowly(address: SocketAddr, host: &str) -> io::Result<Seen> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "POST /open/upload HTTP/1.1\r\n{host}\r\nConnection: close\r\n\
                           Content-Length: 40\r\n\r\n{}",
        "a".repeat(40)
    );
    for piece in request.as_bytes().chunks(7) {
        stream.write_all(piece).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    judge(&bytes, 200, Some("{\"received\":40}".len() as u64))
}

/// Leaves: in the middle of a head, of a body, of an answer, or before it.
pub(super) async fn leave(address: SocketAddr, host: &str, count: u64) -> io::Result<Seen> {
    let mut stream = TcpStream::connect(address).await?;
    let sent = match count % 4 {
        0 => format!("GET /open HTTP/1.1\r\n{host}\r\nX-Half"),
        1 => format!("POST /open/upload HTTP/1.1\r\n{host}\r\nContent-Length: 100000\r\n\r\nhalf"),
        2 => format!("GET /open/{LARGE} HTTP/1.1\r\n{host}\r\n\r\n"),
        _ => format!("GET /open/slow HTTP/1.1\r\n{host}\r\n\r\n"),
    };
    stream.write_all(sent.as_bytes()).await?;
    if count % 4 == 2 {
        let _ = stream.read(&mut [0; 512]).await?;
    }
    Ok(Seen::Left)
}

/// Says something that must be refused, and sees the connection closed.
pub(super) async fn babble(address: SocketAddr, host: &str, count: u64) -> io::Result<Seen> {
    let at = usize::try_from(count).unwrap_or(0) % NONSENSE.len();
    let said = NONSENSE.get(at).unwrap_or(&"").replace("{host}", host);
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(said.as_bytes()).await?;
    stream.shutdown().await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    judge(&bytes, 400, None)
}

/// The status of a whole answer, and whether it and the length of its body are right.
fn judge(bytes: &[u8], status: u16, length: Option<u64>) -> io::Result<Seen> {
    let head = message::answer(bytes)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let (mut body, rest) = (head.body(), bytes.get(head.size..).unwrap_or_default());
    let (taken, content) = body.take(rest)?;
    if !body.ended() && body != message::Body::Close {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let wrong = if head.status != status {
        Some(format!("instead of {status}"))
    } else if taken < rest.len() {
        Some("bytes beyond the answer".to_owned())
    } else {
        let other = length.filter(|length| *length != content);
        other.map(|length| format!("{content} bytes instead of {length}"))
    };
    Ok(match wrong {
        None => Seen::Right(head.status),
        Some(why) => Seen::Wrong(head.status, why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_right_by_its_status_and_its_length() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(judge(answer, 200, Some(2)).unwrap(), Seen::Right(200));
        assert!(matches!(
            judge(answer, 400, None).unwrap(),
            Seen::Wrong(200, _)
        ));
        assert!(matches!(
            judge(answer, 200, Some(3)).unwrap(),
            Seen::Wrong(200, _)
        ));
        assert!(judge(&answer[..answer.len() - 1], 200, None).is_err());
        let more = [&answer[..], b"more"].concat();
        assert!(matches!(
            judge(&more, 200, Some(2)).unwrap(),
            Seen::Wrong(200, _)
        ));
    }
}
