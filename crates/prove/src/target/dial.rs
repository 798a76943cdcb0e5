//! Dialling a listener as a client would.
//!
//! Owns plain and TLS connections to the gate. Under TLS it trusts exactly the certificate the
//! configuration names and no authority: a probe must not be answered by somebody else.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use control::{
    Clock,
    probe::{ANSWER_TIME, Reply, TargetError},
};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};

use crate::http::{self, Link};

const DOING: &str = "dial the gate";

/// Most bytes that are read of what is not understood.
const RAW_LIMIT: usize = 64 * 1024;

/// A listener and how to speak to it.
#[derive(Clone)]
pub struct Dialer {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    clock: Arc<dyn Clock>,
}

impl Dialer {
    /// Speaks plain HTTP to `address`.
    #[must_use]
    pub fn plain(address: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        Self {
            address: reachable(address),
            tls: None,
            clock,
        }
    }

    /// Speaks TLS to `address` under the public `name`, trusting the first certificate of the PEM
    /// file `certificate` and no other.
    pub fn tls(
        address: SocketAddr,
        name: &str,
        certificate: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TargetError> {
        let failed = |cause: &dyn ToString| TargetError::new(DOING, cause.to_string());
        let pinned = CertificateDer::from_pem_file(certificate)
            .map_err(|cause| failed(&format!("{}: {cause}", certificate.display())))?;
        let name =
            ServerName::try_from(host_of(name).to_owned()).map_err(|cause| failed(&cause))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|cause| failed(&cause))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pin { pinned, provider }))
            .with_no_client_auth();
        Ok(Self {
            address: reachable(address),
            tls: Some((Arc::new(config), name)),
            clock,
        })
    }

    /// The certificate that is shown in a handshake; none where TLS is not spoken.
    pub fn certificate(&self) -> Result<Option<Vec<u8>>, TargetError> {
        let Some((config, name)) = &self.tls else {
            return Ok(None);
        };
        let failed = |cause: &dyn ToString| TargetError::new(DOING, cause.to_string());
        let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_TIME)
            .map_err(|cause| failed(&cause))?;
        stream
            .set_read_timeout(Some(ANSWER_TIME))
            .map_err(|cause| failed(&cause))?;
        let mut connection = ClientConnection::new(Arc::clone(config), name.clone())
            .map_err(|cause| failed(&cause))?;
        while connection.is_handshaking() {
            connection
                .complete_io(&mut stream)
                .map_err(|cause| failed(&cause))?;
        }
        let leaf = connection.peer_certificates().and_then(|all| all.first());
        Ok(leaf.map(|leaf| leaf.to_vec()))
    }

    /// Sends `bytes` as they are on a connection of their own and reads one answer.
    pub fn send(&self, bytes: &[u8]) -> Result<Reply, TargetError> {
        let failed = |cause: &dyn ToString| TargetError::new(DOING, cause.to_string());
        let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_TIME)
            .map_err(|cause| failed(&cause))?;
        stream.set_nodelay(true).map_err(|cause| failed(&cause))?;
        let answer = match &self.tls {
            None => http::exchange(&mut stream, bytes, self.clock.as_ref()),
            Some((config, name)) => {
                let connection = ClientConnection::new(Arc::clone(config), name.clone())
                    .map_err(|cause| failed(&cause))?;
                let mut stream = Tls(StreamOwned::new(connection, stream));
                http::exchange(&mut stream, bytes, self.clock.as_ref())
            }
        };
        answer.map_err(|cause| TargetError::new("read an answer of the gate", cause))
    }
}

/// Sends `bytes` as they are on a connection of their own, and reads one record of TLS, or what comes until
/// the other side closes.
pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>, TargetError> {
    let failed = |cause: std::io::Error| TargetError::new(DOING, cause);
    let mut stream =
        TcpStream::connect_timeout(&reachable(address), ANSWER_TIME).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER_TIME)).map_err(failed)?;
    stream
        .set_write_timeout(Some(ANSWER_TIME))
        .map_err(failed)?;
    stream.write_all(bytes).map_err(failed)?;
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    while read.len() < RAW_LIMIT && !holds_record(&read) {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => read.extend_from_slice(piece.get(..count).unwrap_or_default()),
            // Whoever turns somebody away may reset the connection behind it.
            Err(fault) if fault.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(fault) => return Err(failed(fault)),
        }
    }
    Ok(read)
}

