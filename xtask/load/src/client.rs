//! One connection of the generator.
//!
//! Owns dialling, the handshakes of TLS and WebSocket, and one exchange at a time. Reads every answer
//! to its end and refuses bytes beyond it.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    message::{self, HEAD, odd},
    tls::{self, Tls},
    websocket,
};

/// Room for a head and a small body, which is all that ten thousand connections should hold each.
const SMALL: usize = 4 * 1024;

/// Room for what comes of a body that did not arrive with its head.
const LARGE: usize = 64 * 1024;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

pub(crate) struct Client {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// Whether TLS resumed a session; `None` without TLS.
    pub(crate) resumed: Option<bool>,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Bytes of the body.
    pub(crate) length: u64,
    /// Whether the connection ends with it.
    pub(crate) last: bool,
}

impl Client {
    pub(crate) async fn dial(address: SocketAddr, tls: Option<&Tls>) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (stream, resumed): (Box<dyn Stream>, _) = match tls {
            None => (Box::new(stream), None),
            Some(tls) => {
                let stream = tls.shake(stream).await?;
                let resumed = tls::resumed(&stream);
                (Box::new(stream), Some(resumed))
            }
        };
        Ok(Self {
            stream,
            buffer: Vec::new(),
            resumed,
        })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        // Who refuses a body early may close before it is sent; the answer is there all the same.
        let sent = self.send(request).await;
        let answer = self.answer().await;
        match sent {
            Err(fault) if answer.is_err() => Err(fault),
            _ => answer,
        }
    }

    /// Opens a WebSocket.
    pub(crate) async fn upgrade(&mut self, request: &[u8]) -> io::Result<()> {
        let answer = self.ask(request).await?;
        if answer.status == 101 {
            return Ok(());
        }
        Err(odd("the WebSocket was refused"))
    }

    /// Sends a masked frame and waits until its message comes back.
    pub(crate) async fn echo(&mut self, frame: &[u8], message: usize) -> io::Result<Answer> {
        self.send(frame).await?;
        let frame = loop {
            if let Some(frame) = websocket::read(&self.buffer)? {
                break frame;
            }
            self.more(SMALL).await?;
        };
        let length = frame.message(&self.buffer).len();
        self.buffer.drain(..frame.end);
        if length != message || frame.close {
            return Err(odd("another message came back"));
        }
        Ok(Answer {
            status: 101,
            length: length as u64,
            last: false,
        })
    }

    /// Says goodbye, so that a TLS peer sees no broken connection.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads until the peer has closed as well, and takes what comes for its goodbye.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        loop {
            match self.more(SMALL).await {
                Ok(()) if self.buffer.len() <= HEAD => {}
                Ok(()) => return Err(odd("a goodbye that does not end")),
                Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(fault) => return Err(fault),
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Reads an answer to its end.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let head = loop {
            if let Some(head) = message::answer(&self.buffer)? {
                break head;
            }
            if self.buffer.len() > HEAD {
                return Err(odd("a head that does not end"));
            }
            self.more(SMALL).await?;
        };
        self.buffer.drain(..head.size);
        let (mut body, mut length) = (head.body(), 0);
        loop {
            let (taken, content) = body.take(&self.buffer)?;
            self.buffer.drain(..taken);
            length += content;
            if body.ended() {
                break;
            }
            match self.more(LARGE).await {
                Err(fault)
                    if body == message::Body::Close
                        && fault.kind() == io::ErrorKind::UnexpectedEof =>
                {
                    break;
                }
                more => more?,
            }
        }
        if head.status != 101 && !self.buffer.is_empty() {
            return Err(odd("bytes beyond the answer"));
        }
        Ok(Answer {
            status: head.status,
            length,
            last: head.fields.close || body == message::Body::Close,
        })
    }

    async fn more(&mut self, room: usize) -> io::Result<()> {
        self.buffer.reserve(room);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
