//! Genuine traffic: registrations, answers of students, pages of people and programs.
//!
//! Owns the sender's side of each provider. Everything goes through the gate with real signatures
//! and a real key; a request that does not get through is a fault of the demo.

use control::{Clock as _, Secret, probe::Reply};
use hooks::{
    Scheme,
    sign::{Signing, sign},
};
use serde_json::json;
use student_outreach::Student;

use super::{account::signed_in, stage::Stage};
use crate::failure::Failure;

/// What went through.
pub(crate) struct Sent {
    pub(crate) registrations: usize,
    pub(crate) messages: usize,
    pub(crate) pages: usize,
    /// The session of a mentor, as a browser sends it.
    pub(super) mentor: String,
    /// That of the team's lead.
    pub(super) lead: String,
}

/// The variables in which the gate has the secrets of its sources.
pub(super) const TWILIO: &str = "TWILIO_AUTH_TOKEN";
const REGISTER: &str = "REGISTER_SIGNING_SECRET";

/// One of the mentors of the synthetic class.
pub(super) const MENTOR: &str = "m-jansen";
/// Where mentors read checks.
pub(super) const CHECKS: &str = "/mentor/checks";
/// Where the team's lead sees how many there are.
pub(super) const GROUPS: &str = "/group/checks";

/// What students answer; the digit is the urgency.
const ANSWERS: &[&str] = &["1 prima", "2 gaat wel", "1", "3 ik slaap slecht", "2"];

pub(crate) fn run(stage: &Stage, class: &[Student]) -> Result<Sent, Failure> {
    for student in class {
        through(
            &stage.send(stage.gate(), &registration(stage, student, &student.id)?)?,
            201,
        )?;
    }
    for (student, answer) in class.iter().zip(ANSWERS.iter().cycle()) {
        let (body, id) = (form(&student.phone, answer), format!("SM{}", student.id));
        let twilio = stage.secret(TWILIO)?;
        let bytes = whatsapp(stage, twilio, "/webhook/whatsapp", &body, &id)?;
        through(&stage.send(stage.gate(), &bytes)?, 200)?;
    }
    let key = format!("Authorization: Bearer {}\r\n", program_key(stage)?);
    let mentor = signed_in(stage, MENTOR, "mentor", CHECKS)?;
    let lead = signed_in(stage, "lead", "team-lead", GROUPS)?;
    let mut pages = 0;
    for (path, shown) in [
        ("/api/students", &key),
        ("/api/groups", &key),
        ("/api/students/s1003/checks", &key),
        (CHECKS, &mentor),
        (GROUPS, &lead),
    ] {
        through(&stage.send(stage.gate(), &get(path, shown))?, 200)?;
        pages += 1;
    }
    Ok(Sent {
        registrations: class.len(),
        messages: class.len(),
        pages,
        mentor,
        lead,
    })
}

/// The key of a program of the school's.
pub(super) fn program_key(stage: &Stage) -> Result<&str, Failure> {
    stage.key(&json!({ "name": "program", "scopes": ["GET /api"], "roles": ["program"] }))
}

pub(super) fn through(reply: &Reply, status: u16) -> Result<(), Failure> {
    match reply {
        Reply::Answer(answer) if answer.status == status => Ok(()),
        Reply::Answer(answer) => Err(Failure::new(
            format!(
                "genuine traffic was answered {} instead of {status}",
                answer.status
            ),
            "ask the ledger why: vouchsafe ledger tail",
        )),
        Reply::Closed | Reply::TimedOut => Err(Failure::new(
            "genuine traffic was not answered",
            "run the demo again",
        )),
    }
}

/// A plain GET; `fields` are whole lines.
pub(crate) fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n")
        .into_bytes()
}

/// A POST with the fields a provider signed.
pub(crate) fn post(target: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!(
        "Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    ));
    [head.as_bytes(), body].concat()
}

/// The form Twilio posts for a WhatsApp message.
pub(crate) fn form(phone: &str, text: &str) -> String {
    let escaped: String = text
        .bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let phone = phone.replace('+', "%2B");
    format!("Body={escaped}&From=whatsapp%3A{phone}&NumMedia=0&ProfileName=x")
}

/// A WhatsApp message signed with `secret`.
pub(crate) fn whatsapp(
    stage: &Stage,
    secret: &Secret,
    target: &str,
    body: &str,
    id: &str,
) -> Result<Vec<u8>, Failure> {
    let content_type = "application/x-www-form-urlencoded";
    let body = format!("{body}&MessageSid={id}");
    let headers = signed(
        stage,
        "twilio",
        secret,
        target,
        content_type,
        body.as_bytes(),
        id,
    )?;
    Ok(post(target, &headers, body.as_bytes()))
}

/// A registration signed with the source's own secret, under the delivery identity `id`.
pub(crate) fn registration(stage: &Stage, student: &Student, id: &str) -> Result<Vec<u8>, Failure> {
    let body = json!({ "student": student }).to_string();
    let target = "/webhook/register";
    let headers = signed(
        stage,
        "standard-webhooks",
        stage.secret(REGISTER)?,
        target,
        "application/json",
        body.as_bytes(),
        id,
    )?;
    Ok(post(target, &headers, body.as_bytes()))
}

fn signed(
    stage: &Stage,
    scheme: &str,
    secret: &Secret,
    target: &str,
    content_type: &str,
    body: &[u8],
    id: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let defect = |what: String| Failure::new(what, "report this as a defect");
    let scheme =
        Scheme::find(scheme).ok_or_else(|| defect(format!("no scheme is called {scheme}")))?;
    let signing = Signing {
        method: "POST",
        public_url: stage.public_url(),
        target,
        content_type: Some(content_type),
        body,
        id,
        at: stage.clock().now(),
    };
    sign(scheme, secret, &signing)
        .map(|signed| signed.headers)
        .map_err(|fault| defect(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_escapes_what_a_form_must() {
        assert_eq!(
            form("+31858880000", "3 ik & jij"),
            "Body=3+ik+%26+jij&From=whatsapp%3A%2B31858880000&NumMedia=0&ProfileName=x"
        );
    }
}
