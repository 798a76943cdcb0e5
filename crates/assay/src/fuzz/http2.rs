//! A whole connection of HTTP/2: frames of any kind in any order, through the gate's own engine.
//!
//! An input is a list of frames: kind, flags, stream, length, and that many bytes. Lengths always fit, so
//! that what is changed in an input changes what frames say and not where they begin. Behind it stands an
//! app on loopback, which looks at what it is sent with an independent parser. Trusts the loopback of the
//! kernel, the one thing here that is not in the input.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use gate::{Peer, stages::Spoken};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split},
    net::{TcpListener, TcpStream},
    task::{spawn_local, yield_now},
    time::timeout,
};

use super::reference::{self, Head};
use crate::bench::{self, Bench};

/// Turns after which nothing more happens by itself.
const SETTLED: usize = 60;

/// How long a connection may take to end whose client has left: far more than it does.
const STUCK: Duration = Duration::from_secs(8);

/// The most that one input sends, in bytes.
const MOST: usize = 256 * 1024;

/// What a client begins with (RFC 9113, section 3.4): the preface and an empty SETTINGS.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Kinds of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;

/// No kind of frame, but the one before again, eight times for each unit of the byte behind it.
const AGAIN: u8 = 0xff;

/// The largest frame that a client takes which has not said otherwise (RFC 9113, section 4.2).
const LARGEST: usize = 16_384;

/// END_STREAM.
const LAST: u8 = 1;

/// What an input means.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    /// HEADERS among it.
    requests: usize,
    /// Streams it names.
    streams: BTreeSet<u32>,
}

impl Input {
    fn read(mut data: &[u8]) -> Self {
        let mut input = Self::default();
        let (mut before, mut opens) = (Vec::new(), false);
        loop {
            if let [AGAIN, times, rest @ ..] = data {
                for _ in 0..usize::from(*times) * 8 {
                    if input.bytes.len() + before.len() > MOST {
                        break;
                    }
                    input.bytes.extend_from_slice(&before);
                    input.requests += usize::from(opens);
                }
                data = rest;
                continue;
            }
            let [kind, flags, stream, length, rest @ ..] = data else {
                return input;
            };
            let payload = rest.get(..usize::from(*length)).unwrap_or(rest);
            data = rest.get(payload.len()..).unwrap_or_default();
            let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
            before = [
                &[0, 0, length, *kind, *flags, 0, 0, 0, *stream][..],
                payload,
            ]
            .concat();
            opens = *kind == HEADERS;
            input.requests += usize::from(opens);
            input.streams.insert(u32::from(*stream));
            input.bytes.extend_from_slice(&before);
        }
    }
}

/// What the app was sent.
#[derive(Default)]
struct Arrived {
    heads: Vec<Head>,
    /// What was no head to an independent parser.
    unread: Vec<String>,
}

/// Whatever frames a client sends: the app is sent whole requests of one meaning, no more than there
/// were heads; the client is sent whole frames, on streams it began and none behind the last of a
/// stream; and when it leaves, the connection ends.
pub fn connection(data: &[u8]) {
    let input = Input::read(data);
    bench::with(|bench| bench.runtime.block_on(run(bench, &input)));
}

async fn run(bench: &Bench, input: &Input) {
    bench.engine.forget();
    let arrived = Rc::<RefCell<Arrived>>::default();
    let app = spawn_local(app(Rc::clone(&bench.listener), Rc::clone(&arrived)));
    let (near, far) = duplex(16 * 1024);
    let (mut from, mut to) = split(near);
    let peer = Peer {
        address: ([127, 0, 0, 1], 1).into(),
        spoken: Spoken::Http2,
        certificate: None,
    };
    let engine = Rc::clone(&bench.engine);
    let served = spawn_local(async move { engine.serve_http2(peer, far).await });
    let heard = spawn_local(async move {
        let mut heard = Vec::new();
        let _ = from.read_to_end(&mut heard).await;
        heard
    });
    // Whoever is ended for what they send cannot send the rest.
    let _ = to.write_all(PREFACE).await;
    let _ = to.write_all(&input.bytes).await;
    for _ in 0..SETTLED {
        yield_now().await;
    }
    let _ = to.shutdown().await;
    let heard = timeout(STUCK, heard).await;
    let Ok(Ok(heard)) = heard else {
        panic!("the connection goes on without its client");
    };
    let ended = timeout(STUCK, served).await;
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    app.abort();
    check_heard(&heard, input);
    let arrived = arrived.take();
    assert!(arrived.unread.is_empty(), "{:?}", arrived.unread);
    let (heads, asked) = (arrived.heads.len(), input.requests);
    assert!(heads <= asked, "{heads} requests of {asked} heads");
    arrived.heads.iter().for_each(check_arrived);
}

