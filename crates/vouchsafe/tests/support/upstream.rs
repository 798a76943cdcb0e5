//! An app that does what its path says and remembers what it was sent.
//!
//! `/hold` answers once it is told to, `/events` begins a stream of events and ends it once it is
//! told to, `/ws` echoes behind a handshake, `/once` closes behind its answer, everything else
//! answers `200` with `hello` and says under which address it was found in `X-App`.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, socket};

use super::PATIENCE;

/// A request as the app got it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Request line and fields, without the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The values of the fields called `name`.
    pub(crate) fn fields(&self, name: &str) -> Vec<String> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }
}

/// A running app.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Received>>>,
    arrived: Receiver<()>,
    hold: Arc<Hold>,
}

#[derive(Default)]
struct Hold {
    released: Mutex<bool>,
    change: Condvar,
}

impl Hold {
    /// Waits until everything held is released.
    fn wait(&self) {
        let released = self.released.lock().unwrap();
        let waited = self
            .change
            .wait_timeout_while(released, PATIENCE, |released| !*released);
        drop(waited);
    }
}

impl Upstream {
    pub(crate) fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into())
    }

    /// An app on one or all addresses of this machine.
    pub(crate) fn start_on(ip: IpAddr) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, hold) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Hold>::default());
        let (tell, arrived) = channel();
        let (kept, held) = (Arc::clone(&seen), Arc::clone(&hold));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, held, tell) = (Arc::clone(&kept), Arc::clone(&held), tell.clone());
                // A connection that breaks is the business of whoever broke it.
                thread::spawn(move || serve(stream?, &kept, &held, &tell));
            }
        });
        Self {
            address,
            seen,
            arrived,
            hold,
        }
    }

    /// An address on which nobody listens, kept so that nobody will.
    pub(crate) fn nobody() -> (OwnedFd, SocketAddr) {
        let kept = socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        let kept = kept.unwrap();
        let any = SockaddrIn::new(127, 0, 0, 1, 0);
        bind(std::os::fd::AsRawFd::as_raw_fd(&kept), &any).unwrap();
        let bound: SockaddrIn = getsockname(std::os::fd::AsRawFd::as_raw_fd(&kept)).unwrap();
        (kept, SocketAddr::from((bound.ip(), bound.port())))
    }

    /// Everything it was sent so far.
    pub(crate) fn seen(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a request for `/hold` is here.
    pub(crate) fn await_held(&self) {
        self.arrived
            .recv_timeout(PATIENCE)
            .expect("no request came");
    }

    /// Lets every held request be answered.
    pub(crate) fn release(&self) {
        *self.hold.released.lock().unwrap() = true;
        self.hold.change.notify_all();
    }
}

/// Bytes of the answer to `/large`: more than the buffers of a connection take.
const LARGE: usize = 4 << 20;

fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<Received>>,
    hold: &Hold,
    arrived: &Sender<()>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let mut received = Received {
            head: head.trim_end().to_owned(),
            body: Vec::new(),
        };
        received.body = read_body(&received, &mut reader)?;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let text = if head.starts_with("HEAD ") {
            ""
        } else {
            "hello"
        };
        seen.lock().unwrap().push(received);
        if path.ends_with("/ws") {
            writer.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            )?;
            return std::io::copy(&mut reader, &mut writer).map(|_| ());
        }
        if path.ends_with("/events") {
            writer.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                  Transfer-Encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\n",
            )?;
            hold.wait();
            writer.write_all(b"0\r\n\r\n")?;
            continue;
        }
        if path.ends_with("/hold") {
            let _ = arrived.send(());
            hold.wait();
        }
        if path.ends_with("/large") {
            let length = LARGE;
            writer.write_all(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
            )?;
            writer.write_all(&vec![b'a'; length])?;
            continue;
        }
        let own = writer.local_addr()?;
        let once = path.ends_with("/once");
        let close = if once { "Connection: close\r\n" } else { "" };
        writer.write_all(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-App: {own}\r\n\
                 Content-Length: 5\r\n{close}\r\n{text}"
            )
            .as_bytes(),
        )?;
        if once {
            return Ok(());
        }
    }
}

fn read_body(received: &Received, reader: &mut impl std::io::BufRead) -> std::io::Result<Vec<u8>> {
    if let [length] = received.fields("content-length").as_slice() {
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body)?;
        return Ok(body);
    }
    let mut body = Vec::new();
    if received.fields("transfer-encoding") != ["chunked"] {
        return Ok(body);
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let size = u64::from_str_radix(line.trim(), 16).unwrap();
        reader.take(size).read_to_end(&mut body)?;
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}
