//! The same attacks on both doors.
//!
//! Owns how an attack is made on the bare app and on the gate, and the table that shows the one
//! giving way and the other holding. An attack that the bare app's own parser refuses is listed as
//! such and counts for nobody.

use std::net::SocketAddr;

use control::probe::Reply;

use super::{stage::Stage, traffic::get};
use crate::failure::Failure;

/// One attack and what both doors did.
pub(crate) struct Outcome {
    name: &'static str,
    bare: Door,
    behind: Door,
}

/// What a door did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// The attack got what it wanted.
    GaveWay,
    /// Turned away, with this status.
    Refused(u16),
    /// Answered, without what the attack wanted: with this status.
    Held(u16),
    /// No answer.
    Silent,
}

impl Door {
    fn words(self) -> String {
        match self {
            Self::GaveWay => "succeeds".to_owned(),
            Self::Refused(status) => format!("refused {status}"),
            Self::Held(status) => format!("held ({status})"),
            Self::Silent => "no answer".to_owned(),
        }
    }
}

/// Makes one attack on both doors. `make` gives its bytes, under a name that is unique to attack and
/// door; they are sent this often, and only the last answer counts; `won` says whether the attack got
/// what it wanted.
pub(super) fn on_both(
    stage: &Stage,
    (name, number): (&'static str, usize),
    times: usize,
    make: impl Fn(&str) -> Result<Vec<u8>, Failure>,
    won: impl Fn(&Reply, &str) -> bool,
) -> Result<Outcome, Failure> {
    let at = |door: &str, address: SocketAddr| -> Result<Door, Failure> {
        let unique = format!("vsdemo{number}{door}");
        let bytes = make(&unique)?;
        let mut reply = stage.send(address, &bytes)?;
        for _ in 1..times {
            reply = stage.send(address, &bytes)?;
        }
        let won = won(&reply, &unique);
        Ok(match reply.answer().map(|answer| answer.status) {
            _ if won => Door::GaveWay,
            Some(status) if status >= 400 => Door::Refused(status),
            Some(status) => Door::Held(status),
            None => Door::Silent,
        })
    };
    Ok(Outcome {
        name,
        bare: at("bare", stage.app())?,
        behind: at("gate", stage.gate())?,
    })
}

/// An attack of a list: its name, its bytes by what the attacker knows, and whether it got what it
/// wanted.
pub(super) type Attack<K> = (&'static str, fn(&K) -> Vec<u8>, fn(&Reply, &str) -> bool);

/// What anybody can try who knows nothing.
const AT_THE_FRONT_DOOR: &[Attack<()>] = &[
    (
        "another site's name in Host",
        |()| foreign_host(),
        |reply, _| answered(reply),
    ),
    (
        "Content-Length and Transfer-Encoding together",
        |()| smuggling(),
        |reply, _| answered(reply),
    ),
    ("no Host at all", |()| no_host(), |reply, _| answered(reply)),
    (
        "a page that another site may frame",
        |()| get("/", ""),
        |reply, _| frameable(reply),
    ),
];

/// Makes each of `attacks` with what is `known`, then those at the front door, once on both doors.
pub(super) fn on_each<K>(
    stage: &Stage,
    known: &K,
    attacks: &[Attack<K>],
) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    for (number, (name, make, won)) in attacks.iter().enumerate() {
        let make = |_: &str| Ok(make(known));
        outcomes.push(on_both(stage, (name, number), 1, make, won)?);
    }
    for (number, (name, make, won)) in (attacks.len()..).zip(AT_THE_FRONT_DOOR) {
        outcomes.push(on_both(stage, (name, number), 1, |_| Ok(make(&())), won)?);
    }
    Ok(outcomes)
}

/// The table, one line an attack.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let width = outcomes
        .iter()
        .map(|outcome| outcome.name.len())
        .max()
        .unwrap_or(0);
    let mut text = format!(
        "{:width$}  {:<14}  behind Vouchsafe\n",
        "attack", "bare app"
    );
    for outcome in outcomes {
        text.push_str(&format!(
            "{:width$}  {:<14}  {}\n",
            outcome.name,
            outcome.bare.words(),
            outcome.behind.words()
        ));
    }
    text
}

/// Why these outcomes show nothing: the gate gave way, or the bare app held where it should not.
pub(crate) fn contradiction(outcomes: &[Outcome]) -> Option<String> {
    outcomes
        .iter()
        .find_map(|outcome| match (outcome.bare, outcome.behind) {
            (_, Door::GaveWay) => Some(format!("{}: got through the gate", outcome.name)),
            (Door::GaveWay, _) => None,
            (_, _) => Some(format!(
                "{}: the bare app held, so nothing was shown",
                outcome.name
            )),
        })
}

/// A request that tells a foreign name.
pub(super) fn foreign_host() -> Vec<u8> {
    b"GET / HTTP/1.1\r\nHost: evil.invalid\r\nConnection: close\r\n\r\n".to_vec()
}

/// A request that ends in two places.
pub(super) fn smuggling() -> Vec<u8> {
    let head = "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n";
    format!("{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n").into_bytes()
}

/// A request that tells no name.
pub(super) fn no_host() -> Vec<u8> {
    b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec()
}

/// Whether an answer is a 200 that holds `text`.
pub(super) fn body_has(reply: &Reply, text: &str) -> bool {
    reply.answer().is_some_and(|answer| {
        answer.status == 200 && String::from_utf8_lossy(&answer.body).contains(text)
    })
}

/// Whether it was answered with 200.
pub(super) fn answered(reply: &Reply) -> bool {
    reply.answer().is_some_and(|answer| answer.status == 200)
}

/// Whether another site may frame the page.
pub(super) fn frameable(reply: &Reply) -> bool {
    reply
        .answer()
        .is_some_and(|answer| answer.field("X-Frame-Options").is_none())
}
