//! The server behind the proxies, which writes down every byte it is sent.
//!
//! Owns one listener for each lane and a thread for each connection. Answers each whole request
//! with what the shape under test says, or plainly; refuses nothing. A session is one shape's: its
//! connections end with it, so that no shape meets a connection of another.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{message, script::Step};

/// Most bytes that are kept of one connection.
const LARGEST: usize = 64 << 20;

/// How long a connection may take to be read to its end.
const PATIENCE: Duration = Duration::from_secs(10);

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const PLAIN_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What the origin does in one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Play {
    /// The answers to the first requests; later ones are answered plainly.
    pub(super) answers: VecDeque<Vec<Step>>,
    /// Whether it answers as soon as it has a head.
    pub(super) early: bool,
}

#[derive(Debug, Default)]
struct Session {
    play: Play,
    logs: Vec<Arc<Mutex<Vec<u8>>>>,
    streams: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    /// Ports whose connections mark the end of a session, and who waits for them.
    markers: Vec<(u16, Sender<()>)>,
}

/// The origin of one lane.
#[derive(Debug)]
pub(super) struct Origin {
    address: SocketAddr,
    session: Arc<Mutex<Session>>,
}

impl Origin {
    /// Begins to listen.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let session = Arc::new(Mutex::new(Session::default()));
        let shared = Arc::clone(&session);
        // Ends with the process: it owns nothing but its port.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                take_in(&shared, stream);
            }
        });
        Ok(Self { address, session })
    }

    pub(super) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Begins a session.
    pub(super) fn begin(&self, play: Play) {
        lock(&self.session).play = play;
    }

    /// Ends the session; what each of its connections was sent, in the order they came.
    pub(super) fn end(&self) -> io::Result<Vec<Vec<u8>>> {
        self.await_backlog()?;
        let (logs, threads) = {
            let mut session = lock(&self.session);
            for stream in session.streams.drain(..) {
                // What has come is still read; what would come is another session's.
                let _ = stream.shutdown(Shutdown::Both);
            }
            session.play = Play::default();
            (
                std::mem::take(&mut session.logs),
                std::mem::take(&mut session.threads),
            )
        };
        for thread in threads {
            let _ = thread.join();
        }
        Ok(logs
            .iter()
            .map(|log| std::mem::take(&mut *lock(log)))
            .collect())
    }

    /// Waits until every connection that was made before has been taken in: one of our own, made
    /// now, comes behind them all.
    fn await_backlog(&self) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel();
        let marker = {
            // Held until its port is known, so that it cannot be taken for a proxy's.
            let mut session = lock(&self.session);
            let marker = TcpStream::connect(self.address)?;
            session.markers.push((marker.local_addr()?.port(), sender));
            marker
        };
        let waited = receiver.recv_timeout(PATIENCE);
        drop(marker);
        waited.map_err(io::Error::other)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take_in(shared: &Arc<Mutex<Session>>, stream: TcpStream) {
    let mut session = lock(shared);
    let port = stream.peer_addr().map_or(0, |peer| peer.port());
    if let Some(at) = session.markers.iter().position(|(known, _)| *known == port) {
        let (_, waiting) = session.markers.swap_remove(at);
        let _ = waiting.send(());
        return;
    }
    let Ok(own) = stream.try_clone() else { return };
    let log = Arc::new(Mutex::new(Vec::new()));
    session.logs.push(Arc::clone(&log));
    session.streams.push(own);
    let of_thread = Arc::clone(shared);
    let thread = thread::spawn(move || {
        // A proxy that goes away is the end of its connection and nothing else.
        let _ = serve(&of_thread, stream, &log);
    });
    session.threads.push(thread);
}

/// Reads one connection to its end and answers what comes whole.
fn serve(shared: &Mutex<Session>, mut stream: TcpStream, log: &Mutex<Vec<u8>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut piece = [0; 16 << 10];
    let (mut at, mut promised, mut talking) = (0, false, true);
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            // Whoever ends one way is answered with the end of the other.
            return stream.shutdown(Shutdown::Both);
        }
        let mut bytes = lock(log);
        if bytes.len() < LARGEST {
            bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
        while talking {
            let rest = bytes.get(at..).unwrap_or_default();
            let early = lock(shared).play.early;
            let Some(head) = message::head_end(rest) else {
                break;
            };
            let fields = rest.get(..head).unwrap_or_default();
            let whole = match message::request(rest) {
                Some(whole) => whole.len,
                None if early => {
                    talking = false;
                    head
                }
                None => {
                    if !promised && !message::values(fields, "expect").is_empty() {
                        promised = true;
                        stream.write_all(CONTINUE)?;
                    }
                    break;
                }
            };
            let plain: &[u8] = if rest.starts_with(b"HEAD ") {
                PLAIN_HEAD
            } else {
                PLAIN
            };
            let switches = !message::values(fields, "upgrade").is_empty();
            at += whole;
            promised = false;
            let answer = lock(shared).play.answers.pop_front();
            // What follows a switch is no request.
            talking &= !(switches && answer.is_some());
            match answer {
                Some(steps) => perform(&mut stream, &steps)?,
                None => stream.write_all(plain)?,
            }
        }
    }
}

fn perform(stream: &mut TcpStream, steps: &[Step]) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Bytes(bytes) => stream.write_all(bytes)?,
            Step::Pause(time) => thread::sleep(*time),
            Step::Shut => stream.shutdown(Shutdown::Write)?,
            Step::Close => stream.shutdown(Shutdown::Both)?,
            Step::Answer => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_keeps_every_byte_of_its_connections_and_of_no_other() {
        let origin = Origin::start().unwrap();
        origin.begin(Play::default());
        let mut stream = TcpStream::connect(origin.address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\nrest").unwrap();
        let mut answer = [0; PLAIN.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, PLAIN);
        assert_eq!(origin.end().unwrap(), [b"GET / HTTP/1.1\r\n\r\nrest"]);
        // The connection is over, and the next session begins empty.
        assert_eq!(stream.read(&mut answer).unwrap_or(0), 0);
        assert!(origin.end().unwrap().is_empty());
    }
}
