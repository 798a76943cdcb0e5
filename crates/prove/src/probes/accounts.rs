//! Signing in with a password, and setting weak ones.
//!
//! Every account here is a proof's own: it lives a minute, opens nothing without a ticket, and its
//! failures count under an address that nobody has, so nobody else is locked out.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Answer, LedgerMark, MintedAccount, Reply, TargetError},
    rng,
    sheet::Met,
};
use serde_json::Value;

use super::{
    draft::{Draft, canary},
    settled::ledger_that,
};

/// Where people sign in, and where they set a password.
pub(super) const SIGN_IN: &str = "/.vouchsafe/sign-in";
const CLAIM: &str = "/.vouchsafe/claim";

/// Attacks `account.monitored`.
pub(super) struct Monitored;
/// Attacks `account.one-answer`.
pub(super) struct OneAnswer;
/// Attacks `password.rules`.
pub(super) struct Rules;

/// An account of a proof whose password is set.
pub(super) struct Person {
    name: String,
    password: String,
}

/// A form, filled in as on a page of ours.
pub(super) fn filled(at: &dyn Target, path: &str, pairs: &[(&str, &str)]) -> Draft {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let kind = "application/x-www-form-urlencoded";
    Draft::new(at, "POST", path)
        .body(kind, pairs.join("&").as_bytes())
        .field("Sec-Fetch-Site", "same-origin")
}

pub(super) fn claim(
    at: &dyn Target,
    account: &MintedAccount,
    password: &str,
) -> Result<Reply, TargetError> {
    let pairs = [
        ("link", account.link.as_str()),
        ("password", password),
        ("repeat", password),
    ];
    filled(at, CLAIM, &pairs).ticketed(at)?.send(at)
}

pub(super) fn sign_in(at: &dyn Target, name: &str, password: &str) -> Result<Reply, TargetError> {
    let pairs = [("name", name), ("password", password)];
    filled(at, SIGN_IN, &pairs).ticketed(at)?.send(at)
}

/// A password that breaks no rule, whatever length is asked for.
pub(super) fn sound(at: &dyn Target) -> Result<String, TargetError> {
    Ok(format!("{}-{}-{}", canary(at)?, canary(at)?, canary(at)?))
}

pub(super) fn person(at: &dyn Target) -> Result<Person, TargetError> {
    let account = at.mint_account()?;
    let password = sound(at)?;
    match claim(at, &account, &password)?.answer() {
        Some(answer) if answer.status == 200 => Ok(Person {
            name: account.name,
            password,
        }),
        _ => Err(TargetError::new(
            "set the password of a canary account",
            "the gate does not take it",
        )),
    }
}

impl Person {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    pub(super) fn comes_in(&self, at: &dyn Target) -> Result<Met, TargetError> {
        let reply = sign_in(at, &self.name, &self.password)?;
        let session = reply.answer().is_some_and(|answer| {
            let set = answer.field("Set-Cookie");
            set.is_some_and(|set| set.starts_with("__Host-vouchsafe="))
        });
        Ok(match Met::status(&reply, &[303]) {
            met if session => met,
            _ if reply.answer().is_some_and(|it| it.status == 303) => {
                Met::when(false, "303 without a session")
            }
            met => met,
        })
    }
}

/// What one person of a proof meets who signs in, with the right password and with a wrong one.
pub(super) struct SignIns {
    pub(super) right: Reply,
    pub(super) wrong: Reply,
    name: String,
}

impl SignIns {
    pub(super) fn of(at: &dyn Target) -> Result<Self, TargetError> {
        let person = person(at)?;
        Ok(Self {
            right: sign_in(at, &person.name, &person.password)?,
            wrong: sign_in(at, &person.name, &wrong(at)?)?,
            name: person.name,
        })
    }

    /// Removes the account.
    pub(super) fn put_away(&self, at: &dyn Target) -> Result<(), TargetError> {
        at.remove_account(&self.name)
    }
}

/// A password of nobody.
pub(super) fn wrong(at: &dyn Target) -> Result<String, TargetError> {
    canary(at)
}

