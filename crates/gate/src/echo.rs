//! The gate's own echo: the upstream of ticketed requests.
//!
//! Owns a small HTTP/1.1 listener on loopback that answers with what an app would have received:
//! method, target, fields in order, length and digest of the body; or, where the request says so, with
//! what came with it: JSON as an app with rows would, errors, tables and cookies as a careless one. Keeps no
//! body, however long it is. Refuses bodies without a length, and more than a few connections at once. Keeps
//! nothing, decides nothing; whoever
//! reaches it without the gate learns only what they sent.

use std::{io, net::Ipv4Addr, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use wire::{BodyFraming, HeadLimits, Parsed, Request, RequestHead};

use crate::core::Gate;

/// Most connections at once.
const CONNECTIONS: usize = 64;

/// Longest body: nothing of it is kept, so this bounds only how long one may take.
const LONGEST: u64 = 1 << 40;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// How long one exchange may take, idle time between two included.
const PATIENCE: Duration = Duration::from_secs(30);

/// The gate's head writer adds at most this much to what a client may send.
const ADDED: u32 = 8 << 10;

const LIMITS: HeadLimits = HeadLimits {
    line: HeadLimits::REQUEST.line * 8,
    block: HeadLimits::REQUEST.block * 8 + ADDED,
    fields: HeadLimits::REQUEST.fields,
    http10_without_host: false,
};

/// Starts the echo on the gate's service runtime and tells the gate where it listens.
///
/// # Errors
///
/// When loopback has no port to give.
pub fn start(gate: &Arc<Gate>) -> io::Result<()> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let _guard = gate.service.enter();
    let listener = TcpListener::from_std(listener)?;
    gate.service.spawn(accept(listener));
    gate.echo_at(address);
    Ok(())
}

async fn accept(listener: TcpListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    // A connection that breaks is its own affair.
                    let _ = serve(stream).await;
                    drop(permit);
                });
            }
            // Out of descriptors, or a peer that left early: the next one may do better.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    let mut head = RequestHead::new();
    loop {
        let whole = timeout(PATIENCE, exchange(&mut stream, &mut buffer, &mut head)).await;
        if !matches!(whole, Ok(Ok(true))) {
            return stream.shutdown().await;
        }
    }
}

/// Answers one request. `false` means that the connection ends.
async fn exchange(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    head: &mut RequestHead,
) -> io::Result<bool> {
    head.clear();
    let length = loop {
        match head.parse(buffer, &LIMITS) {
            Ok(Parsed::Complete { len }) => break len,
            Ok(Parsed::Incomplete) if buffer.len() <= LIMITS.largest() => {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(false);
                }
            }
            Ok(Parsed::Incomplete) | Err(_) => return Ok(false),
        }
    };
    let body = match head.request(buffer).framing() {
        BodyFraming::None => 0,
        BodyFraming::Length(length) if length <= LONGEST => length,
        // The gate has a ticketed body whole before it sends it, with its length.
        BodyFraming::Length(_) | BodyFraming::Chunked | BodyFraming::UntilClose => {
            return Ok(false);
        }
    };
    // An upload may be long, so of a body only its digest is kept.
    let rest = buffer.split_off(length);
    let taken = usize::try_from(body).unwrap_or(usize::MAX).min(rest.len());
    let (here, ahead) = rest.split_at(taken);
    let mut digest = seal::Sha256::new();
    digest.update(here);
    let mut left = body.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
    let mut piece = Vec::with_capacity(PIECE);
    while left > 0 {
        piece.clear();
        let mut source = (&mut *stream).take(left.min(PIECE as u64));
        let count = source.read_buf(&mut piece).await?;
        if count == 0 {
            return Ok(false);
        }
        digest.update(&piece);
        left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
    }
    let request = head.request(buffer);
    let keep = request.keep_alive();
    let answer = answer(&request, body, &digest.finish());
    stream.write_all(&answer).await?;
    *buffer = ahead.to_vec();
    Ok(keep)
}

/// Names the field with the JSON that is to be the answer, in base64.
const ANSWER: &[u8] = b"x-echo-answer";

/// Names the field with the head that is to be the answer's, in base64: a status in its first line, and
/// a field in each of the others.
const HEAD: &[u8] = b"x-echo-head";

/// Whether `request` asks for an answer of its own.
pub(crate) fn has_answer(request: &Request<'_>) -> bool {
    let mut fields = request.fields();
    fields.any(|field| field.name().eq_ignore_ascii_case(ANSWER))
}

