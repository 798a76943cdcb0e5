//! Whether knowing the id of a request is worth anything.
//!
//! Ids stand in answers, in logs and in support mails: whoever reads one must not be able to do with it
//! what its request did.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, Reply, TargetError},
    sheet::Met,
};

use super::{
    accounts::request_id,
    draft::{Draft, Echo, canary},
    keys::wide_key,
    method_of, named_route, sessions,
};

/// Attacks `correlation.no-authority`.
pub(super) struct NoAuthority;

impl Probe for NoAuthority {
    fn promise(&self) -> &'static str {
        "correlation.no-authority"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        let plain = Draft::new(at, method_of(route), &route.path);
        let known = match &route.guard {
            Guard::Key(roles) => plain.clone().field("X-API-Key", &wide_key(at, roles)?),
            Guard::Session(roles) => {
                sessions::from_our_page(at, &plain, &sessions::fresh(at, roles)?)
            }
            Guard::Open(_) | Guard::Token(_) | Guard::Certificate(_) | Guard::Webhook(_) => {
                sheet.unproven("the route takes neither a key nor a session");
                return Ok(());
            }
        };
        let let_in = known.clone().ticketed(at)?.send(at)?;
        let id = request_id(&let_in).map(str::to_owned);
        let id = id.ok_or_else(|| TargetError::new("ask with a credential", "no id came back"))?;
        let trace: String = id
            .chars()
            .filter(char::is_ascii_hexdigit)
            .take(32)
            .collect();
        for (field, value) in [
            ("X-Request-Id", id.clone()),
            ("X-Correlation-Id", id),
            ("traceparent", format!("00-{trace}-00f067aa0ba902b7-01")),
        ] {
            let attack = plain.clone().field(field, &value).ticketed(at)?.send(at)?;
            let twin = known.clone().field(field, &value).ticketed(at)?.send(at)?;
            sheet.pair(
                format!("a request of somebody who was let in, shown as {field}"),
                Met::status(&attack, &[401]),
                Met::status(&twin, &[200]),
            );
        }
        let made_up = canary(at)?;
        let draft = known.field("X-Request-Id", &made_up);
        let reply = draft.ticketed(at)?.send(at)?;
        sheet.pair(
            "an id of the client's own making",
            stays_outside(&reply, &made_up),
            Met::status(&reply, &[200]),
        );
        Ok(())
    }
}

/// Whether the app was told the id of the answer, and `made_up` nowhere.
fn stays_outside(reply: &Reply, made_up: &str) -> Met {
    let Some(echo) = Echo::of(reply) else {
        return Met::inconclusive("no echo");
    };
    if !echo.carrying(made_up).is_empty() {
        return Met::when(false, "it reached the app");
    }
    let ours = echo.field("X-Request-Id");
    let same = ours.is_some() && ours == request_id(reply);
    let saw = if same {
        "the gate's own reached the app"
    } else {
        "the app was told another"
    };
    Met::when(same, saw)
}

#[cfg(test)]
mod tests {
    use control::{Verdict, probe::Answer};
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, answer};

    /// A gate that lets in who shows a key, and with a fault somebody else.
    fn gate(fault: fn(&str) -> bool, kept: bool) -> Double {
        Double::answering(move |request| {
            if !request.contains("X-API-Key") && !fault(request) {
                return answer(401, &json!({}));
            }
            let client = request
                .lines()
                .find_map(|it| it.strip_prefix("X-Request-Id: "));
            let told = if kept { client.unwrap_or("r1") } else { "r1" };
            let body = json!({"echo": true, "fields": [["X-Request-Id", told]]});
            Reply::Answer(Answer {
                status: 200,
                fields: vec![("X-Request-Id".to_owned(), "r1".to_owned())],
                body: body.to_string().into_bytes(),
                closed: true,
            })
        })
    }

    fn verdict(at: &Double) -> Verdict {
        let asked = Asked {
            promise: "correlation.no-authority".to_owned(),
            values: [("route".to_owned(), "/api".to_owned())].into(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        NoAuthority.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn an_id_that_opens_or_that_the_app_believes_breaks_the_promise() {
        assert_eq!(verdict(&gate(|_| false, false)), Verdict::Kept);
        assert_eq!(verdict(&gate(|_| false, true)), Verdict::Broken);
        for fault in [
            (|request| request.contains("X-Request-Id: r1")) as fn(&str) -> bool,
            |request| request.contains("X-Correlation-Id: r1"),
            |request| request.contains("traceparent: 00-"),
        ] {
            assert_eq!(verdict(&gate(fault, false)), Verdict::Broken);
        }
    }
}