impl Probe for Monitored {
    fn promise(&self) -> &'static str {
        "account.monitored"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let known = person(at)?;
        let nobody = format!("nobody-{}", canary(at)?);
        for (attempt, name, reason) in [
            ("a wrong password", &known.name, "password-wrong"),
            ("an unknown name", &nobody, "account-unknown"),
        ] {
            let mark = at.ledger_mark()?;
            let reply = sign_in(at, name, &wrong(at)?)?;
            let id = request_id(&reply).unwrap_or_default();
            sheet.pair(
                format!("{attempt} that is not in the ledger"),
                says(at, &mark, id, |event| {
                    text(event, "kind") == Some("auth.failure")
                        && text(event, "reason") == Some(reason)
                })?,
                known.comes_in(at)?,
            );
        }
        at.remove_account(&known.name)
    }
}

impl Probe for OneAnswer {
    fn promise(&self) -> &'static str {
        "account.one-answer"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let known = person(at)?;
        let unclaimed = at.mint_account()?;
        let password = wrong(at)?;
        let expected = sign_in(at, &known.name, &password)?;
        let nobody = format!("nobody-{}", canary(at)?);
        for (attempt, name) in [
            ("a name that nobody has", nobody.as_str()),
            ("what is no name at all", "no%20name%00"),
            ("an account that nobody has claimed", &unclaimed.name),
        ] {
            let reply = sign_in(at, name, &password)?;
            let twin = known.comes_in(at)?;
            sheet.pair(attempt, same(&reply, &expected), twin);
        }
        at.remove_account(&known.name)?;
        at.remove_account(&unclaimed.name)
    }
}

impl Probe for Rules {
    fn promise(&self) -> &'static str {
        "password.rules"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let shortest = number(asked, "shortest")?;
        for rule in [
            Broken::Short,
            Broken::Digits,
            Broken::Common,
            Broken::Likeness,
        ] {
            // Each side has an account of its own: a password that is taken uses its link up.
            let (attacked, twin) = (at.mint_account()?, at.mint_account()?);
            let password = rule.password(at, shortest, &attacked.name)?;
            let attack = claim(at, &attacked, &password)?;
            let good = claim(at, &twin, &sound(at)?)?;
            sheet.pair(
                rule.told(),
                Met::status(&attack, &[422]),
                Met::status(&good, &[200]),
            );
            at.remove_account(&attacked.name)?;
            at.remove_account(&twin.name)?;
        }
        Ok(())
    }
}

/// The one rule that a password breaks.
#[derive(Clone, Copy)]
enum Broken {
    Short,
    Digits,
    Common,
    Likeness,
}

impl Broken {
    const fn told(self) -> &'static str {
        match self {
            Self::Short => "one character too few",
            Self::Digits => "digits alone",
            Self::Common => "a common one, said until it is long enough",
            Self::Likeness => "the name of the account and a digit",
        }
    }

    /// A password that breaks this rule and no other.
    fn password(self, at: &dyn Target, shortest: usize, name: &str) -> Result<String, TargetError> {
        let random: [u8; 64] =
            rng::array(at.rng()).map_err(|fault| TargetError::new("make a password", fault))?;
        let some = |letters: &[u8], length: usize| {
            let drawn = random.iter().cycle().take(length);
            let drawn = drawn.filter_map(|byte| letters.get(usize::from(*byte) % letters.len()));
            drawn.map(|letter| char::from(*letter)).collect::<String>()
        };
        Ok(match self {
            Self::Short => some(b"bcdfghjklmnpqrstvwxz", shortest.saturating_sub(1)),
            Self::Digits => some(b"0123456789", shortest.max(16)),
            Self::Common => "password".repeat(shortest.div_ceil(8).max(2)),
            Self::Likeness => format!("{name}7"),
        })
    }
}

pub(super) fn number(asked: &Asked, name: &str) -> Result<usize, TargetError> {
    let read = asked.value(name).and_then(|text| text.parse().ok());
    read.filter(|number| (1..=1000).contains(number))
        .ok_or_else(|| TargetError::new("read the anchor", format!("its {name} is no number")))
}

pub(super) fn request_id(reply: &Reply) -> Option<&str> {
    reply.answer()?.field("X-Request-Id")
}

pub(super) fn text<'e>(event: &'e Value, name: &str) -> Option<&'e str> {
    event.get(name).and_then(Value::as_str)
}