/// Takes connections, and keeps every head it was sent.
async fn app(listener: Rc<TcpListener>, arrived: Rc<RefCell<Arrived>>) {
    while let Ok((stream, _)) = listener.accept().await {
        spawn_local(answer(stream, Rc::clone(&arrived)));
    }
}

/// Answers each request with as many bytes as its target asks for, a longer one for more than a window.
async fn answer(mut stream: TcpStream, arrived: Rc<RefCell<Arrived>>) {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    let mut known = false;
    loop {
        if let Some(head) = reference::request(&received) {
            if !known {
                arrived.borrow_mut().heads.push(head.clone());
                known = true;
            }
            let behind = received.get(head.length..).unwrap_or_default();
            if let Some((_, length)) = head.body(behind) {
                let answer = vec![b'a'; head.second.len() * 1000];
                let line = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                    answer.len()
                );
                let answer = match head.first.as_slice() {
                    b"HEAD" => line.into_bytes(),
                    _ => [line.as_bytes(), &answer].concat(),
                };
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
                received.drain(..head.length + length);
                known = false;
                continue;
            }
        } else if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = received.get(..end).unwrap_or_default();
            let text = text.escape_ascii().to_string();
            return arrived.borrow_mut().unread.push(text);
        }
        match stream.read(&mut piece).await {
            Ok(count @ 1..) => received.extend(piece.get(..count).unwrap_or_default()),
            _ => return,
        }
    }
}

/// A request as the app got it is one, to every reader.
fn check_arrived(head: &Head) {
    let values = |name: &str| head.values(name).collect::<Vec<_>>();
    assert!(is_ours(&values("host")), "{head:?}");
    assert_eq!(values("x-request-id").len(), 1, "{head:?}");
    assert_eq!(values("x-forwarded-proto").len(), 1, "{head:?}");
    let framed = values("content-length").len() + values("transfer-encoding").len();
    assert!(framed <= 1 && head.one_one, "{head:?}");
    assert!(matches!(head.second.first(), Some(b'/' | b'*')), "{head:?}");
    for name in ["upgrade", "te", "keep-alive", "http2-settings"] {
        assert!(values(name).is_empty(), "{head:?}");
    }
}

/// One host, which is ours in whatever letters and with whatever port.
fn is_ours(hosts: &[&[u8]]) -> bool {
    let [host] = hosts else {
        return false;
    };
    let name = host.split(|byte| *byte == b':').next().unwrap_or_default();
    name.eq_ignore_ascii_case(b"gate.test")
}

/// What a client is sent are frames, none of them on a stream that it did not name or that has ended.
fn check_heard(mut heard: &[u8], input: &Input) {
    let mut ended: BTreeMap<u32, bool> = BTreeMap::new();
    while let [a, b, c, kind, flags, w, x, y, z, rest @ ..] = heard {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let stream = u32::from_be_bytes([*w, *x, *y, *z]);
        assert!(length <= LARGEST, "a frame of {length} bytes");
        assert!(*kind <= 9, "a frame of kind {kind}");
        if matches!(*kind, DATA | HEADERS) {
            assert!(input.streams.contains(&stream), "an answer on {stream}");
            let ended = ended.entry(stream).or_default();
            assert!(!*ended, "more behind the end of {stream}");
            *ended = flags & LAST != 0;
        }
        // The last frame may be cut off where the client left.
        heard = rest.get(length..).unwrap_or_default();
    }
}
