//! Attacks on student outreach.
//!
//! Owns a list of attacks, each with the sign by which it succeeded.

use control::probe::Reply;
use student_outreach::Student;

use super::{
    attacks::{self, Outcome, body_has},
    stage::Stage,
    traffic::{TWILIO, form, get, mentor_key, post, registration, whatsapp},
};
use crate::failure::Failure;

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
        make: |_, _, _| Ok(attacks::foreign_host()),
        times: 1,
        won: answered,
    },
    Attack {
        name: "Content-Length and Transfer-Encoding together",
        make: |_, _, _| Ok(attacks::smuggling()),
        times: 1,
        won: answered,
    },
    Attack {
        name: "no Host at all",
        make: |_, _, _| Ok(attacks::no_host()),
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

pub(crate) fn attack(stage: &Stage, class: &[Student]) -> Result<Vec<Outcome>, Failure> {
    ATTACKS
        .iter()
        .enumerate()
        .map(|(number, attack)| {
            attacks::on_both(
                stage,
                (attack.name, number),
                attack.times,
                |name| (attack.make)(stage, class, name),
                |reply, name| (attack.won)(stage, reply, name),
            )
        })
        .collect()
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
        stage.secret(TWILIO)?,
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
        return Ok(attacks::no_host());
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
    let key = mentor_key(stage)?;
    Ok(get(
        "/api/whoami",
        &format!("X-API-Key: {key}\r\nX-Forwarded-User: {name}\r\n"),
    ))
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

fn shows_students(_: &Stage, reply: &Reply, _: &str) -> bool {
    body_has(reply, "\"phone\"")
}

fn believed(_: &Stage, reply: &Reply, name: &str) -> bool {
    body_has(reply, name)
}

fn answered(_: &Stage, reply: &Reply, _: &str) -> bool {
    attacks::answered(reply)
}

fn frameable(_: &Stage, reply: &Reply, _: &str) -> bool {
    attacks::frameable(reply)
}