/// Whether the ledger soon has an event of the request `id` that `fits`.
pub(super) fn says(
    at: &dyn Target,
    mark: &LedgerMark,
    id: &str,
    fits: impl Fn(&Value) -> bool,
) -> Result<Met, TargetError> {
    let is = |event: &Value| !id.is_empty() && text(event, "request") == Some(id) && fits(event);
    let tail = ledger_that(at, mark, |tail| tail.events.iter().any(is))?;
    let found = tail.events.iter().any(is);
    let saw = if found { "recorded" } else { "not recorded" };
    Ok(Met::when(found, saw))
}

/// Whether two answers are one but for the moment and the id of their requests.
fn same(reply: &Reply, expected: &Reply) -> Met {
    let kept = |answer: &Answer| {
        let fields = answer.fields.iter().filter(|(name, _)| {
            !["date", "x-request-id"].contains(&name.to_ascii_lowercase().as_str())
        });
        (
            answer.status,
            fields.cloned().collect::<Vec<_>>(),
            answer.body.clone(),
        )
    };
    match (reply.answer(), expected.answer()) {
        (Some(one), Some(other)) if one.status == 503 || other.status == 503 => {
            Met::inconclusive("503")
        }
        (Some(one), Some(other)) if kept(one) == kept(other) => {
            Met::when(true, format!("{} as for a wrong password", one.status))
        }
        (Some(one), Some(_)) => Met::when(false, format!("another answer, {}", one.status)),
        _ => Met::inconclusive("no answer"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, answer};

    #[test]
    fn answers_are_compared_without_what_every_answer_has_of_its_own() {
        let with = |status, id: &str, body: &str| {
            Reply::Answer(Answer {
                status,
                fields: vec![
                    ("X-Request-Id".to_owned(), id.to_owned()),
                    ("Date".to_owned(), id.to_owned()),
                    ("Cache-Control".to_owned(), "no-store".to_owned()),
                ],
                body: body.as_bytes().to_vec(),
                closed: true,
            })
        };
        let wrong = with(401, "1", "no");
        let alike = Met::when(true, "401 as for a wrong password");
        assert_eq!(same(&with(401, "2", "no"), &wrong), alike);
        for other in [with(404, "2", "no"), with(401, "2", "nobody")] {
            assert_ne!(same(&other, &wrong), alike);
        }
        let down = with(503, "2", "no");
        assert_eq!(same(&down, &wrong), Met::inconclusive("503"));
        assert_eq!(same(&Reply::Closed, &wrong), Met::inconclusive("no answer"));
    }

    #[test]
    fn an_event_counts_for_its_own_request_alone() {
        let mut at = Double::new();
        at.events = vec![json!({"kind": "account.lock", "request": "r1"})];
        let mark = LedgerMark::default();
        let met = |id| {
            let lock = |event: &Value| text(event, "kind") == Some("account.lock");
            says(&at, &mark, id, lock).unwrap()
        };
        assert_eq!(met("r1"), Met::when(true, "recorded"));
        for other in ["r2", ""] {
            assert_eq!(met(other), Met::when(false, "not recorded"));
        }
    }

    #[test]
    fn a_bad_password_has_what_it_takes_but_for_one_rule() {
        let at = Double::new();
        let bad = |rule: Broken| rule.password(&at, 12, "probe-0011223344556677").unwrap();
        assert_eq!(bad(Broken::Short).len(), 11);
        assert!(bad(Broken::Short).bytes().all(|b| b.is_ascii_lowercase()));
        let digits = bad(Broken::Digits);
        assert!(digits.len() >= 12 && digits.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(bad(Broken::Common), "passwordpassword");
        assert_eq!(bad(Broken::Likeness), "probe-00112233445566777");
        assert!(sound(&at).unwrap().len() > 64);
    }

    #[test]
    fn coming_in_takes_a_session() {
        let someone = Person {
            name: "probe-1".to_owned(),
            password: "x".to_owned(),
        };
        let bare = Double::answering(|_| answer(303, &json!({})));
        let met = someone.comes_in(&bare).unwrap();
        assert_eq!(met, Met::when(false, "303 without a session"));
        let good = Double::answering(|_| {
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
        assert_eq!(someone.comes_in(&good).unwrap(), Met::when(true, "303"));
    }
}
