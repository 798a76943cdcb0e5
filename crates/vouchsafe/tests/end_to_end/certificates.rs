//! Certificates: which one a client is shown, whose is believed, and sessions that go on.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    version::{TLS12, TLS13},
};
use serde_json::Value;

use crate::support::{Deployment, PATIENCE, Upstream, get, request, site, until};

/// An authority of a test's own.
pub(crate) struct Authority {
    pub(crate) certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Made {
    pub(crate) certificate: rcgen::Certificate,
    pub(crate) key: KeyPair,
    serial: SerialNumber,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn make(&self, change: impl FnOnce(&mut CertificateParams)) -> Made {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        let key = KeyPair::generate().unwrap();
        let serial = SerialNumber::from_slice(&key.public_key_raw()[1..9]);
        params.serial_number = Some(serial.clone());
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Made {
            certificate,
            key,
            serial,
        }
    }

    pub(crate) fn of_names(&self, names: &[&str]) -> Made {
        self.make(|params| {
            let names = names
                .iter()
                .map(|name| SanType::DnsName((*name).try_into().unwrap()));
            params.subject_alt_names = names.collect();
        })
    }

    pub(crate) fn revoking(&self, revoked: &[&Made]) -> String {
        let now = time::OffsetDateTime::now_utc();
        let one = |made: &&Made| RevokedCertParams {
            serial_number: made.serial.clone(),
            revocation_time: now - time::Duration::hours(1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::days(1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(one).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// Whoever dials, with the sessions it remembers.
pub(crate) struct Dialler {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) resumed: bool,
    pub(crate) shown: CertificateDer<'static>,
}

impl Dialler {
    pub(crate) fn new(
        root: &CertificateDer<'_>,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Made>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            Some(own) => {
                let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
                let chain = vec![own.certificate.der().clone()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        Self {
            config: Arc::new(config),
            name: ServerName::try_from(name.to_owned()).unwrap(),
        }
    }

    /// Offers these protocols.
    pub(crate) fn speak(&mut self, protocols: &[&str]) {
        let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
        Arc::make_mut(&mut self.config).alpn_protocols = protocols.collect();
    }

    /// A connection that has not begun to speak.
    pub(crate) fn dial(&self, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        StreamOwned::new(connection.unwrap(), stream)
    }

    /// Sends one request on a connection of its own; nothing where there was no answer.
    pub(crate) fn ask(&self, address: SocketAddr, bytes: &str) -> Option<Heard> {
        let mut stream = self.dial(address);
        stream.write_all(bytes.as_bytes()).ok()?;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        Some(Heard {
            status,
            text: text.clone().into_owned(),
            resumed: stream.conn.handshake_kind() == Some(HandshakeKind::Resumed),
            shown: stream
                .conn
                .peer_certificates()?
                .first()?
                .clone()
                .into_owned(),
        })
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

fn write(deployment: &Deployment, name: &str, made: &Made) {
    deployment.write(&format!("{name}.key"), made.key.serialize_pem().as_bytes());
    deployment.write(&format!("{name}.pem"), made.certificate.pem().as_bytes());
}

/// A site over HTTPS whose one listener has `tls`.
fn secure(upstream: &Upstream, tls: &str, rest: &str) -> String {
    let text = site(upstream.address).replace("http://localhost", "https://localhost:8443");
    text.replace(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n",
        &format!("[[listen]]\naddress = \"127.0.0.1:0\"\ntls = {tls}\n"),
    ) + rest
}

const OPEN: &str = "[[route]]\npath = \"/\"\napp = \"app\"\nauth = \"none\"\nreason = \"test\"\n";

#[test]
fn each_name_is_shown_its_own_certificate() {
    let upstream = Upstream::start();
    let tls = "{ certificates = [{ certificate = \"a.pem\", key = \"file:a.key\" }, \
               { certificate = \"b.pem\", key = \"file:b.key\" }] }";
    let deployment = Deployment::new(&secure(&upstream, tls, OPEN));
    let root = Authority::new("root");
    let first = root.of_names(&["localhost"]);
    let second = root.of_names(&["other.test", "*.wild.test"]);
    write(&deployment, "a", &first);
    write(&deployment, "b", &second);
    deployment.run(&["check"], &[]).exits(0);
    let gate = deployment.up();
    for (name, expected) in [
        ("localhost", &first),
        ("other.test", &second),
        ("x.wild.test", &second),
    ] {
        for version in [&TLS12, &TLS13] {
            let dialler = Dialler::new(root.certificate.der(), name, &[version], None);
            let heard = dialler.ask(gate.address, &get("/")).unwrap();
            assert_eq!(heard.shown, *expected.certificate.der(), "{name}");
            assert_eq!(heard.status, 200);
        }
    }
    for stranger in ["stranger.test", "wild.test", "a.x.wild.test"] {
        let dialler = Dialler::new(root.certificate.der(), stranger, BOTH, None);
        assert!(dialler.ask(gate.address, &get("/")).is_none(), "{stranger}");
    }
    // Nobody: an address is no server name, and the first is for those.
    let dialler = Dialler::new(root.certificate.der(), "127.0.0.1", BOTH, None);
    let mut nameless = dialler.dial(gate.address);
    let refused = nameless.write_all(b"x").unwrap_err().to_string();
    assert!(refused.contains("not valid for name"), "{refused}");
    gate.stop();
    // A name that both are for, and a pair that does not fit, are told with their line.
    write(&deployment, "b", &root.of_names(&["localhost"]));
    deployment
        .run(&["check"], &[])
        .exits(2)
        .says(&["localhost", "vouchsafe.toml:"]);
    write(&deployment, "b", &second);
    deployment.write("b.key", first.key.serialize_pem().as_bytes());
    deployment
        .run(&["check"], &[])
        .exits(2)
        .says(&["does not fit", "vouchsafe.toml:"]);
}

#[test]
fn a_renewed_file_is_in_force_without_a_word_and_open_connections_go_on() {
    let upstream = Upstream::start();
    let tls = "{ certificate = \"a.pem\", key = \"file:a.key\" }";
    let deployment = Deployment::new(&secure(&upstream, tls, OPEN));
    let root = Authority::new("root");
    write(&deployment, "a", &root.of_names(&["localhost"]));
    let gate = deployment.up();
    let dialler = Dialler::new(root.certificate.der(), "localhost", BOTH, None);
    let mut open = dialler.dial(gate.address);
    open.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    open.flush().unwrap();
    let renewed = root.of_names(&["localhost"]);
    // Half of it is none: what is in force goes on.
    deployment.write("a.pem", renewed.certificate.pem().as_bytes());
    until("the gate says that it does not fit", || {
        gate.log()
            .contains("certificates.not-renewed")
            .then_some(())
    });
    let heard = dialler.ask(gate.address, &get("/")).unwrap();
    assert_eq!(heard.status, 200);
    assert_ne!(heard.shown, *renewed.certificate.der());
    deployment.write("a.key", renewed.key.serialize_pem().as_bytes());
    until("the renewed certificate is shown", || {
        // Each time somebody new: whoever goes on with a session is not shown anything.
        let fresh = Dialler::new(root.certificate.der(), "localhost", BOTH, None);
        let heard = fresh.ask(gate.address, &get("/"))?;
        (heard.shown == *renewed.certificate.der()).then_some(())
    });
    open.write_all(b"Host: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    let _ = open.read_to_string(&mut text);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    gate.stop();
}

#[test]
fn a_session_goes_on_in_either_version_on_any_core_and_over_a_reload() {
    let upstream = Upstream::start();
    let tls = "{ certificate = \"a.pem\", key = \"file:a.key\" }";
    let deployment = Deployment::new(&secure(&upstream, tls, OPEN));
    let root = Authority::new("root");
    write(&deployment, "a", &root.of_names(&["localhost"]));
    let gate = deployment.up();
    for version in [&TLS12, &TLS13] {
        let dialler = Dialler::new(root.certificate.der(), "localhost", &[version], None);
        let resumed = || dialler.ask(gate.address, &get("/")).unwrap().resumed;
        assert!(!resumed());
        // The system spreads connections over the cores; each takes what another gave.
        for _ in 0..8 {
            assert!(resumed());
        }
        write(&deployment, "a", &root.of_names(&["localhost"]));
        deployment.run(&["reload"], &[]).exits(0);
        assert!(resumed());
        // Another client has nothing to go on with.
        let other = Dialler::new(root.certificate.der(), "localhost", &[version], None);
        assert!(!other.ask(gate.address, &get("/")).unwrap().resumed);
    }
    gate.stop();
}

/// A route for programs, and what it says of them.
const PROGRAMS: &str = "[[certificate]]\nname = \"billing\"\ndns = \"billing.test\"\nroles = [\"reader\"]\n\n\
    [[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"certificate\"]\nroles = [\"reader\"]\n\n\
    [[route]]\npath = \"/write\"\napp = \"app\"\nauth = [\"certificate\"]\nroles = [\"writer\"]\n";

fn status(dialler: &Dialler, address: SocketAddr, path: &str) -> Option<u16> {
    dialler.ask(address, &get(path)).map(|heard| heard.status)
}

#[test]
fn a_program_is_known_by_its_certificate_and_by_nothing_it_says() {
    let upstream = Upstream::start();
    let tls = "{ self_signed = true, clients = { roots = \"ca.pem\" } }";
    let text = secure(&upstream, tls, &format!("{OPEN}{PROGRAMS}"));
    let deployment = Deployment::new(&text);
    let (ours, foreign) = (Authority::new("ours"), Authority::new("foreign"));
    deployment.write("ca.pem", ours.certificate.pem().as_bytes());
    deployment.run(&["check"], &[]).exits(0);
    let gate = deployment.up();
    let own = own(&deployment);
    let dialler = |made: Option<&Made>| own_dialler(&own, BOTH, made);
    let billing = ours.of_names(&["billing.test"]);
    let known = dialler(Some(&billing));
    assert_eq!(status(&known, gate.address, "/api"), Some(200));
    assert_eq!(status(&known, gate.address, "/write"), Some(403));
    let assertion = upstream
        .seen()
        .last()
        .unwrap()
        .fields("x-vouchsafe-assertion");
    let claims = assertion[0].split('.').nth(1).unwrap().to_owned();
    let claims = seal::encode::unbase64url(&claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "certificate:billing");
    assert_eq!(claims["roles"], serde_json::json!(["reader"]));
    // Nobody, somebody else, somebody who only says so.
    let nobody = dialler(None);
    assert_eq!(status(&nobody, gate.address, "/api"), Some(403));
    assert_eq!(status(&nobody, gate.address, "/"), Some(200));
    let other = dialler(Some(&ours.of_names(&["other.test"])));
    assert_eq!(status(&other, gate.address, "/api"), Some(403));
    let says = "X-SSL-Client-Verify: SUCCESS\r\nX-Client-Cert: billing.test\r\n\
                Client-Cert: :MIIB:\r\nSsl-Client-S-Dn: CN=billing.test\r\n";
    let heard = nobody
        .ask(gate.address, &request("GET", "/api", says, ""))
        .unwrap();
    assert_eq!(heard.status, 403);
    let heard = nobody
        .ask(gate.address, &request("GET", "/", says, ""))
        .unwrap();
    assert_eq!(heard.status, 200);
    let seen = upstream.seen();
    for name in [
        "x-ssl-client-verify",
        "x-client-cert",
        "client-cert",
        "ssl-client-s-dn",
    ] {
        assert!(seen.last().unwrap().fields(name).is_empty(), "{name}");
    }
    // Those of another authority and those that have ended do not come through the handshake.
    let moment = time::OffsetDateTime::now_utc();
    let ended = ours.make(|params| {
        params.subject_alt_names = vec![SanType::DnsName("billing.test".try_into().unwrap())];
        params.not_before = moment - time::Duration::days(9);
        params.not_after = moment - time::Duration::days(1);
    });
    for refused in [&foreign.of_names(&["billing.test"]), &ended] {
        assert_eq!(status(&dialler(Some(refused)), gate.address, "/api"), None);
        assert_eq!(status(&dialler(Some(refused)), gate.address, "/"), None);
    }
    // A page of another site makes a browser show it unasked.
    let post = |fields: &str| {
        let heard = known.ask(gate.address, &request("POST", "/api", fields, "x"));
        heard.map(|heard| heard.status)
    };
    assert_eq!(post("Origin: https://evil.test\r\n"), Some(403));
    assert_eq!(post("Sec-Fetch-Site: cross-site\r\n"), Some(403));
    assert_eq!(post(""), Some(200));
    gate.stop();
    let log = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    for reason in ["certificate-missing", "certificate-unlisted"] {
        assert!(log.contains(reason), "{reason}");
    }
}

fn own(deployment: &Deployment) -> CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_file(deployment.data().join("self-signed.pem")).unwrap()
}

fn own_dialler(
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    made: Option<&Made>,
) -> Dialler {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut dialler = {
        let any = Authority::new("any");
        Dialler::new(any.certificate.der(), "localhost", versions, made)
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let config = Arc::get_mut(&mut dialler.config).unwrap();
    config
        .dangerous()
        .set_certificate_verifier(verifier.build().unwrap());
    dialler
}

#[test]
fn what_is_taken_back_ends_open_connections_and_sessions_with_it() {
    let upstream = Upstream::start();
    let tls = "{ self_signed = true, \
               clients = { roots = \"ca.pem\", revoked = \"crl.pem\", required = true } }";
    let listed = secure(&upstream, tls, &format!("{OPEN}{PROGRAMS}"));
    let deployment = Deployment::new(&listed);
    let ours = Authority::new("ours");
    let (billing, other) = (
        ours.of_names(&["billing.test"]),
        ours.of_names(&["billing.test"]),
    );
    deployment.write("ca.pem", ours.certificate.pem().as_bytes());
    deployment.write("crl.pem", ours.revoking(&[]).as_bytes());
    let gate = deployment.up();
    let own = own(&deployment);
    for version in [&TLS12, &TLS13] {
        let versions = &[version];
        assert_eq!(
            status(&own_dialler(&own, versions, None), gate.address, "/"),
            None
        );
        deployment.write("crl.pem", ours.revoking(&[]).as_bytes());
        deployment.run(&["reload"], &[]).exits(0);
        let (dialler, rest) = (
            own_dialler(&own, versions, Some(&billing)),
            own_dialler(&own, versions, Some(&other)),
        );
        let heard = || dialler.ask(gate.address, &get("/api"));
        assert!(!heard().unwrap().resumed);
        let again = heard().unwrap();
        assert_eq!((again.status, again.resumed), (200, true), "{again:?}");
        // An entry that is removed: at once, also for the session that goes on.
        deployment.configure(&listed.replace("billing.test", "nobody.test"));
        deployment.run(&["reload"], &[]).exits(0);
        let unlisted = heard().unwrap();
        assert_eq!((unlisted.status, unlisted.resumed), (403, true));
        deployment.configure(&listed);
        deployment.run(&["reload"], &[]).exits(0);
        assert_eq!(heard().unwrap().status, 200);
        // A connection that stays open while the certificate is revoked.
        let mut open = dialler.dial(gate.address);
        let ask = get("/api").replace("Connection: close\r\n", "");
        let mut first = [0; 12];
        open.write_all(ask.as_bytes()).unwrap();
        open.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        deployment.write("crl.pem", ours.revoking(&[&billing]).as_bytes());
        deployment.run(&["reload"], &[]).exits(0);
        open.write_all(ask.as_bytes()).unwrap();
        let mut text = String::new();
        let _ = open.read_to_string(&mut text);
        assert!(text.contains("HTTP/1.1 403 "), "{text}");
        // Its session is not resumed, and it is not let in again; another of the same name is.
        assert!(heard().is_none());
        assert_eq!(status(&rest, gate.address, "/api"), Some(200));
    }
    gate.stop();
}
