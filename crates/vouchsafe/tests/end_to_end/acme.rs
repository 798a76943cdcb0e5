//! Certificates of an authority, ordered from Pebble, the authority for tests of Let's Encrypt.

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use control::{Clock as _, SystemClock};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};

use crate::{
    certificates::{Authority, Dialler},
    held_port::HeldPort,
    support::{Client, Deployment, Gate, Process, Upstream, get, open_route, peer, site, until},
};

/// A name server by which every name is this machine.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            if let Some(answer) = answered(&packet[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// One question and its answer (RFC 1035, section 4.1).
fn answered(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(12..)?.iter().position(|byte| *byte == 0)? + 13;
    let question = query.get(12..name + 4)?;
    let is_a = question.get(question.len() - 4..question.len() - 2)? == [0, 1];
    let mut answer = query.get(..2)?.to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    answer.extend(question);
    if is_a {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

/// A running authority.
struct Pebble {
    _process: Process,
    _held: [HeldPort; 2],
    port: u16,
    management: SocketAddr,
    own: Authority,
    _folder: tempfile::TempDir,
}

impl Pebble {
    /// One that looks at these ports, and gives certificates for `life`.
    fn start(program: &Path, http: u16, tls: u16, life: Duration) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let own = Authority::new("of the authority's own listener");
        let made = own.make(|params| {
            params.subject_alt_names = vec![rcgen::SanType::IpAddress([127, 0, 0, 1].into())];
        });
        let (certificate, key) = (folder.path().join("a.pem"), folder.path().join("a.key"));
        std::fs::write(&certificate, made.certificate.pem()).unwrap();
        std::fs::write(&key, made.key.serialize_pem()).unwrap();
        let held = [HeldPort::new(), HeldPort::new()];
        let [port, management] = [held[0].number(), held[1].number()];
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": http,
            "tlsPort": tls,
            "certificateValidityPeriod": life.as_secs(),
        }});
        let path = folder.path().join("pebble.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let mut command = Command::new(program);
        command
            .arg("-config")
            .arg(&path)
            .args(["-dnsserver", &name_server().to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let process = Process::start(&mut command);
        let management = SocketAddr::from(([127, 0, 0, 1], management));
        until("the authority listens", || {
            let both = [management.port(), port];
            let open = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            both.into_iter().all(open).then_some(())
        });
        Self {
            _process: process,
            _held: held,
            port,
            management,
            own,
            _folder: folder,
        }
    }

    /// The root of the certificates it gives.
    fn root(&self) -> CertificateDer<'static> {
        let dialler = Dialler::new(
            self.own.certificate.der(),
            "127.0.0.1",
            &[&TLS13, &TLS12],
            None,
        );
        let ask = "GET /roots/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        let heard = dialler.ask(self.management, ask).unwrap();
        CertificateDer::from_pem_slice(heard.text.as_bytes()).unwrap()
    }
}

/// A deployment that has its certificate from `pebble`, at the two ports.
fn deployment(
    pebble: &Pebble,
    upstream: &Upstream,
    ports: [u16; 2],
    challenge: &str,
) -> Deployment {
    let [http, tls] = ports;
    let month = Duration::from_secs(30 * 86_400);
    let end = SystemClock::new().now().plus(month).to_string();
    let end = end.get(..10).unwrap();
    let acme = format!(
        "{{ directory = \"https://127.0.0.1:{}/dir\", email = \"it@coach.test\", \
         roots = \"pebble.pem\", challenge = \"{challenge}\", terms_agreed = true }}",
        pebble.port
    );
    let listeners = format!(
        "[[listen]]\naddress = \"127.0.0.1:{http}\"\nredirect = true\n\n\
         [[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = {{ acme = {acme} }}\n\n"
    );
    let text = site(upstream.address)
        .replace(
            "\"http://localhost\"",
            "\"https://coach.test\"\nhosts = [\"mail.coach.test\"]",
        )
        .replace("[[listen]]\naddress = \"127.0.0.1:0\"\n\n", &listeners);
    let exception = format!(
        "[[connect.exception]]\nhost = \"127.0.0.1\"\nnetwork = \"127.0.0.0/8\"\nport = {}\n\
         reason = \"the authority of this test\"\nuntil = {end}\n\n",
        pebble.port
    );
    let deployment = Deployment::new(&format!("{text}{}{exception}", open_route("/")));
    deployment.write("pebble.pem", pebble.own.certificate.pem().as_bytes());
    deployment
}

