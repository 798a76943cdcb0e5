//! Two clients of HTTP/2: one that speaks frames as it likes, and the `h2` crate's.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use bytes::Bytes;
use control::{Secret, SystemClock};
use gate::{serve::tls, site::listen::Minimum};
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};

use crate::support::{OPEN, PATIENCE, Started, start_with};

/// A gate that offers HTTP/2, and what its clients trust.
pub(crate) struct Site {
    pub(crate) gate: Started,
    trusts: CertificateDer<'static>,
}

/// A gate with one open route to `upstream` and `rest` in its configuration.
pub(crate) fn open(upstream: SocketAddr, rest: &str) -> Site {
    site(upstream, &format!("{OPEN}{rest}"))
}

/// A gate with `rest` in its configuration.
pub(crate) fn site(upstream: SocketAddr, rest: &str) -> Site {
    let made = rcgen::generate_simple_self_signed(vec!["gate.test".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cert.pem");
    fs::write(&path, made.cert.pem()).unwrap();
    let key = Secret::new(made.signing_key.serialize_pem().into_bytes());
    let gate = start_with(upstream, rest, Some((&path, &key)), 1);
    let pair = tls::Pair {
        certificate: path.clone(),
        key: key.clone(),
    };
    let terms = tls::Terms {
        http2: true,
        ..tls::Terms::plain(Minimum::default(), Arc::new(SystemClock::new()))
    };
    let offered = tls::load(&[pair], terms).unwrap();
    gate.running.as_ref().unwrap().renew(vec![Some(offered)]);
    Site {
        gate,
        trusts: CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap(),
    }
}

fn name() -> ServerName<'static> {
    ServerName::try_from("gate.test").unwrap()
}

impl Site {
    fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// A peer that has sent its preface and nothing else.
    pub(crate) fn peer(&self) -> Peer {
        let mut peer = self.peer_without_preface();
        assert!(peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert!(peer.frame(SETTINGS, 0, 0, b""));
        assert_eq!(peer.0.conn.alpn_protocol(), Some(&b"h2"[..]));
        peer
    }

    /// A peer that chose HTTP/2 and has not said a word.
    pub(crate) fn peer_without_preface(&self) -> Peer {
        let stream = TcpStream::connect(self.gate.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let client = ClientConnection::new(self.config(), name()).unwrap();
        Peer(StreamOwned::new(client, stream))
    }

    /// Whether a request of somebody else is served.
    pub(crate) fn serves(&self) -> bool {
        let mut peer = self.peer();
        peer.headers(1, true, &GET);
        peer.status(1) == Some(OK)
    }

    /// A well-behaved client, on a runtime of its own, for `work`.
    pub(crate) fn with_client<W: Future<Output = ()>>(&self, work: impl FnOnce(Client) -> W) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let stream = TcpStream::connect(self.gate.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let connector = tokio_rustls::TlsConnector::from(self.config());
            let stream = connector.connect(name(), stream);
            // An answer that is not read must not take the window of the others.
            let client = h2::client::Builder::new()
                .initial_connection_window_size(1 << 20)
                .handshake(stream.await.unwrap());
            let (send, connection) = client.await.unwrap();
            let ended = tokio::spawn(connection);
            let work = work(Client { send, ended });
            tokio::time::timeout(6 * PATIENCE, work).await.unwrap();
        });
    }
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GO_AWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// END_STREAM.
pub(crate) const LAST: u8 = 1;
/// END_HEADERS.
pub(crate) const WHOLE: u8 = 4;

pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// `:status 200` and `:status 400` as the first answer of a connection has them.
pub(crate) const OK: u8 = 0x88;
pub(crate) const BAD_REQUEST: u8 = 0x8c;

/// A request that is served.
pub(crate) const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "gate.test"),
    (":path", "/"),
];

pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) id: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of RST_STREAM or GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GO_AWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// How a stream or its connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Reset(u32),
    GoneAway(u32),
    Closed,
    /// It was answered; the first byte of the answer's head.
    Answered(u8),
}

