//! What browsers are told about our cookies, and that no app sees them.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Reply, TargetError},
    sheet::Met,
};

use super::{
    accounts::SignIns,
    draft::{Draft, Echo},
    logins::{Forged, House},
    method_of, sessions,
    tokens::roles_of,
};

/// Attacks `session.cookie`.
pub(super) struct Cookies;

/// Where a person ends their session.
const LOGOUT: &str = "/.vouchsafe/logout";

/// How the names of our cookies begin.
const OURS: &str = "__Host-vouchsafe";

impl Probe for Cookies {
    fn promise(&self) -> &'static str {
        "session.cookie"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(route) = sessions::routes(at).next() else {
            return Err(TargetError::new("find a route", "no route takes sessions"));
        };
        let plain = Draft::new(at, method_of(route), &route.path);
        let session = sessions::fresh(at, roles_of(route))?;
        // Other cookies of the same browser are the app's.
        let both = format!("theme=dark; {}; other=1", session.cookie);
        let opened = sessions::with_cookie(at, &plain, &both)
            .ticketed(at)?
            .send(at)?;
        sheet.pair(
            "a session on its way to the app",
            kept_from_app(&opened),
            others_pass(&opened),
        );
        let alone = sessions::from_our_page(at, &plain, &session)
            .ticketed(at)?
            .send(at)?;
        sheet.pair(
            "a session alone",
            kept_from_app(&alone),
            Met::status(&alone, &[200]),
        );
        let unknown = format!("{OURS}={}", "A".repeat(43));
        let refused = sessions::with_cookie(at, &plain, &unknown)
            .ticketed(at)?
            .send(at)?;
        sheet.pair(
            "the cookie that a refusal takes back",
            guarded(&refused),
            Met::status(&refused, &[401]),
        );
        let leaving = sessions::fresh(at, &[])?;
        let out =
            sessions::from_our_page(at, &Draft::new(at, "POST", LOGOUT), &leaving).send(at)?;
        sheet.pair(
            "the cookie that a logout takes back",
            guarded(&out),
            Met::status(&out, &[303]),
        );
        if at.facts().configuration.get("accounts").is_some() {
            let met = SignIns::of(at)?;
            sheet.pair(
                "the cookie of a sign-in",
                guarded(&met.right),
                Met::status(&met.right, &[303]),
            );
            met.put_away(at)?;
        }
        if at.facts().configuration.get("login").is_none() {
            sheet.note("logins at a provider", "there are none here");
            return Ok(());
        }
        let house = House::start(at)?;
        let away = house.leave()?;
        let back = house.log_in(&Forged::default())?;
        for (attempt, reply) in [
            (
                "the cookie of a browser that logs in (on a child)",
                &away.reply,
            ),
            ("the cookie of a login (on a child)", &back),
        ] {
            sheet.pair(attempt, guarded(reply), Met::status(reply, &[303]));
        }
        Ok(())
    }
}

/// Every cookie that an answer sets is one of ours with all that guards it.
fn guarded(reply: &Reply) -> Met {
    let Some(answer) = reply.answer() else {
        return Met::inconclusive("no answer");
    };
    let set: Vec<&str> = answer
        .fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .map(|(_, value)| value.as_str())
        .collect();
    if set.is_empty() {
        return Met::when(false, "no cookie");
    }
    match set.iter().find_map(|value| lacking(value)) {
        Some(lacks) => Met::when(false, format!("a cookie {lacks}")),
        None => Met::when(true, "Secure, HttpOnly, SameSite, __Host-"),
    }
}

/// What a `Set-Cookie` lacks.
fn lacking(value: &str) -> Option<&'static str> {
    let mut parts = value.split(';').map(str::trim);
    if !parts.next().is_some_and(|pair| pair.starts_with(OURS)) {
        return Some("of another name");
    }
    let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
    let has = |wanted: &[&str]| attributes.iter().any(|one| wanted.contains(&one.as_str()));
    let demands: [(&[&str], &str); 4] = [
        (&["secure"], "without Secure"),
        (&["httponly"], "without HttpOnly"),
        (&["samesite=lax", "samesite=strict"], "without SameSite"),
        (&["path=/"], "without Path=/"),
    ];
    // With a domain, browsers do not take __Host- at all; said here so that a report names it.
    if attributes.iter().any(|one| one.starts_with("domain")) {
        return Some("for more than this host");
    }
    demands
        .iter()
        .find(|(wanted, _)| !has(wanted))
        .map(|(_, lacks)| *lacks)
}

fn kept_from_app(reply: &Reply) -> Met {
    match Echo::of(reply) {
        None => Met::inconclusive("no echo"),
        Some(echo) => match echo.carrying(OURS).first() {
            Some(name) => Met::when(false, format!("reached the app in {name}")),
            None => Met::when(true, "did not reach the app"),
        },
    }
}

fn others_pass(reply: &Reply) -> Met {
    let echo = Echo::of(reply);
    let cookies = echo.as_ref().and_then(|echo| echo.field("Cookie"));
    let held = cookies.is_some_and(|it| it.contains("theme=dark") && it.contains("other=1"));
    let saw = if held {
        "its other cookies passed"
    } else {
        "its other cookies were lost"
    };
    Met::when(held, saw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_lacks_one_thing_is_named_for_it() {
        let good = "__Host-vouchsafe=a; Max-Age=1; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(lacking(good), None);
        for (change, to, lacks) in [
            ("; Secure", "", "without Secure"),
            ("; HttpOnly", "", "without HttpOnly"),
            ("; SameSite=Lax", "; SameSite=None", "without SameSite"),
            ("; Path=/", "; Path=/app", "without Path=/"),
            (
                "; Path=/",
                "; Path=/; Domain=a.test",
                "for more than this host",
            ),
            ("__Host-", "", "of another name"),
        ] {
            assert_eq!(lacking(&good.replace(change, to)), Some(lacks), "{change}");
        }
    }
}
