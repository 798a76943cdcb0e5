//! No client ever sees a byte that was meant for another, whatever clients and origin do.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod support;

use std::{
    sync::{Arc, Mutex},
    thread,
};

use proptest::prelude::*;
use support::{Origin, Wire, start};

/// What the origin does with a request, told by the request's path.
const BEHAVIOURS: [&str; 8] = [
    "length",
    "chunked",
    "close",
    "surplus",
    "chunked-surplus",
    "early",
    "cut",
    "silent-close",
];

/// An answer nobody asked for, with room for the next one in its body.
const SURPLUS: &[u8] = b"HTTP/1.1 200 OK\r\nX-Mark: 99\r\nContent-Length: 9000\r\n\r\n";

/// One request of one client.
#[derive(Clone, Debug)]
struct Step {
    client: u8,
    behaviour: usize,
    chunked: bool,
    length: usize,
    piece: usize,
    /// Where in its request the client gives up, in hundredths; 100 is never.
    gives_up: usize,
    pipelined: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0_u8..2,
        0..BEHAVIOURS.len(),
        any::<bool>(),
        0_usize..20_000,
        prop_oneof![Just(usize::MAX), 1_usize..3000],
        prop_oneof![4 => Just(100_usize), 1 => 50_usize..100, 1 => 0_usize..50],
        any::<bool>(),
    )
        .prop_map(
            |(client, behaviour, chunked, length, piece, gives_up, pipelined)| Step {
                client,
                behaviour,
                chunked,
                length,
                piece: piece.max(1),
                gives_up,
                pipelined,
            },
        )
}

impl Step {
    fn bytes(&self, mark: u8) -> Vec<u8> {
        let body = vec![mark; self.length];
        let head = format!(
            "POST /{}/{} HTTP/1.1\r\nHost: gate.test\r\n",
            BEHAVIOURS[self.behaviour], mark
        );
        let mut bytes = head.into_bytes();
        if self.chunked {
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for part in body.chunks(777) {
                bytes.extend(format!("{:x}\r\n", part.len()).as_bytes());
                bytes.extend(part);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend(body);
        }
        bytes
    }
}

type Faults = Arc<Mutex<Vec<String>>>;

/// Answers with bytes of the request's own mark, and notes each request that mixes marks.
fn origin(faults: &Faults) -> Origin {
    let faults = Arc::clone(faults);
    Origin::scripted(move |_, mut wire| {
        while let Some(head) = wire.try_head() {
            let mut words = head.split([' ', '/']);
            let (behaviour, mark) = (words.nth(2).unwrap(), words.next().unwrap());
            let mark: u8 = mark.parse().unwrap();
            if behaviour == "early" {
                let answer = "HTTP/1.1 403 Forbidden\r\nX-Mark: MARK\r\nContent-Length: 0\r\n\r\n";
                wire.try_send(answer.replace("MARK", &mark.to_string()));
            }
            let Some(body) = wire.try_body(&head) else {
                return;
            };
            if body.iter().any(|byte| *byte != mark) {
                faults
                    .lock()
                    .unwrap()
                    .push(format!("the origin saw {head}"));
            }
            if behaviour == "early" {
                continue;
            }
            let body = vec![mark; body.len() / 2 + 1];
            let answer = match behaviour {
                "silent-close" => return,
                "chunked" | "chunked-surplus" => [
                    format!(
                        "HTTP/1.1 200 OK\r\nX-Mark: {mark}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
                        body.len()
                    )
                    .as_bytes(),
                    &body,
                    b"\r\n0\r\n\r\n",
                    if behaviour == "chunked" { b"" } else { SURPLUS },
                ]
                .concat(),
                _ => {
                    let promised = body.len() + usize::from(behaviour == "cut");
                    let surplus: &[u8] = match behaviour {
                        "surplus" => SURPLUS,
                        _ => b"",
                    };
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nX-Mark: {mark}\r\nContent-Length: {promised}\r\n\r\n"
                    );
                    [head.as_bytes(), &body, surplus].concat()
                }
            };
            if !wire.try_send(answer) || matches!(behaviour, "close" | "cut") {
                return;
            }
        }
    })
}

/// Runs one client's steps on as few connections as the gate allows.
fn client(address: std::net::SocketAddr, mark: u8, steps: &[Step], faults: &Faults) {
    let mut kept: Option<Wire> = None;
    let mut pending = 0;
    for step in steps {
        let mut wire = kept.take().unwrap_or_else(|| {
            pending = 0;
            Wire::connect(address)
        });
        let bytes = step.bytes(mark);
        let upto = bytes.len() * step.gives_up / 100;
        let sent = bytes[..upto]
            .chunks(step.piece)
            .all(|piece| wire.try_send(piece));
        let early = BEHAVIOURS[step.behaviour] == "early";
        let head = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        if step.gives_up < 100 {
            if early && upto > head {
                // Leaves only once the answer is here, so that it is whole and the request is not.
                let _ = (0..=pending).all(|_| read(&mut wire, mark, faults));
            }
            continue;
        }
        pending += 1;
        if step.pipelined && sent && pending < 3 {
            kept = Some(wire);
            continue;
        }
        let open = (0..pending).all(|_| read(&mut wire, mark, faults));
        pending = 0;
        if open {
            kept = Some(wire);
        }
    }
}

/// Reads one answer; whether the connection goes on.
fn read(wire: &mut Wire, mark: u8, faults: &Faults) -> bool {
    let Some(head) = wire.try_head() else {
        return false;
    };
    let note = |what: String| faults.lock().unwrap().push(what);
    let lower = head.to_ascii_lowercase();
    let own = format!("x-mark: {mark}\r\n");
    let from_origin = lower.contains("x-mark: ");
    if from_origin && !lower.contains(&own) {
        note(format!("client {mark} saw {head}"));
    }
    let Some(body) = wire.try_body(&head) else {
        return false;
    };
    if from_origin && body.iter().any(|byte| *byte != mark) {
        note(format!("client {mark} saw a body of {:?}", body.first()));
    }
    !lower.contains("connection: close")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn marked_bodies_never_meet(steps in prop::collection::vec(step(), 1..24)) {
        let faults = Faults::default();
        let origin = origin(&faults);
        let gate = start(&origin);
        let address = gate.address();
        let clients: Vec<_> = (0_u8..2)
            .map(|number| {
                let steps: Vec<_> = steps.iter().filter(|step| step.client == number).cloned().collect();
                let faults = Arc::clone(&faults);
                thread::spawn(move || client(address, number + 1, &steps, &faults))
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        let faults = faults.lock().unwrap().clone();
        prop_assert!(faults.is_empty(), "{faults:?}");
    }
}
