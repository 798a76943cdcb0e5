//! Guessing a password until its account is locked.
//!
//! At the page where people sign in, and where programs get tokens for a password at that desk as well:
//! a lock that one door keeps and another does not is none. Every account here is a proof's own.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Reply, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::accounts::{Person, filled, number, person, request_id, says, sign_in, text, wrong};

/// Attacks `account.lockout`.
pub(super) struct Locked;

/// Where a program gets a token for a password.
const DESK: &str = "/.vouchsafe/token";

impl Probe for Locked {
    fn promise(&self) -> &'static str {
        "account.lockout"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let attempts = number(asked, "attempts")?;
        at_page(at, attempts, sheet)?;
        let takes = at.facts().configuration.pointer("/tokens/passwords");
        if takes.and_then(Value::as_bool) == Some(true) {
            at_desk(at, attempts, sheet)?;
        }
        Ok(())
    }
}

fn at_page(at: &dyn Target, attempts: usize, sheet: &mut Sheet) -> Result<(), TargetError> {
    let (guessed, other) = (person(at)?, person(at)?);
    // It opens with the right password as long as nobody guesses.
    let before = guessed.comes_in(at)?;
    let mark = at.ledger_mark()?;
    let mut last = None;
    for _ in 0..attempts {
        last = Some(sign_in(at, guessed.name(), &wrong(at)?)?);
    }
    let right = sign_in(at, guessed.name(), guessed.password())?;
    sheet.pair(
        format!("the right password behind {attempts} wrong ones"),
        Met::status(&right, &[401]),
        before,
    );
    let id = last.as_ref().and_then(request_id).unwrap_or_default();
    sheet.pair(
        "a lock that is not in the ledger",
        says(at, &mark, id, |event| {
            text(event, "kind") == Some("account.lock") && text(event, "what") == Some("account")
        })?,
        other.comes_in(at)?,
    );
    at.remove_account(guessed.name())?;
    at.remove_account(other.name())
}

fn at_desk(at: &dyn Target, attempts: usize, sheet: &mut Sheet) -> Result<(), TargetError> {
    let (guessed, other) = (person(at)?, person(at)?);
    let before = gets_a_token(at, &guessed)?;
    for _ in 0..attempts {
        ask(at, guessed.name(), &wrong(at)?)?;
    }
    let right = ask(at, guessed.name(), guessed.password())?;
    sheet.pair(
        format!("the right password at the token desk behind {attempts} wrong ones there"),
        Met::status(&right, &[401]),
        before,
    );
    let page = sign_in(at, guessed.name(), guessed.password())?;
    sheet.pair(
        "the same at the page",
        Met::status(&page, &[401]),
        gets_a_token(at, &other)?,
    );
    at.remove_account(guessed.name())?;
    at.remove_account(other.name())
}

/// Asks for a token as a program does.
fn ask(at: &dyn Target, name: &str, password: &str) -> Result<Reply, TargetError> {
    let pairs = [("username", name), ("password", password)];
    filled(at, DESK, &pairs).ticketed(at)?.send(at)
}

fn gets_a_token(at: &dyn Target, person: &Person) -> Result<Met, TargetError> {
    let reply = ask(at, person.name(), person.password())?;
    Ok(Met::status(&reply, &[200]))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use control::{Verdict, probe::Answer};
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, answer};

    /// A gate with these doors, of which each locks behind three failures or never; they count together.
    fn gate(page_locks: bool, desk_locks: bool) -> Double {
        let failed = Rc::new(Cell::new(0));
        let mut at = Double::answering(move |request| {
            let claimed = request.starts_with("POST /.vouchsafe/claim");
            let desk = request.starts_with("POST /.vouchsafe/token");
            let locks = if desk { desk_locks } else { page_locks };
            let right = request.contains("-vsc");
            if claimed {
                failed.set(0);
                return answer(200, &json!({}));
            }
            // The last of two accounts is the other one.
            let other = request.contains("name=probe-1&");
            let is_locked = locks && failed.get() >= 3 && !other;
            if !right {
                failed.set(failed.get() + 1);
            }
            if is_locked || !right {
                let fields = vec![("X-Request-Id".to_owned(), "r1".to_owned())];
                return Reply::Answer(Answer {
                    status: 401,
                    fields,
                    ..Answer::default()
                });
            }
            if desk {
                return answer(200, &json!({}));
            }
            let set = (
                "Set-Cookie".to_owned(),
                "__Host-vouchsafe=a; Path=/".to_owned(),
            );
            Reply::Answer(Answer {
                status: 303,
                fields: vec![set],
                ..Answer::default()
            })
        });
        at.events = vec![json!({"kind": "account.lock", "request": "r1", "what": "account"})];
        at
    }

    fn verdict(at: &mut Double, passwords: bool) -> (Verdict, usize) {
        at.facts.configuration = json!({"tokens": {"passwords": passwords}});
        let asked = Asked {
            promise: "account.lockout".to_owned(),
            values: [("attempts".to_owned(), "3".to_owned())].into(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        Locked.run(&asked, at, &mut sheet).unwrap();
        (sheet.verdict(), sheet.evidence().len())
    }

    #[test]
    fn both_doors_lock_or_the_promise_is_broken() {
        assert_eq!(verdict(&mut gate(true, true), true), (Verdict::Kept, 4));
        assert_eq!(verdict(&mut gate(true, false), true).0, Verdict::Broken);
        assert_eq!(verdict(&mut gate(false, true), true).0, Verdict::Broken);
    }

    #[test]
    fn where_no_token_is_given_for_a_password_the_page_is_all() {
        assert_eq!(verdict(&mut gate(true, false), false), (Verdict::Kept, 2));
        assert_eq!(verdict(&mut gate(false, false), false).0, Verdict::Broken);
    }
}