/// Whether a whole record of TLS has come (RFC 8446, section 5.1).
fn holds_record(read: &[u8]) -> bool {
    match read {
        [20..=23, 3, _, high, low, rest @ ..] => {
            rest.len() >= usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    }
}

/// Whether something accepts a connection at `address` within a second.
#[must_use]
pub fn reaches(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// A listener on every address is dialled on loopback.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    if address.ip().is_unspecified() {
        SocketAddr::new(loopback, address.port())
    } else {
        address
    }
}

/// The host of an authority, without its port and brackets.
pub(crate) fn host_of(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    host.trim_start_matches('[').trim_end_matches(']')
}

struct Tls(StreamOwned<ClientConnection, TcpStream>);

impl Read for Tls {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(to)
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Link for Tls {
    fn limit(&mut self, time: Duration) -> std::io::Result<()> {
        self.0.sock.limit(time)
    }
}

/// Accepts one certificate, byte for byte.
#[derive(Debug)]
struct Pin {
    pinned: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if end_entity.as_ref() == self.pinned.as_ref() {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(
                rustls::CertificateError::ApplicationVerificationFailure,
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use control::SystemClock;
    use rustls::{ServerConfig, ServerConnection};
    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    /// A TLS server with a certificate of its own that answers 200 once per connection.
    fn serve(folder: &Path, file: &str) -> (SocketAddr, std::path::PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec!["coach.example".to_owned()]).unwrap();
        let path = folder.join(file);
        std::fs::write(&path, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(config);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut tls = StreamOwned::new(connection, stream);
                let _ = tls.read(&mut [0; 1024]);
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        });
        (address, path)
    }

    #[test]
    fn exactly_the_configured_certificate_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let (address, ours) = serve(folder.path(), "ours.pem");
        let (_, theirs) = serve(folder.path(), "theirs.pem");
        let send = |certificate: &Path| {
            let clock = Arc::new(SystemClock::new());
            let dialer = Dialer::tls(address, "coach.example:8443", certificate, clock).unwrap();
            dialer.send(b"GET / HTTP/1.1\r\nHost: coach.example\r\n\r\n")
        };
        let reply = send(&ours).unwrap();
        assert_eq!(reply.answer().map(|answer| answer.status), Some(200));
        assert!(send(&theirs).is_err());
    }

    #[test]
    fn a_host_stands_without_its_port_and_brackets() {
        assert_eq!(host_of("coach.example:8443"), "coach.example");
        assert_eq!(host_of("coach.example"), "coach.example");
        assert_eq!(host_of("[::1]:8443"), "::1");
    }

    #[test]
    fn one_record_is_enough() {
        assert!(holds_record(&[21, 3, 3, 0, 2, 2, 70]));
        assert!(holds_record(&[22, 3, 1, 0, 1, 9, 9]));
        for less in [
            &b""[..],
            &[21, 3, 3, 0, 2, 2],
            b"HTTP/1.1 200 OK\r\n\r\n",
            &[22, 2, 0, 0, 0],
        ] {
            assert!(!holds_record(less), "{less:?}");
        }
    }

    #[test]
    fn the_certificate_of_a_handshake_is_the_one_that_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let (address, ours) = serve(folder.path(), "ours.pem");
        let clock = Arc::new(SystemClock::new());
        let dialer = Dialer::tls(address, "coach.example", &ours, clock).unwrap();
        let shown = dialer.certificate().unwrap().unwrap();
        assert_eq!(
            shown,
            CertificateDer::from_pem_file(&ours).unwrap().to_vec()
        );
    }

    #[test]
    fn a_listener_on_every_address_is_dialled_on_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(at("[::]:80"), "[::1]:80");
        assert_eq!(at("192.0.2.1:80"), "192.0.2.1:80");
    }
}