/// A client that speaks frames.
pub(crate) struct Peer(StreamOwned<ClientConnection, TcpStream>);

impl Peer {
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok() && self.0.flush().is_ok()
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) -> bool {
        self.send(&frame(kind, flags, id, payload))
    }

    pub(crate) fn headers(&mut self, id: u32, last: bool, fields: &[(&str, &str)]) -> bool {
        let flags = WHOLE | if last { LAST } else { 0 };
        self.frame(HEADERS, flags, id, &block(fields))
    }

    /// The next frame; none once the connection has ended.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            id: u32::from_be_bytes(head[5..9].try_into().unwrap()),
            payload,
        })
    }

    /// What becomes of stream `id`, or of the connection.
    pub(crate) fn end(&mut self, id: u32) -> End {
        loop {
            match self.next() {
                None => return End::Closed,
                Some(frame) if frame.kind == GO_AWAY && frame.code() != 0 => {
                    return End::GoneAway(frame.code());
                }
                Some(frame) if frame.kind == RESET && frame.id == id => {
                    return End::Reset(frame.code());
                }
                Some(frame) if frame.kind == HEADERS && frame.id == id => {
                    return End::Answered(frame.payload[0]);
                }
                Some(_) => {}
            }
        }
    }

    /// The first byte of the head of the answer on stream `id`.
    pub(crate) fn status(&mut self, id: u32) -> Option<u8> {
        match self.end(id) {
            End::Answered(first) => Some(first),
            _ => None,
        }
    }
}

pub(crate) fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Fields as literals without indexing (RFC 7541, section 6.2.2), whatever they are.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            number(&mut bytes, text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
pub(crate) fn number(bytes: &mut Vec<u8>, number: usize) {
    if number < 127 {
        return bytes.push(u8::try_from(number).unwrap());
    }
    bytes.push(127);
    let mut left = number - 127;
    while left >= 128 {
        bytes.push(u8::try_from(left % 128).unwrap() | 128);
        left /= 128;
    }
    bytes.push(u8::try_from(left).unwrap());
}

/// The `h2` crate's client.
pub(crate) struct Client {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) ended: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// Sends a request and reads its whole answer.
    pub(crate) async fn ask(&mut self, request: http::request::Builder, body: &[u8]) -> Answer {
        let response = self.begin(request, body).await.unwrap();
        read(response).await.unwrap()
    }

    /// Sends a request, its body as fast as the gate takes it, and waits for the answer's head.
    pub(crate) async fn begin(
        &mut self,
        request: http::request::Builder,
        mut body: &[u8],
    ) -> Result<Response<h2::RecvStream>, h2::Error> {
        let request: Request<()> = request.body(()).unwrap();
        let mut send = self.send.clone().ready().await?;
        let (response, mut stream) = send.send_request(request, body.is_empty())?;
        while !body.is_empty() {
            stream.reserve_capacity(body.len());
            let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
            let Some(Ok(room)) = room else { break };
            let (piece, rest) = body.split_at(room.min(body.len()));
            body = rest;
            if stream
                .send_data(Bytes::copy_from_slice(piece), body.is_empty())
                .is_err()
            {
                break;
            }
        }
        response.await
    }
}

/// Reads an answer to its end.
pub(crate) async fn read(response: Response<h2::RecvStream>) -> Result<Answer, h2::Error> {
    let (head, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        let _ = stream.flow_control().release_capacity(piece.len());
        body.extend_from_slice(&piece);
    }
    Ok(Answer {
        status: head.status.as_u16(),
        fields: head.headers,
        body,
    })
}

/// A request of `path`.
pub(crate) fn get(path: &str) -> http::request::Builder {
    Request::get(format!("https://gate.test{path}"))
}

/// A POST to `path`.
pub(crate) fn post(path: &str) -> http::request::Builder {
    Request::post(format!("https://gate.test{path}"))
}