/// What whoever believes `root` is shown; nothing where it is not believed.
fn shown(gate: &Gate, root: &CertificateDer<'_>, name: &str) -> Option<CertificateDer<'static>> {
    let dialler = Dialler::new(root, name, &[&TLS13, &TLS12], None);
    let ask = get("/").replace("localhost", name);
    let heard = dialler.ask(address(gate), &ask)?;
    assert_eq!(heard.status, 200);
    Some(heard.shown)
}

fn address(gate: &Gate) -> SocketAddr {
    gate.ready["gate"][1].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_certificate_is_ordered_either_way_and_renewed_before_it_ends() {
    let Some(program) = peer("VOUCHSAFE_TEST_PEBBLE", "pebble") else {
        return;
    };
    thread::scope(|scope| {
        for challenge in ["http-01", "tls-alpn-01"] {
            let program = &program;
            scope.spawn(move || {
                let upstream = Upstream::start();
                let ports = [HeldPort::new(), HeldPort::new()];
                let [http, tls] = [ports[0].number(), ports[1].number()];
                let pebble = Pebble::start(program, http, tls, Duration::from_secs(40));
                let deployment = deployment(&pebble, &upstream, [http, tls], challenge);
                let gate = deployment.up();
                let root = pebble.root();
                let first = until("the authority has given a certificate", || {
                    shown(&gate, &root, "coach.test")
                });
                assert_eq!(shown(&gate, &root, "mail.coach.test").unwrap(), first);
                let renewed = until("it is renewed", || {
                    shown(&gate, &root, "coach.test").filter(|now| *now != first)
                });
                assert_ne!(renewed, first);
                // What nobody asks about is not answered, and people are sent on as ever.
                let path = "/.well-known/acme-challenge/AAAAAAAAAAAAAAAAAAAAAA";
                let ask = get(path).replace("localhost", "coach.test");
                let stray = Client::dial(gate.address).ask(ask);
                assert_eq!(stray.status, 308);
                // Nor is anybody shown anything who speaks as an authority does.
                let mut dialler = Dialler::new(&root, "coach.test", &[&TLS13], None);
                dialler.speak(&["acme-tls/1"]);
                assert!(
                    dialler
                        .ask(address(&gate), "GET / HTTP/1.1\r\n\r\n")
                        .is_none()
                );
                let folder = deployment.data().join("acme");
                for file in std::fs::read_dir(&folder).unwrap() {
                    use std::os::unix::fs::PermissionsExt as _;
                    let mode = file.unwrap().metadata().unwrap().permissions().mode();
                    assert_eq!(mode & 0o777, 0o600);
                }
                let accounts = || {
                    let files = std::fs::read_dir(&folder).unwrap();
                    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
                    names.filter(|name| name.starts_with("account")).count()
                };
                assert_eq!(accounts(), 1, "one account for both orders");
                gate.stop();
            });
        }
    });
}

#[test]
fn where_the_authority_sees_somebody_else_nothing_is_given_and_it_is_said() {
    let Some(program) = peer("VOUCHSAFE_TEST_PEBBLE", "pebble") else {
        return;
    };
    let upstream = Upstream::start();
    for challenge in ["http-01", "tls-alpn-01"] {
        let ports = [HeldPort::new(), HeldPort::new()];
        let [http, tls] = [ports[0].number(), ports[1].number()];
        // It looks at an app that knows nothing of its tokens.
        let elsewhere = upstream.address.port();
        let life = Duration::from_secs(86_400);
        let pebble = Pebble::start(&program, elsewhere, elsewhere, life);
        let deployment = deployment(&pebble, &upstream, [http, tls], challenge);
        let gate = deployment.up();
        until("the order has failed", || {
            let log = gate.log();
            log.contains("acme.failed").then_some(log)
        });
        assert!(shown(&gate, &pebble.root(), "coach.test").is_none());
        let own = deployment.data().join("self-signed.pem");
        let own = CertificateDer::from_pem_file(own).unwrap();
        assert!(shown(&gate, &own, "coach.test").is_some());
        deployment.run(&["check"], &[]).exits(0).says(&[
            "1 orders of a certificate failed",
            "urn:ietf:params:acme:error:",
        ]);
        gate.stop();
    }
}