/// What the request says in base64 under this name.
fn wished(request: &Request<'_>, name: &[u8]) -> Option<String> {
    let mut fields = request.fields();
    let field = fields.find(|field| field.name().eq_ignore_ascii_case(name))?;
    let bytes = seal::encode::unbase64(std::str::from_utf8(field.value()).ok()?).ok()?;
    String::from_utf8(bytes).ok()
}

/// The status and the fields of the answer, each line ended. What frames it is never wished for.
fn head(request: &Request<'_>) -> (u16, String) {
    let otherwise = || (200, "Content-Type: application/json\r\n".to_owned());
    let Some(wished) = wished(request, HEAD) else {
        return otherwise();
    };
    let mut lines = wished.lines();
    let status = lines.next().and_then(|line| line.parse().ok());
    let Some(status) = status.filter(|status| (200..600).contains(status)) else {
        return otherwise();
    };
    let framing = ["content-length", "transfer-encoding", "connection"];
    let frames = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        framing.iter().any(|one| name.eq_ignore_ascii_case(one))
    };
    let fields = lines.filter(|line| !frames(line));
    (status, fields.map(|line| format!("{line}\r\n")).collect())
}

/// What was received, as the answer's bytes.
fn answer(request: &Request<'_>, length: u64, digest: &[u8; 32]) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields: Vec<[String; 2]> = request
        .fields()
        .map(|field| [text(field.name()), text(field.value())])
        .collect();
    let received = || {
        json!({
            "echo": true,
            "method": text(request.method_bytes()),
            "target": text(request.target()),
            "fields": fields,
            "body_sha256": seal::encode::hex(digest),
            "body_length": length,
        })
        .to_string()
    };
    let content = wished(request, ANSWER).unwrap_or_else(received);
    let (status, fields) = head(request);
    // As a careless app does, which the gate must not let pass.
    let origin = request.value(wire::Name::Origin).map_or_else(String::new, |origin| {
        let origin = text(origin);
        format!("Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\n")
    });
    let mut answer = format!(
        "HTTP/1.1 {status} {}\r\n{fields}{origin}Content-Length: {}\r\n\r\n",
        if status == 200 { "OK" } else { "As asked" },
        content.len()
    )
    .into_bytes();
    if request.method() != wire::Method::Head {
        answer.extend_from_slice(content.as_bytes());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn spoken(sent: &[u8]) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(accept(listener));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        serving.abort();
        heard
    }

    #[tokio::test]
    async fn the_answer_says_what_was_received_in_order() {
        let heard = spoken(
            b"POST /hook?a=1 HTTP/1.1\r\nHost: app\r\nX-B: 2\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nbody",
        )
        .await;
        let (_, body) = heard.split_once("\r\n\r\n").unwrap();
        let said: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(said["echo"], true);
        assert_eq!(
            (&said["method"], &said["target"]),
            (&json!("POST"), &json!("/hook?a=1"))
        );
        assert_eq!(said["fields"][1], json!(["X-B", "2"]));
        assert_eq!(said["fields"][2], json!(["X-A", "1"]));
        assert_eq!(said["body_length"], 4);
        assert_eq!(
            said["body_sha256"],
            seal::encode::hex(&seal::sha256(b"body"))
        );
    }

    #[tokio::test]
    async fn an_answer_is_what_was_asked_for_and_framed_by_the_echo() {
        let encoded = |text: &str| seal::encode::base64(text.as_bytes());
        let head = encoded("500\nContent-Type: text/plain\nContent-Length: 1\nServer: a");
        let heard = spoken(
            format!(
                "GET / HTTP/1.1\r\nHost: app\r\nX-Echo-Head: {head}\r\nX-Echo-Answer: {}\r\n\r\n",
                encoded("a trace")
            )
            .as_bytes(),
        )
        .await;
        assert_eq!(
            heard,
            "HTTP/1.1 500 As asked\r\nContent-Type: text/plain\r\nServer: a\r\n\
             Content-Length: 7\r\n\r\na trace"
        );
    }

    #[tokio::test]
    async fn one_connection_carries_several_requests() {
        let one = "GET / HTTP/1.1\r\nHost: app\r\n\r\n";
        let heard = spoken(one.repeat(3).as_bytes()).await;
        assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 3);
    }

    #[tokio::test]
    async fn a_long_body_is_read_to_its_end_and_a_body_without_length_is_not_read() {
        let body = vec![b'x'; 3 * PIECE + 7];
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let get = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n";
        let heard = spoken(&[head.as_bytes(), &body, get].concat()).await;
        assert!(heard.contains(&seal::encode::hex(&seal::sha256(&body))));
        assert_eq!(heard.matches("HTTP/1.1 200 OK").count(), 2);
        let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(spoken(chunked).await, "");
    }
}
