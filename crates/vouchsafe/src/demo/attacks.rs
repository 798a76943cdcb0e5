//! The same attacks on both doors.
//!
//! Owns a list of attacks, each with the sign by which it succeeded, and the table that shows the
//! bare app giving way and the gate holding. An attack that the bare app's own parser refuses is
//! listed as such and counts for nobody.

use control::probe::Reply;
use student_outreach::Student;

use super::{
    stage::Stage,
    traffic::{form, get, post, registration, whatsapp},
};
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

/// Makes the bytes; `name` is unique to the attack and the door.
type Make = fn(&Stage, &[Student], name: &str) -> Result<Vec<u8>, Failure>;
/// Whether the attack got what it wanted.
type Won = fn(&Stage, &Reply, name: &str) -> bool;

struct Attack {
    name: &'static str,
    make: Make,
    /// Sent this often; only the last answer counts.
    times: usize,
    won: Won,
}

const ATTACKS: &[Attack] = &[
    Attack {
        name: "a WhatsApp message without a signature",
        make: unsigned,
        times: 1,
        won: stored,
    },
    Attack {
        name: "a message signed with another secret",
        make: forged,
        times: 1,
        won: stored,
    },
    Attack {
        name: "a message altered after it was signed",
        make: altered,
        times: 1,
        won: stored,
    },
    Attack {
        name: "a registration sent twice",
        make: repeated,
        times: 2,
        won: stored_twice,
    },
    Attack {
        name: "every student's name and number, without a key",
        make: no_key,
        times: 1,
        won: shows_students,
    },
    Attack {
        name: "the same with a made-up key",
        make: made_up_key,
        times: 1,
        won: shows_students,
    },
    Attack {
        name: "being somebody else by a header",
        make: impersonation,
        times: 1,
        won: believed,
    },
    Attack {
        name: "another site's name in Host",
        make: foreign_host,
        times: 1,
        won: answered,
    },
    Attack {
        name: "Content-Length and Transfer-Encoding together",
        make: smuggling,
        times: 1,
        won: answered,
    },
    Attack {
        name: "no Host at all",
        make: no_host,
        times: 1,
        won: answered,
    },
    Attack {
        name: "a page that another site may frame",
        make: landing,
        times: 1,
        won: frameable,
    },
];

