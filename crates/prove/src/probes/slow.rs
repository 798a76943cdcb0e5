//! Clients that are slow on purpose.
//!
//! Half a head on many connections at once, one byte more each second: whoever asks beside them must be
//! served, and they must come to an end. The connections are the proof's own and end with it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use config::quantity;
use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target,
    probe::{ANSWER_TIME, Reply, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::passing;

/// Attacks `overload.slow`.
pub(super) struct Slow;

/// Most connections of a proof.
const MOST: u64 = 1000;
/// How much longer than promised an end may take to be seen here.
const SLACK: Duration = Duration::from_secs(3);
/// How often each connection is looked at, and how many looks lie between two of its bytes.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 10;
/// The beginning of a head, and of a handshake, whose end never comes.
const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: slow.invalid\r\nX-Slow: ";
const HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
/// What comes more, byte by byte.
const DRIP: u8 = b'0';

impl Probe for Slow {
    fn promise(&self) -> &'static str {
        "overload.slow"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let anchor = |what| TargetError::new("read the anchor", what);
        let clients = asked.value("clients").and_then(|text| text.parse().ok());
        let clients: u64 = clients.ok_or_else(|| anchor("clients is no number"))?;
        let within = asked.value("within").and_then(quantity::duration);
        let within = within.ok_or_else(|| anchor("within is no duration"))?;
        if clients > MOST {
            sheet.unproven(format!("it would take more than {MOST} connections"));
            return Ok(());
        }
        let Some((address, begins)) = listener(at) else {
            sheet.unproven("no listener does more than send people to HTTPS");
            return Ok(());
        };
        let Some(before) = healthy(at, sheet)? else {
            return Ok(());
        };
        let clock = SystemClock::new();
        let mut crowd = (0..clients)
            .map(|_| hold(address, begins))
            .collect::<Result<Vec<_>, _>>()?;
        let during = healthy(at, sheet)?;
        sheet.pair(
            format!("a request beside {clients} clients that have sent half of one"),
            served(during.as_ref()),
            Met::status(&before, &[200]),
        );
        let mut looks = 0_u32;
        while !crowd.is_empty() && clock.monotonic() < within + SLACK {
            crowd.retain_mut(|stream| is_open(stream, looks.is_multiple_of(LOOKS)));
            looks = looks.wrapping_add(1);
            std::thread::sleep(LOOK);
        }
        let (left, took) = (crowd.len(), clock.monotonic());
        drop(crowd);
        let after = healthy(at, sheet)?;
        sheet.pair(
            format!("{clients} clients that send one byte more each second"),
            Met::when(
                left == 0,
                match left {
                    0 => format!("all ended within {} s", took.as_secs()),
                    _ => format!("{left} still open after {} s", took.as_secs()),
                },
            ),
            served(after.as_ref()),
        );
        Ok(())
    }
}

/// A request that passes every stage, and ends at the echo.
fn healthy(at: &dyn Target, sheet: &mut Sheet) -> Result<Option<Reply>, TargetError> {
    let draft = passing(at, sheet)?;
    draft.map(|draft| draft.ticketed(at)?.send(at)).transpose()
}

/// Whether it was served. That it was not is what the attack is for, whatever the gate says.
fn served(reply: Option<&Reply>) -> Met {
    match reply.map(Reply::answer) {
        Some(Some(answer)) => Met::when(answer.status == 200, answer.status.to_string()),
        Some(None) => Met::when(false, "no answer"),
        None => Met::inconclusive("nothing to ask for"),
    }
}

/// The listener that is attacked, and how a client of it begins.
fn listener(at: &dyn Target) -> Option<(SocketAddr, &'static [u8])> {
    let facts = at.facts();
    let tables = facts.configuration.get("listen").and_then(Value::as_array);
    let Some(tables) = tables else {
        return facts.gate.first().map(|address| (*address, HEAD));
    };
    let mut listeners = tables.iter().zip(&facts.gate);
    listeners.find_map(|(table, address)| {
        let redirects = table.get("redirect").and_then(Value::as_bool) == Some(true);
        let begins = if table.get("tls").is_some() {
            HELLO
        } else {
            HEAD
        };
        (!redirects).then_some((*address, begins))
    })
}

fn hold(address: SocketAddr, begins: &[u8]) -> Result<TcpStream, TargetError> {
    let failed = |cause: std::io::Error| TargetError::new("hold a connection", cause);
    let address = crate::target::dial::reachable(address);
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    // One that is turned away at once has ended, which is seen when it is looked at.
    let _ = stream.write_all(begins);
    stream.set_nonblocking(true).map_err(failed)?;
    Ok(stream)
}

/// Whether the other side keeps it open, after another byte where `drips`.
fn is_open(stream: &mut TcpStream, drips: bool) -> bool {
    let waits = |fault: &std::io::Error| fault.kind() == ErrorKind::WouldBlock;
    if drips && stream.write(&[DRIP]).is_err_and(|fault| !waits(&fault)) {
        return false;
    }
    let mut piece = [0; 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            Err(fault) => return waits(&fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use control::Verdict;

    use super::*;
    use crate::target::double::{Double, echo};

    /// A gate whose listener does `with` each connection, and which answers others in this way.
    fn verdict(with: fn(TcpStream) -> Option<TcpStream>, serves: bool) -> Verdict {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut at = Double::answering(move |_| match serves {
            true => echo(&[]),
            false => Reply::TimedOut,
        });
        at.facts.gate = vec![listener.local_addr().unwrap()];
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                kept.extend(with(stream));
            }
        });
        let asked = Asked {
            promise: "overload.slow".to_owned(),
            values: [("clients", "20"), ("within", "1s")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        Slow.run(&asked, &at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn clients_that_are_cut_off_keep_the_promise_and_those_that_last_break_it() {
        assert_eq!(verdict(|_| None, true), Verdict::Kept);
        assert_eq!(verdict(Some, true), Verdict::Broken);
    }

    #[test]
    fn a_gate_that_serves_nobody_is_an_error_before_it_is_anything_else() {
        assert_eq!(verdict(|_| None, false), Verdict::Error);
    }
}
