//! The server behind the proxies, which writes down every byte it is sent.
//!
//! Owns one listener for each lane and a thread for each connection. Answers each whole request
//! with what the shape under test says, or plainly; refuses nothing. A session is one shape's; proxies
//! keep their connections from one to the next, so that what one shape leaves on them meets another.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

use super::{message, script::Step};
use crate::clock::clock;

/// Most bytes that are kept of one connection.
const LARGEST: usize = 64 << 20;

/// How long a connection may take to be taken in.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long bytes may be on their way.
const LATE: Duration = Duration::from_secs(2);

/// How long the first byte of a request may be on its way that may not have been sent at all.
const UNSENT: Duration = Duration::from_millis(150);

const PAUSE: Duration = Duration::from_millis(2);

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
    /// What each connection was sent, in the order of their first bytes.
    logs: Vec<Log>,
    /// Ports whose connections mark a moment, and who waits for it.
    markers: Vec<(u16, Sender<()>)>,
    connections: usize,
}

/// What one connection was sent in a session.
#[derive(Debug)]
struct Log {
    connection: usize,
    bytes: Vec<u8>,
    ended: bool,
}

/// What a session waits for at its end: bytes may still be on their way when the client has its
/// answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// So many bytes.
    Bytes(usize),
    /// The end of the connection that a request broke off on, if it was ever sent on one.
    Ended,
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

    /// Ends the session; what each connection was sent in it, in the order of their first bytes.
    ///
    /// Connections live on: one that was closed here could be taken for an idle one by a proxy that
    /// has not heard of it, and what it then refuses would be another shape's fault.
    pub(super) fn end(&self, until: Until) -> io::Result<Vec<Vec<u8>>> {
        self.await_backlog()?;
        let begun = clock();
        loop {
            let mut session = lock(&self.session);
            let waited = clock() - begun;
            let over = match until {
                Until::Bytes(enough) => {
                    let sent: usize = session.logs.iter().map(|log| log.bytes.len()).sum();
                    sent >= enough
                }
                Until::Ended if session.logs.is_empty() => waited > UNSENT,
                Until::Ended => session.logs.iter().any(|log| log.ended),
            };
            if over || waited > LATE {
                session.play = Play::default();
                let logs = std::mem::take(&mut session.logs).into_iter();
                let sent = logs.map(|log| log.bytes);
                return Ok(sent.filter(|bytes| !bytes.is_empty()).collect());
            }
            drop(session);
            thread::sleep(PAUSE);
        }
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
    session.connections += 1;
    let (number, of_thread) = (session.connections, Arc::clone(shared));
    // A proxy that goes away is the end of its connection and nothing else.
    thread::spawn(move || {
        let _ = serve(&of_thread, stream, number);
    });
}

/// Writes down what came on a connection; nothing is its end.
fn note(session: &mut Session, connection: usize, piece: &[u8]) {
    let logs = &mut session.logs;
    let at = logs.iter().position(|log| log.connection == connection);
    let at = at.unwrap_or_else(|| {
        logs.push(Log {
            connection,
            bytes: Vec::new(),
            ended: false,
        });
        logs.len() - 1
    });
    if let Some(log) = logs.get_mut(at) {
        log.ended |= piece.is_empty();
        if log.bytes.len() < LARGEST {
            log.bytes.extend_from_slice(piece);
        }
    }
}

/// Reads one connection to its end and answers what comes whole.
fn serve(shared: &Mutex<Session>, mut stream: TcpStream, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut piece = [0; 16 << 10];
    // What has come and is not over yet.
    let mut rest = Vec::new();
    // Whether what comes is HTTP, and how far the request at its start was served.
    let (mut talking, mut promised, mut answered) = (true, false, false);
    loop {
        let count = stream.read(&mut piece)?;
        let come = piece.get(..count).unwrap_or_default();
        note(&mut lock(shared), number, come);
        if count == 0 {
            // Whoever ends one way is answered with the end of the other.
            return stream.shutdown(Shutdown::Both);
        }
        rest.extend_from_slice(come);
        while talking {
            let Some(head) = message::head_end(&rest) else {
                break;
            };
            let fields = rest.get(..head).unwrap_or_default();
            let early = lock(shared).play.early;
            let whole = message::request(&rest).map(|whole| whole.len);
            if whole.is_none() && !early {
                if !promised && !message::values(fields, "expect").is_empty() {
                    promised = true;
                    stream.write_all(CONTINUE)?;
                }
                break;
            }
            if !answered {
                answered = true;
                let plain: &[u8] = if rest.starts_with(b"HEAD ") {
                    PLAIN_HEAD
                } else {
                    PLAIN
                };
                let answer = lock(shared).play.answers.pop_front();
                // What follows a switch is no request.
                talking = !answer.as_deref().is_some_and(switches);
                match answer {
                    Some(steps) => perform(&mut stream, &steps)?,
                    None => stream.write_all(plain)?,
                }
            }
            let Some(len) = whole else { break };
            rest.drain(..len);
            (promised, answered) = (false, false);
        }
    }
}

/// Whether an answer is a switch to another protocol.
fn switches(steps: &[Step]) -> bool {
    match steps.first() {
        Some(Step::Bytes(bytes)) => message::status(bytes) == 101,
        _ => false,
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
    fn a_session_has_every_byte_that_came_in_it_and_no_other() {
        let origin = Origin::start().unwrap();
        origin.begin(Play::default());
        let mut stream = TcpStream::connect(origin.address).unwrap();
        stream.write_all(b"GET /1 HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = [0; PLAIN.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, PLAIN);
        assert_eq!(
            origin.end(Until::Bytes(0)).unwrap(),
            [b"GET /1 HTTP/1.1\r\n\r\n"]
        );
        // The connection lives on, and its bytes are the next session's.
        stream.write_all(b"GET /2").unwrap();
        assert_eq!(origin.end(Until::Bytes(6)).unwrap(), [b"GET /2"]);
        assert!(origin.end(Until::Bytes(0)).unwrap().is_empty());
    }
}
