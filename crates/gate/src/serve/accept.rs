//! How connections come in.
//!
//! Owns one listening socket of one thread. Refuses connections there is no place for with a short
//! 503, or without a word where TLS has not begun, and a handshake that takes too long. Survives a
//! lack of descriptors or memory: it makes room, says so and waits, because a listener that gives up
//! would be an outage.

use std::{fs::File, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use acme::challenges::PROTOCOL;
use control::Refusal;
use identity::certificate::Presented;
use nix::errno::Errno;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::spawn_local,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use wire::Deadline;

use super::{
    Tls, connection, h2,
    local::{Local, Seat},
    refusals,
    tls::Speaking,
};
use crate::{
    metrics::Metric,
    room::Full,
    stages::{Peer, Spoken, framing, record, response},
};

/// First wait after a failed accept; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// Longest wait after a failed accept.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a connection that was turned away may take to read why.
const FAREWELL: Duration = Duration::from_millis(500);

/// Connections that are turned away at once and may take that long; more are closed at once.
const FAREWELLS: usize = 64;

/// A listening socket and what it speaks.
pub(super) struct Door {
    pub(super) listener: std::net::TcpListener,
    pub(super) tls: Tls,
    /// Whether whoever comes is only sent to HTTPS.
    pub(super) redirects: bool,
}

/// A door whose socket is registered with the thread's runtime.
pub(super) struct OpenDoor {
    listener: TcpListener,
    tls: Tls,
    redirects: bool,
    spare: Spare,
}

impl OpenDoor {
    /// What is spoken with whoever comes now.
    fn spoken(&self, tls: Option<&Arc<Speaking>>) -> Spoken {
        match (tls, self.redirects) {
            (Some(_), _) => Spoken::Tls,
            (None, true) => Spoken::Redirect,
            (None, false) => Spoken::Plain,
        }
    }
}

impl Door {
    /// Registers the socket with the runtime of this thread.
    pub(super) fn open(self) -> io::Result<OpenDoor> {
        Ok(OpenDoor {
            listener: TcpListener::from_std(self.listener)?,
            tls: self.tls,
            redirects: self.redirects,
            spare: Spare::new(),
        })
    }
}

/// A descriptor kept in hand. When there is no other, it is given up for a moment, so that whoever
/// waits at the door can be told and does not wait for nothing.
struct Spare(Option<File>);

impl Spare {
    fn new() -> Self {
        let mut spare = Self(None);
        spare.renew();
        spare
    }

    fn renew(&mut self) {
        if self.0.is_none() {
            self.0 = File::open("/dev/null").ok();
        }
    }

    fn give_up(&mut self) {
        self.0 = None;
    }
}

/// Accepts until the task is ended.
pub(super) async fn accept(local: Rc<Local>, mut door: OpenDoor) {
    let mut wait = FIRST_WAIT;
    loop {
        match door.listener.accept().await {
            Ok((stream, address)) => {
                wait = FIRST_WAIT;
                door.spare.renew();
                admit(&local, stream, address, &door);
            }
            Err(fault) if belongs_to_connection(&fault) => {}
            Err(fault) => {
                if lacks_descriptors(&fault) {
                    local.lacks_descriptors();
                    turn_one_away(&local, &mut door).await;
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// Whether a failed accept says something of one connection only (accept(2), "Error handling").
fn belongs_to_connection(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
    )
}

/// Whether a socket could not be made because the process or the machine has no descriptor left.
pub(super) fn lacks_descriptors(fault: &io::Error) -> bool {
    let errno = fault.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE))
}

/// Turns away the first that waits, on the descriptor that was kept for this.
async fn turn_one_away(local: &Rc<Local>, door: &mut OpenDoor) {
    door.spare.give_up();
    // Whoever waited may have left meanwhile, and another thread may have taken the descriptor.
    if let Ok(Ok((stream, address))) = timeout(FIRST_WAIT, door.listener.accept()).await {
        let peer = Peer {
            address,
            spoken: door.spoken(door.tls.load().as_ref()),
            certificate: None,
        };
        turn_away(local, stream, &peer, refusals::NO_DESCRIPTORS, false);
    }
    door.spare.renew();
}

/// Starts the task of one connection, or turns it away.
fn admit(local: &Rc<Local>, stream: TcpStream, address: SocketAddr, door: &OpenDoor) {
    let config = door.tls.load_full();
    let peer = Peer {
        address,
        spoken: door.spoken(config.as_ref()),
        certificate: None,
    };
    let seat = match local.enter(&peer) {
        Ok(seat) => seat,
        Err(full) => {
            let refusal = match full {
                Full::Everybody => refusals::NO_CONNECTIONS,
                Full::Address => refusals::TOO_MANY_OF_ADDRESS,
            };
            return turn_away(local, stream, &peer, refusal, true);
        }
    };
    // Without it small answers would wait for acknowledgements; a refusal changes nothing.
    let _ = stream.set_nodelay(true);
    let number = seat.number();
    let served = Rc::clone(local);
    let task = match config {
        None => spawn_local(serve_plain(served, seat, peer, stream)),
        Some(config) => spawn_local(serve_tls(served, seat, peer, stream, config)),
    };
    local.seated(number, task.abort_handle());
}

async fn serve_plain(local: Rc<Local>, seat: Seat, peer: Peer, stream: TcpStream) {
    let deadline = Deadline::after(local.core.site().limits().header_time);
    connection::serve(local, seat, peer, stream, deadline).await;
}

async fn serve_tls(
    local: Rc<Local>,
    seat: Seat,
    mut peer: Peer,
    stream: TcpStream,
    speaking: Arc<Speaking>,
) {
    let mut deadline = Deadline::after(local.core.site().limits().header_time);
    let acceptor = TlsAcceptor::from(Arc::clone(&speaking.config));
    if let Ok(Ok(stream)) = deadline.guard(acceptor.accept(stream)).await {
        // An authority has seen what it came for, and is served nothing.
        if stream.get_ref().1.alpn_protocol() == Some(PROTOCOL) {
            return;
        }
        if let Some(trust) = &speaking.trust
            && let Some(chain) = stream.get_ref().1.peer_certificates()
        {
            // Verified now, or when the session began that goes on here: its ticket is bound to the trust.
            let presented = Presented::read(chain, Arc::clone(trust));
            peer.certificate = Some(Arc::new(presented));
        }
        drop(speaking);
        if h2::is_chosen(stream.get_ref().1.alpn_protocol()) {
            return h2::serve(local, seat, peer, stream, deadline).await;
        }
        connection::serve(local, seat, peer, stream, deadline).await;
    }
}

/// Answers a connection there is no place for, as far as its socket takes the answer at once. With
/// `linger` it is closed a little later where few are: closing while its request is still arriving
/// would reset the connection and could take the answer away.
fn turn_away(local: &Rc<Local>, stream: TcpStream, peer: &Peer, refusal: Refusal, linger: bool) {
    let site = local.core.site();
    local.core.counters().add(Metric::ConnectionsTurnedAway, 1);
    let answer = framing::refuse(&local.core, &site, peer, refusal);
    if !peer.is_secure() {
        let mut bytes = Vec::new();
        response::write_own(&answer, false, &mut bytes);
        let sent = stream.try_write(&bytes).is_ok();
        let farewells = &local.farewells;
        if linger && sent && farewells.get() < FAREWELLS {
            farewells.set(farewells.get() + 1);
            let local = Rc::clone(local);
            spawn_local(async move {
                let _ = timeout(FAREWELL, farewell(stream)).await;
                local.farewells.set(local.farewells.get() - 1);
            });
        }
    }
    record::finish_own(&local.core, answer, 0);
}

/// Reads what still comes, until the other side has closed too.
async fn farewell(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
