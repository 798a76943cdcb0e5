//! An origin that reads what it is sent.
//!
//! Owns six answers: a small one at once, one as long as the path says, how much of a body came, an
//! answer after ten milliseconds for eight requests at a time and no more, events, and WebSocket messages
//! as they came. One thread for each core, all on one port of the loopback interface.

use std::{
    fmt::Write as _,
    io,
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{LocalSet, spawn_local},
};

use crate::{
    message::{self, HEAD, Request, odd},
    websocket,
};

/// The small answer, as that of an API is.
const SMALL: &str = "{\"students\":[{\"id\":1041,\"name\":\"A. Doe\",\"level\":\"B1\"},\
                     {\"id\":1042,\"name\":\"B. Sample\",\"level\":\"A2\"}]}";

/// How many requests `/slow` works on at a time, and how long on each.
const SLOW: (usize, Duration) = (8, Duration::from_millis(10));

/// Events of `/events`, and the time between them.
const EVENTS: (usize, Duration) = (10, Duration::from_millis(50));

/// Bytes read at once.
const BUFFER: usize = 64 * 1024;

/// Says where it listens, and serves until it is ended.
pub(crate) fn serve() -> io::Result<()> {
    let (address, threads) = begin()?;
    println!("{}", serde_json::json!({ "address": address }));
    for thread in threads {
        let lost = |_| Err(io::Error::other("a thread of the origin was lost"));
        thread.join().unwrap_or_else(lost)?;
    }
    Ok(())
}

/// Serves as long as the process lives.
#[cfg(test)]
pub(crate) fn start() -> io::Result<SocketAddr> {
    begin().map(|(address, _)| address)
}

type Threads = Vec<JoinHandle<io::Result<()>>>;

fn begin() -> io::Result<(SocketAddr, Threads)> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let room = Arc::new(Semaphore::new(SLOW.0));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = (0..cores).map(|_| {
        let (listener, room) = (listener.try_clone()?, Arc::clone(&room));
        Ok(thread::spawn(move || accept(listener, &room)))
    });
    Ok((address, threads.collect::<io::Result<_>>()?))
}

fn accept(listener: std::net::TcpListener, room: &Arc<Semaphore>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let room = Arc::clone(room);
                    spawn_local(async move {
                        // A peer that breaks off is the proxy's business.
                        let _ = Conversation::new(stream, room).serve().await;
                    });
                }
                // Descriptors come back when connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
}

struct Conversation {
    stream: TcpStream,
    buffer: Vec<u8>,
    room: Arc<Semaphore>,
}

impl Conversation {
    const fn new(stream: TcpStream, room: Arc<Semaphore>) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            room,
        }
    }

    async fn serve(&mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        loop {
            let Some(request) = self.head().await? else {
                return Ok(());
            };
            if request.fields.upgrade {
                return self.echo().await;
            }
            let received = self.body(&request).await?;
            self.answer(&request, received).await?;
            if request.fields.close {
                return self.stream.shutdown().await;
            }
        }
    }

    /// The next head; `None` where the peer is done.
    async fn head(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some(request) = message::request(&self.buffer)? {
                self.buffer.drain(..request.size);
                return Ok(Some(request));
            }
            if self.buffer.len() > HEAD {
                return Err(odd("a head that does not end"));
            }
            self.buffer.reserve(4096);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the body and answers how long it was.
    async fn body(&mut self, request: &Request) -> io::Result<u64> {
        let (mut body, mut received) = (request.body(), 0);
        loop {
            let (taken, content) = body.take(&self.buffer)?;
            self.buffer.drain(..taken);
            received += content;
            if body.ended() {
                return Ok(received);
            }
            self.more().await?;
        }
    }

    async fn answer(&mut self, request: &Request, received: u64) -> io::Result<()> {
        let path = request.path.split('?').next().unwrap_or_default();
        let text = match path.rsplit_once('/').map_or(path, |(_, last)| last) {
            "events" => return self.events().await,
            "slow" => {
                let _place = self.room.acquire().await.map_err(io::Error::other)?;
                tokio::time::sleep(SLOW.1).await;
                SMALL.to_owned()
            }
            "upload" | "hook" => format!("{{\"received\":{received}}}"),
            size => size
                .parse::<usize>()
                .map_or_else(|_| SMALL.to_owned(), |size| "a".repeat(size.min(1 << 20))),
        };
        let length = text.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.write_all((head + &text).as_bytes()).await
    }

    async fn events(&mut self) -> io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).await?;
        for number in 0..EVENTS.0 {
            tokio::time::sleep(EVENTS.1).await;
            let event = format!("data: {number}\n\n");
            let mut chunk = String::new();
            let _ = write!(chunk, "{:x}\r\n{event}\r\n", event.len());
            self.stream.write_all(chunk.as_bytes()).await?;
        }
        self.stream.write_all(b"0\r\n\r\n").await
    }

    /// Agrees to a WebSocket and sends back what comes, until it is closed.
    async fn echo(&mut self) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            websocket::ACCEPT
        );
        self.stream.write_all(head.as_bytes()).await?;
        let mut out = Vec::new();
        loop {
            while let Some(frame) = websocket::read(&self.buffer)? {
                websocket::write(&frame.message(&self.buffer), frame.close, false, &mut out);
                self.buffer.drain(..frame.end);
                if frame.close {
                    self.stream.write_all(&out).await?;
                    return self.stream.shutdown().await;
                }
            }
            self.stream.write_all(&out).await?;
            out.clear();
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        self.buffer.reserve(BUFFER);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
