//! Attacks on student outreach.
//!
//! Owns a list of attacks, each with the sign by which it succeeded.

use control::probe::Reply;
use student_outreach::Student;

use super::{
    attacks::{self, Outcome, body_has},
    stage::Stage,
    traffic::{
        CHECKS, GROUPS, MENTOR, Sent, TWILIO, form, get, post, program_key, registration, whatsapp,
    },
};
use crate::failure::Failure;

/// What an attacker has to begin with.
struct Known<'s> {
    stage: &'s Stage,
    class: &'s [Student],
    sent: &'s Sent,
}

/// Makes the bytes; `name` is unique to the attack and the door.
type Make = fn(&Known<'_>, name: &str) -> Result<Vec<u8>, Failure>;
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
        name: "what other mentors' students wrote, as a mentor",
        make: |known, _| Ok(get(CHECKS, &known.sent.mentor)),
        times: 1,
        won: shows_others,
    },
    Attack {
        name: "a student's phone number, as their mentor",
        make: |known, _| Ok(get(CHECKS, &known.sent.mentor)),
        times: 1,
        won: shows_students,
    },
    Attack {
        name: "a student's words on the page of groups",
        make: |known, _| Ok(get(GROUPS, &known.sent.lead)),
        times: 1,
        won: quotes,
    },
    Attack {
        name: "being somebody else by a header",
        make: impersonation,
        times: 1,
        won: believed,
    },
    Attack {
        name: "another site's name in Host",
        make: |_, _| Ok(attacks::foreign_host()),
        times: 1,
        won: answered,
    },
    Attack {
        name: "Content-Length and Transfer-Encoding together",
        make: |_, _| Ok(attacks::smuggling()),
        times: 1,
        won: answered,
    },
    Attack {
        name: "no Host at all",
        make: |_, _| Ok(attacks::no_host()),
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

pub(crate) fn attack(
    stage: &Stage,
    class: &[Student],
    sent: &Sent,
) -> Result<Vec<Outcome>, Failure> {
    let known = Known { stage, class, sent };
    ATTACKS
        .iter()
        .enumerate()
        .map(|(number, attack)| {
            attacks::on_both(
                stage,
                (attack.name, number),
                attack.times,
                |name| (attack.make)(&known, name),
                |reply, name| (attack.won)(stage, reply, name),
            )
        })
        .collect()
}

fn unsigned(_: &Known<'_>, name: &str) -> Result<Vec<u8>, Failure> {
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

fn forged(known: &Known<'_>, name: &str) -> Result<Vec<u8>, Failure> {
    let stage = known.stage;
    let other = control::Secret::new(b"00000000000000000000000000000000".to_vec());
    whatsapp(
        stage,
        &other,
        "/webhook/whatsapp",
        &form("+31858880000", name),
        name,
    )
}

fn altered(known: &Known<'_>, name: &str) -> Result<Vec<u8>, Failure> {
    let stage = known.stage;
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

fn repeated(known: &Known<'_>, name: &str) -> Result<Vec<u8>, Failure> {
    let Some(student) = known.class.first() else {
        return Ok(attacks::no_host());
    };
    let student = Student {
        name: name.to_owned(),
        id: name.to_owned(),
        ..student.clone()
    };
    registration(known.stage, &student, name)
}

fn no_key(_: &Known<'_>, _: &str) -> Result<Vec<u8>, Failure> {
    Ok(get("/api/students", ""))
}

fn made_up_key(_: &Known<'_>, _: &str) -> Result<Vec<u8>, Failure> {
    Ok(get("/api/students", "X-API-Key: vsk_letmein\r\n"))
}

fn impersonation(known: &Known<'_>, name: &str) -> Result<Vec<u8>, Failure> {
    let stage = known.stage;
    let key = program_key(stage)?;
    Ok(get(
        "/api/whoami",
        &format!("X-API-Key: {key}\r\nX-Forwarded-User: {name}\r\n"),
    ))
}

fn landing(_: &Known<'_>, _: &str) -> Result<Vec<u8>, Failure> {
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

/// Somebody else's students, and not only because nobody's are shown.
fn shows_others(_: &Stage, reply: &Reply, _: &str) -> bool {
    body_has(reply, MENTOR) && body_has(reply, "m-okafor")
}

fn quotes(_: &Stage, reply: &Reply, _: &str) -> bool {
    body_has(reply, "slaap")
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
