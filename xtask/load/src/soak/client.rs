//! Clients that say what they mean: whole requests, and the one answer that is right for each.

use std::{fmt::Write as _, io, rc::Rc, time::Duration};

use aws_lc_rs::hmac;

use super::{Kind, Spec, account::Seen, rough};
use crate::{
    client::{Answer, Client},
    spec::{self, request},
    tls::Tls,
    websocket,
};

/// Bytes of the small answer of the origin.
const SMALL: u64 = 99;

/// Bytes of an upload.
const UPLOAD: usize = 256 * 1024;

/// Messages through one WebSocket, the time between them, and the bytes of each.
const MESSAGES: (usize, Duration, usize) = (20, Duration::from_millis(10), 200);

/// One client of a kind.
pub(crate) struct Visitor {
    spec: Rc<Spec>,
    kind: Kind,
    number: usize,
    /// Visits so far.
    count: u64,
    /// The connection of those who keep theirs.
    kept: Option<Client>,
    tls: Option<Tls>,
}

impl Visitor {
    pub(crate) fn new(spec: Rc<Spec>, kind: Kind, number: usize) -> io::Result<Self> {
        let tls = spec::Tls {
            name: spec.host.clone(),
            certificate: spec.certificate.clone(),
            // One of the two resumes.
            resume: number == 0,
        };
        Ok(Self {
            tls: (kind == Kind::KeyedOverTls)
                .then(|| Tls::new(&tls))
                .transpose()?,
            spec,
            kind,
            number,
            count: 0,
            kept: None,
        })
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// One visit.
    pub(crate) async fn once(&mut self) -> io::Result<Seen> {
        self.count += 1;
        let host = format!("Host: {}", self.spec.host);
        let key = format!("X-API-Key: {}", self.spec.key);
        match self.kind {
            Kind::Keyed => {
                let bytes = request("GET", "/api/students", &[host, key], 0, false);
                self.ask_kept(&bytes, right(200, SMALL)).await
            }
            Kind::KeyedOverTls => {
                let bytes = request("GET", "/api/students", &[host, key], 0, false);
                self.ask(&bytes, right(200, SMALL)).await
            }
            Kind::Keyless => {
                let bytes = request("GET", "/api/students", &[host], 0, false);
                self.ask_kept(&bytes, status(401)).await
            }
            Kind::OutOfScope => {
                let bytes = request("DELETE", "/api/students", &[host, key], 0, false);
                self.ask_kept(&bytes, status(403)).await
            }
            Kind::ForeignHost => {
                let foreign = "Host: elsewhere.example".to_owned();
                let bytes = request("GET", "/open", &[foreign], 0, false);
                self.ask_kept(&bytes, status(400)).await
            }
            Kind::Nowhere => {
                let bytes = request("GET", "/nowhere", &[host], 0, false);
                self.ask_kept(&bytes, status(404)).await
            }
            Kind::Delivery => self.deliver(self.count, true).await,
            // The first is taken, each later one acknowledged without being forwarded.
            Kind::Repeated => self.deliver(1, true).await,
            Kind::Forged => self.deliver(self.count, false).await,
            Kind::Upload => {
                let chunked = self.count.is_multiple_of(2);
                let bytes = request("POST", "/open/upload", &[host], UPLOAD, chunked);
                let said = format!("{{\"received\":{UPLOAD}}}").len() as u64;
                self.ask_kept(&bytes, right(200, said)).await
            }
            Kind::TooLong => {
                let long = "Content-Length: 99999999".to_owned();
                let bytes = request("POST", "/open/upload", &[host, long], 0, false);
                self.ask(&bytes, status(413)).await
            }
            Kind::Events => {
                let bytes = request("GET", "/open/events", &[host], 0, false);
                let said = "data: 0\n\n".len() as u64 * 10;
                self.ask(&bytes, right(200, said)).await
            }
            Kind::WebSocket => self.converse(&host).await,
            Kind::SlowReader => rough::read_slowly(self.spec.address, &host).await,
            Kind::SlowWriter => rough::write_slowly(self.spec.address, &host).await,
            Kind::Aborted => rough::leave(self.spec.address, &host, self.count).await,
            Kind::Garbage => rough::babble(self.spec.address, &host, self.count).await,
        }
    }

    /// A delivery of GitHub's kind, signed as GitHub does or with one byte of the body changed.
    async fn deliver(&mut self, number: u64, genuine: bool) -> io::Result<Seen> {
        let kind = self.kind.name();
        let body = format!(
            "{{\"kind\":\"{kind}\",\"from\":{},\"number\":{number}}}",
            self.number
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.spec.secret.as_bytes());
        let signed = if genuine {
            body.clone()
        } else {
            format!("{body} ")
        };
        let mut signature = String::from("X-Hub-Signature-256: sha256=");
        for byte in hmac::sign(&key, signed.as_bytes()).as_ref() {
            let _ = write!(signature, "{byte:02x}");
        }
        let fields = [
            format!("Host: {}", self.spec.host),
            "Content-Type: application/json".to_owned(),
            signature,
            format!("Content-Length: {}", body.len()),
        ];
        let mut bytes = request("POST", "/hook", &fields, 0, false);
        bytes.extend_from_slice(body.as_bytes());
        match (genuine, self.kind, self.count) {
            (false, ..) => self.ask_kept(&bytes, status(403)).await,
            (true, Kind::Repeated, 2..) => self.ask_kept(&bytes, status(202)).await,
            _ => self.ask_kept(&bytes, status(200)).await,
        }
    }

    /// Opens a WebSocket, talks, and closes it in order.
    async fn converse(&self, host: &str) -> io::Result<Seen> {
        let (messages, pause, size) = MESSAGES;
        let fields = [
            host.to_owned(),
            "Connection: Upgrade".to_owned(),
            "Upgrade: websocket".to_owned(),
            "Sec-WebSocket-Version: 13".to_owned(),
            format!("Sec-WebSocket-Key: {}", websocket::KEY),
        ];
        let mut client = Client::dial(self.spec.address, None).await?;
        let answer = client
            .ask(&request("GET", "/open/ws", &fields, 0, false))
            .await?;
        if answer.status != 101 {
            return Ok(Seen::Wrong(answer.status, "instead of 101".to_owned()));
        }
        let mut frame = Vec::new();
        websocket::write(&vec![b'm'; size], false, true, &mut frame);
        for _ in 0..messages {
            client.echo(&frame, size).await?;
            tokio::time::sleep(pause).await;
        }
        let mut goodbye = Vec::new();
        websocket::write(&[], true, true, &mut goodbye);
        client.send(&goodbye).await?;
        client.end().await?;
        Ok(Seen::Right(101))
    }

    /// Asks over a connection of its own.
    async fn ask(
        &self,
        bytes: &[u8],
        judge: impl Fn(&Answer) -> Option<String>,
    ) -> io::Result<Seen> {
        let address = match self.tls {
            Some(_) => self.spec.secure,
            None => self.spec.address,
        };
        let mut client = Client::dial(address, self.tls.as_ref()).await?;
        let answer = client.ask(bytes).await?;
        client.close().await;
        Ok(seen(&answer, judge(&answer)))
    }

    /// Asks over the connection it has kept, as long as that lasts.
    async fn ask_kept(
        &mut self,
        bytes: &[u8],
        judge: impl Fn(&Answer) -> Option<String>,
    ) -> io::Result<Seen> {
        let mut client = match self.kept.take() {
            Some(client) => client,
            None => Client::dial(self.spec.address, None).await?,
        };
        let answer = client.ask(bytes).await?;
        if !answer.last {
            self.kept = Some(client);
        }
        Ok(seen(&answer, judge(&answer)))
    }
}

fn seen(answer: &Answer, wrong: Option<String>) -> Seen {
    match wrong {
        None => Seen::Right(answer.status),
        Some(why) => Seen::Wrong(answer.status, why),
    }
}

/// Whether an answer has this status; what is wrong with it otherwise.
fn status(right: u16) -> impl Fn(&Answer) -> Option<String> {
    move |answer| (answer.status != right).then(|| format!("instead of {right}"))
}

/// Whether an answer has this status and a body of this length.
fn right(expected: u16, length: u64) -> impl Fn(&Answer) -> Option<String> {
    move |answer| {
        status(expected)(answer).or_else(|| {
            let other = answer.length != length;
            other.then(|| format!("{} bytes instead of {length}", answer.length))
        })
    }
}
