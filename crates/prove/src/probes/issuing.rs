//! Asking the gate for a key without being one who may.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{LedgerMark, Reply, TargetError},
    sheet::Met,
};
use serde_json::{Value, json};

use super::{draft::Draft, keys::mint, settled::ledger_that};

/// Attacks `key.issuing`.
pub(super) struct Issuing;

/// A request for a key that can do nothing.
fn order(at: &dyn Target, path: &str, role: Option<&str>) -> Draft {
    let roles: Vec<&str> = role.into_iter().collect();
    let body = json!({"name": "proof", "roles": roles}).to_string();
    Draft::new(at, "POST", path).body("application/json", body.as_bytes())
}

fn with(draft: Draft, key: &str) -> Draft {
    let value = format!("Bearer {key}");
    draft.field("Authorization", &value)
}

/// The public id of the key that was made.
fn made(reply: &Reply) -> Option<String> {
    let answer = reply.answer().filter(|answer| answer.status == 201)?;
    Some(answer.json()?.get("id")?.as_str()?.to_owned())
}

/// Revokes what was made, whoever should not have got it.
fn put_away(at: &dyn Target, reply: &Reply) -> Result<(), TargetError> {
    made(reply).map_or(Ok(()), |id| at.revoke_key(&id))
}

impl Probe for Issuing {
    fn promise(&self) -> &'static str {
        "key.issuing"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let role = asked.value("role").unwrap_or_default().to_owned();
        for path in asked.list("path") {
            let scope = format!("POST {path}");
            let admin = mint(at, &scope, std::slice::from_ref(&role))?.key;
            let ordinary = mint(at, &scope, &["ordinary".to_owned()])?.key;
            let elsewhere = mint(at, "POST /elsewhere", std::slice::from_ref(&role))?.key;
            let plain = order(at, path, None);
            let attacks = [
                ("without a credential", plain.clone(), 401),
                (
                    "with a key that is none",
                    with(plain.clone(), "vsk_letmein"),
                    401,
                ),
                ("with an ordinary key", with(plain.clone(), &ordinary), 403),
                (
                    "with a key for another path",
                    with(plain.clone(), &elsewhere),
                    403,
                ),
                (
                    "with a role that who asks does not have",
                    with(order(at, path, Some("beyond")), &admin),
                    403,
                ),
            ];
            for (attempt, attack, status) in attacks {
                let attack = attack.ticketed(at)?.send(at)?;
                put_away(at, &attack)?;
                let genuine = with(plain.clone(), &admin).ticketed(at)?.send(at)?;
                put_away(at, &genuine)?;
                sheet.pair(
                    format!("{path} {attempt}"),
                    Met::status(&attack, &[status]),
                    Met::status(&genuine, &[201]),
                );
            }
            let mark = at.ledger_mark()?;
            let genuine = with(plain, &admin).ticketed(at)?.send(at)?;
            sheet.pair(
                format!("{path} made a key that is not in the ledger"),
                recorded(at, &mark, made(&genuine).as_deref())?,
                Met::status(&genuine, &[201]),
            );
            put_away(at, &genuine)?;
        }
        Ok(())
    }
}

/// Whether the ledger says that the key `id` was made.
fn recorded(at: &dyn Target, mark: &LedgerMark, id: Option<&str>) -> Result<Met, TargetError> {
    let says = |event: &Value| {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        text("kind") == Some("key.create") && text("key") == id && id.is_some()
    };
    let tail = ledger_that(at, mark, |tail| tail.events.iter().any(says))?;
    let found = tail.events.iter().any(says);
    let saw = if found { "recorded" } else { "not recorded" };
    Ok(Met::when(found, saw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::double::{Double, answer};

    #[test]
    fn a_key_is_read_from_an_answer_that_made_one() {
        let body = json!({"id": "abcdefGHIJ12"});
        assert_eq!(made(&answer(201, &body)).as_deref(), Some("abcdefGHIJ12"));
        assert_eq!(made(&answer(200, &body)), None);
        assert_eq!(made(&Reply::Closed), None);
    }

    #[test]
    fn a_key_counts_as_recorded_under_its_own_id_alone() {
        let mut at = Double::new();
        at.events = vec![json!({"kind": "key.create", "key": "abcdefGHIJ12"})];
        let mark = LedgerMark::default();
        let met = |id| recorded(&at, &mark, id).unwrap();
        assert_eq!(met(Some("abcdefGHIJ12")), Met::when(true, "recorded"));
        assert_eq!(met(Some("other")), Met::when(false, "not recorded"));
        assert_eq!(met(None), Met::when(false, "not recorded"));
    }
}
