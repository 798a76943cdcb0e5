//! A client that sends bytes as it is told and reads answers strictly.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use control::probe::{Answer, Reply};
use prove::http::{Link, exchange};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName},
};

use super::{PATIENCE, clock};

/// A request without a body, `Connection: close`.
pub(crate) fn get(path: &str) -> String {
    request("GET", path, "", "")
}

/// A request; `fields` are whole lines.
pub(crate) fn request(method: &str, path: &str, fields: &str, body: &str) -> String {
    let length = match method {
        "GET" => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}{length}Connection: close\r\n\r\n{body}"
    )
}

/// The value of a field that must be there.
#[track_caller]
pub(crate) fn field<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .field(name)
        .unwrap_or_else(|| panic!("no {name} in {answer:?}"))
}

pub(crate) fn body(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The status that one request gets.
pub(crate) fn status(address: SocketAddr, bytes: impl AsRef<[u8]>) -> u16 {
    Client::dial(address).ask(bytes).status
}

/// One connection.
pub(crate) struct Client(Box<dyn Link>);

impl Client {
    pub(crate) fn dial(address: SocketAddr) -> Self {
        Self(Box::new(Socket::dial(address).0))
    }

    /// Sends one request and reads its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        match exchange(&mut *self.0, bytes.as_ref(), clock()) {
            Ok(Reply::Answer(answer)) => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// Sends one request to whoever may not answer.
    pub(crate) fn tries(&mut self, bytes: impl AsRef<[u8]>) -> Option<Answer> {
        match exchange(&mut *self.0, bytes.as_ref(), clock()) {
            Ok(Reply::Answer(answer)) => Some(answer),
            _ => None,
        }
    }
}

/// A TLS connection to `address` under the name `localhost`, whose certificate must be `trusted`.
pub(crate) fn tls_client(address: SocketAddr, trusted: &rcgen::Certificate) -> Client {
    tls_client_of(address, trusted.der(), rustls::DEFAULT_VERSIONS)
}

/// The same of a client that speaks these versions alone.
pub(crate) fn tls_client_of(
    address: SocketAddr,
    trusted: &CertificateDer<'_>,
    versions: &[&'static SupportedProtocolVersion],
) -> Client {
    struct Tls(StreamOwned<ClientConnection, TcpStream>);
    impl std::io::Read for Tls {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(to)
        }
    }
    impl std::io::Write for Tls {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }
    impl Link for Tls {
        fn limit(&mut self, time: std::time::Duration) -> std::io::Result<()> {
            self.0.sock.limit(time)
        }
    }
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone().into_owned()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    Client(Box::new(Tls(StreamOwned::new(
        connection,
        Socket::dial(address).0,
    ))))
}

/// A connection for protocols that are not one request and one answer.
pub(crate) struct Socket(pub(crate) TcpStream);

impl Socket {
    pub(crate) fn dial(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads until what came ends in `end`.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let count = self.0.read(&mut byte).unwrap_or_else(|cause| {
                panic!("{cause} behind {:?}", String::from_utf8_lossy(&read))
            });
            assert_eq!(
                count,
                1,
                "closed behind {:?}",
                String::from_utf8_lossy(&read)
            );
            read.push(byte[0]);
        }
        String::from_utf8(read).unwrap()
    }

    /// Whether the peer closes, within the limit, without another byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(count) => count == 0,
            Err(cause) => cause.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Shakes hands for a WebSocket on `path`.
    pub(crate) fn open_websocket(address: SocketAddr, path: &str) -> Self {
        let mut socket = Self::dial(address);
        socket.send(format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ));
        let head = socket.read_until("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        socket
    }
}