pub(crate) fn run(stage: &Stage, class: &[Student]) -> Result<Vec<Outcome>, Failure> {
    ATTACKS
        .iter()
        .enumerate()
        .map(|(number, attack)| {
            let at = |door: &str, address| -> Result<Door, Failure> {
                let name = format!("vsdemo{number}{door}");
                let bytes = (attack.make)(stage, class, &name)?;
                let mut reply = stage.send(address, &bytes)?;
                for _ in 1..attack.times {
                    reply = stage.send(address, &bytes)?;
                }
                let won = (attack.won)(stage, &reply, &name);
                Ok(match reply.answer().map(|answer| answer.status) {
                    _ if won => Door::GaveWay,
                    Some(status) if status >= 400 => Door::Refused(status),
                    Some(status) => Door::Held(status),
                    None => Door::Silent,
                })
            };
            Ok(Outcome {
                name: attack.name,
                bare: at("bare", stage.app())?,
                behind: at("gate", stage.gate())?,
            })
        })
        .collect()
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

fn unsigned(_: &Stage, _: &[Student], name: &str) -> Result<Vec<u8>, Failure> {
    let headers = [(
        "Content-Type".to_owned(),
        "application/x-www-form-urlencoded".to_owned(),
    )];
    Ok(post(
        "/webhook/whatsapp",
        &headers,
        form("+31858880000", name).as_bytes(),
    ))
}

fn forged(stage: &Stage, _: &[Student], name: &str) -> Result<Vec<u8>, Failure> {
    let other = control::Secret::new(b"00000000000000000000000000000000".to_vec());
    whatsapp(
        stage,
        &other,
        "/webhook/whatsapp",
        &form("+31858880000", name),
        name,
    )
}

fn altered(stage: &Stage, _: &[Student], name: &str) -> Result<Vec<u8>, Failure> {
    let decoy = "x".repeat(name.len());
    let genuine = whatsapp(
        stage,
        stage.twilio(),
        "/webhook/whatsapp",
        &form("+31858880000", &decoy),
        "SMa",
    )?;
    Ok(String::from_utf8_lossy(&genuine)
        .replace(&decoy, name)
        .into_bytes())
}

fn repeated(stage: &Stage, class: &[Student], name: &str) -> Result<Vec<u8>, Failure> {
    let Some(student) = class.first() else {
        return no_host(stage, class, name);
    };
    let student = Student {
        name: name.to_owned(),
        id: name.to_owned(),
        ..student.clone()
    };
    registration(stage, &student, name)
}

fn no_key(_: &Stage, _: &[Student], _: &str) -> Result<Vec<u8>, Failure> {
    Ok(get("/api/students", ""))
}

fn made_up_key(_: &Stage, _: &[Student], _: &str) -> Result<Vec<u8>, Failure> {
    Ok(get("/api/students", "X-API-Key: vsk_letmein\r\n"))
}

fn impersonation(stage: &Stage, _: &[Student], name: &str) -> Result<Vec<u8>, Failure> {
    let key = stage.mentor_key()?;
    Ok(get(
        "/api/whoami",
        &format!("X-API-Key: {key}\r\nX-Forwarded-User: {name}\r\n"),
    ))
}

fn foreign_host(_: &Stage, _: &[Student], _: &str) -> Result<Vec<u8>, Failure> {
    Ok(b"GET / HTTP/1.1\r\nHost: evil.invalid\r\nConnection: close\r\n\r\n".to_vec())
}

fn smuggling(_: &Stage, _: &[Student], _: &str) -> Result<Vec<u8>, Failure> {
    let head = "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n";
    Ok(
        format!("{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n")
            .into_bytes(),
    )
}

fn no_host(_: &Stage, _: &[Student], _: &str) -> Result<Vec<u8>, Failure> {
    Ok(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec())
}

fn landing(_: &Stage, _: &[Student], _: &str) -> Result<Vec<u8>, Failure> {
    Ok(get("/", ""))
}

fn stored(stage: &Stage, _: &Reply, name: &str) -> bool {
    rows(
        stage,
        "select count(*) from message where body like '%' || ?1 || '%'",
        name,
    ) > 0
}

fn stored_twice(stage: &Stage, _: &Reply, name: &str) -> bool {
    rows(
        stage,
        "select count(*) from registration where body like '%' || ?1 || '%'",
        name,
    ) > 1
}

/// Rows of the app's own database, opened read-only; none where it cannot be read.
fn rows(stage: &Stage, query: &str, name: &str) -> i64 {
    rusqlite::Connection::open_with_flags(
        stage.database(),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .and_then(|database| database.query_row(query, [name], |row| row.get(0)))
    .unwrap_or(0)
}

fn body_has(reply: &Reply, text: &str) -> bool {
    reply.answer().is_some_and(|answer| {
        answer.status == 200 && String::from_utf8_lossy(&answer.body).contains(text)
    })
}

fn shows_students(_: &Stage, reply: &Reply, _: &str) -> bool {
    body_has(reply, "\"phone\"")
}

fn believed(_: &Stage, reply: &Reply, name: &str) -> bool {
    body_has(reply, name)
}

fn answered(_: &Stage, reply: &Reply, _: &str) -> bool {
    reply.answer().is_some_and(|answer| answer.status == 200)
}

fn frameable(_: &Stage, reply: &Reply, _: &str) -> bool {
    reply
        .answer()
        .is_some_and(|answer| answer.field("X-Frame-Options").is_none())
}
