//! Servers, certificates, names and a client for all of them.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use connect::{
    Answer, Host, LookupFault, Name, Policy, Resolve, Target,
    client::{Client, Limits},
    policy::Exception,
    resolve::Looking,
    tls,
};
use control::{Timestamp, clock::FixedClock};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// 2026-11-22: the day of every test.
pub(crate) const TODAY: Timestamp = Timestamp::from_seconds(1_795_305_600);

/// A server on loopback, which ends with the runtime of its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each connection's first request with what `answer` makes of it, and closes.
    pub(crate) async fn plain(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::start(None, answer).await
    }

    /// The same under TLS.
    pub(crate) async fn tls(
        config: Arc<ServerConfig>,
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(TlsAcceptor::from(config)), answer).await
    }

    async fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, record) = (tls.clone(), Arc::clone(&record));
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &record, &*answer).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &record, &*answer).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request it was sent, in order.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    record: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str) -> String + Send + Sync),
) {
    let mut request = Vec::new();
    while !whole(&request) {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let request = String::from_utf8(request).unwrap();
    record.lock().unwrap().push(request.clone());
    // Whoever asked may have had enough.
    let _ = stream.write_all(answer(&request).as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Whether a request has come to its end.
fn whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    body.len() >= length
}

/// An answer with a body.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An answer that sends elsewhere.
pub(crate) fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// Names that answer from a script: the last of its answers stays.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Vec<Scripted>>>);

struct Scripted {
    name: Name,
    answers: Vec<Vec<IpAddr>>,
    asked: usize,
}

impl Script {
    /// `name` resolves to each of `answers` in turn.
    pub(crate) fn add(&self, name: &str, answers: &[&[&str]]) {
        let parse = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        self.0.lock().unwrap().push(Scripted {
            name: Name::parse(name).unwrap(),
            answers: answers.iter().map(parse).collect(),
            asked: 0,
        });
    }

    /// How often `name` was asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        let scripted = self.0.lock().unwrap();
        scripted
            .iter()
            .find(|it| it.name.as_str() == name)
            .map_or(0, |it| it.asked)
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, name: &'a Name) -> Looking<'a> {
        let mut scripted = self.0.lock().unwrap();
        let answer = scripted
            .iter_mut()
            .find(|it| it.name == *name)
            .map(|it| {
                let at = it.asked.min(it.answers.len() - 1);
                it.asked += 1;
                Answer {
                    aliases: Vec::new(),
                    addresses: it.answers[at].clone(),
                }
            })
            .ok_or_else(|| LookupFault::Unknown(name.clone()));
        Box::pin(std::future::ready(answer))
    }
}

/// An exception that opens loopback for `host` on the server's port.
pub(crate) fn opens(host: &str, server: &Server) -> Exception {
    Exception {
        host: Host::parse(host).unwrap(),
        network: "127.0.0.0/8".parse().unwrap(),
        port: Some(server.port()),
        reason: "the server of a test".to_owned(),
        until: TODAY.plus(Duration::from_secs(60)),
    }
}

/// What a test's client is made of.
pub(crate) struct Setup {
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) names: Script,
    pub(crate) roots: Option<PathBuf>,
    pub(crate) limits: Limits,
}

impl Setup {
    /// Each host resolves to loopback and may reach its server.
    pub(crate) fn of(servers: &[(&str, &Server)]) -> Self {
        let names = Script::default();
        for (host, _) in servers {
            names.add(host, &[&["127.0.0.1"]]);
        }
        Self {
            exceptions: servers
                .iter()
                .map(|(host, server)| opens(host, server))
                .collect(),
            names,
            roots: None,
            limits: Limits::default(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        let clock = Arc::new(FixedClock::at(TODAY));
        let policy = Policy {
            exceptions: self.exceptions.clone(),
            ..Policy::default()
        };
        let tls = tls::config(self.roots.as_deref(), Arc::<FixedClock>::clone(&clock)).unwrap();
        Client::new(
            policy,
            Box::new(self.names.clone()),
            tls,
            clock,
            self.limits,
        )
    }
}

pub(crate) fn target(url: &str) -> Target {
    Target::parse(url).unwrap()
}

/// An authority of the tests, and the file that names it as a root.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(crate) roots: PathBuf,
    _folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("ca.pem");
        std::fs::write(&roots, issuer.pem()).unwrap();
        Self {
            issuer,
            roots,
            _folder: folder,
        }
    }

    /// A server's certificate for `names`, good through the given years.
    pub(crate) fn certificate(&self, names: &[&str], from: i32, to: i32) -> Arc<ServerConfig> {
        let (params, key) = leaf(names, from, to);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server_config(&certificate, &key)
    }
}

/// A certificate that nobody vouches for.
pub(crate) fn self_signed(names: &[&str]) -> Arc<ServerConfig> {
    let (params, key) = leaf(names, 2020, 2040);
    server_config(&params.self_signed(&key).unwrap(), &key)
}

fn leaf(names: &[&str], from: i32, to: i32) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    (params, KeyPair::generate().unwrap())
}

fn server_config(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Arc::new(config)
}
