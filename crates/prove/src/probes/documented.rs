//! Passwords that stand where anybody can read them.
//!
//! What is tried on a name of the documentation is one attempt as anybody could make it, without a
//! ticket: it counts there as a failure, which is what a demo account that does not exist is for. Should
//! it come in, the session is ended again.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Reply, TargetError},
    sheet::Met,
};

use super::accounts::{SIGN_IN, claim, filled, person, sound};
use crate::search::percent_encoded;

/// Attacks `password.none-documented`.
pub(super) struct NoneDocumented;

/// Where a session is ended.
const LOGOUT: &str = "/.vouchsafe/logout";

impl Probe for NoneDocumented {
    fn promise(&self) -> &'static str {
        "password.none-documented"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let known = person(at)?;
        for login in asked.list("login") {
            let (name, password) = login.split_once(':').ok_or_else(|| {
                TargetError::new("read the anchor", "a login reads name:password")
            })?;
            let (name, password) = (encoded(name), encoded(password));
            let pairs = [("name", name.as_str()), ("password", password.as_str())];
            let attack = filled(at, SIGN_IN, &pairs).send(at)?;
            leave(at, &attack)?;
            sheet.pair(
                "a login of the documentation",
                Met::status(&attack, &[401]),
                known.comes_in(at)?,
            );
            for (what, chosen) in [
                ("its password, chosen by somebody", password.clone()),
                ("the same with a year hung on", format!("{password}2026!")),
            ] {
                let (attacked, twin) = (at.mint_account()?, at.mint_account()?);
                let attack = claim(at, &attacked, &chosen)?;
                let good = claim(at, &twin, &sound(at)?)?;
                sheet.pair(
                    what,
                    Met::status(&attack, &[422]),
                    Met::status(&good, &[200]),
                );
                at.remove_account(&attacked.name)?;
                at.remove_account(&twin.name)?;
            }
        }
        at.remove_account(known.name())
    }
}

/// A value as a form carries it.
fn encoded(value: &str) -> String {
    String::from_utf8_lossy(&percent_encoded(value, b"-._~")).into_owned()
}

/// Ends the session that `reply` began, if it did.
fn leave(at: &dyn Target, reply: &Reply) -> Result<(), TargetError> {
    let set = reply.answer().and_then(|answer| answer.field("Set-Cookie"));
    let Some(cookie) = set.and_then(|set| set.split(';').next()) else {
        return Ok(());
    };
    let out = filled(at, LOGOUT, &[]).field("Cookie", cookie);
    out.send(at).map(|_| ())
}

#[cfg(test)]
mod tests {
    use control::{Verdict, probe::Answer};
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, answer};

    fn asked(login: &str) -> Asked {
        Asked {
            promise: "password.none-documented".to_owned(),
            values: [("login".to_owned(), login.to_owned())].into(),
            line: 1,
            sentence: String::new(),
        }
    }

    /// A gate at which these passwords of the documentation count.
    fn gate(opens: bool, takes: bool) -> Double {
        Double::answering(move |text| {
            let documented = text.contains("password=open%20sesame");
            let came_in = Reply::Answer(Answer {
                status: 303,
                fields: vec![(
                    "Set-Cookie".to_owned(),
                    "__Host-vouchsafe=a; Path=/".to_owned(),
                )],
                ..Answer::default()
            });
            if text.starts_with("POST /.vouchsafe/claim") {
                return answer(if documented && !takes { 422 } else { 200 }, &json!({}));
            }
            if documented && !opens {
                answer(401, &json!({}))
            } else {
                came_in
            }
        })
    }

    fn verdict(at: &Double) -> Verdict {
        let mut sheet = Sheet::new();
        let asked = asked("demo:open sesame");
        NoneDocumented.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn a_password_that_opens_or_can_be_chosen_breaks_the_promise() {
        assert_eq!(verdict(&gate(false, false)), Verdict::Kept);
        assert_eq!(verdict(&gate(true, false)), Verdict::Broken);
        assert_eq!(verdict(&gate(false, true)), Verdict::Broken);
    }

    #[test]
    fn a_session_that_began_is_ended() {
        let at = gate(true, false);
        verdict(&at);
        let out = |text: &&String| text.starts_with("POST /.vouchsafe/logout");
        let sent = at.sent.borrow();
        let out: Vec<_> = sent.iter().filter(out).collect();
        assert!(matches!(out[..], [one] if one.contains("Cookie: __Host-vouchsafe=a\r\n")));
        assert!(
            !sent
                .iter()
                .any(|text| text.contains("name=demo") && text.contains("Ticket"))
        );
    }
}
