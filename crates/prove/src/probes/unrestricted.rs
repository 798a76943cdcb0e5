//! How many keys open every path.
//!
//! Counts what an administrator sees. Keys of proofs are left out, of whatever instance; those that are
//! revoked or have ended open nothing and do not count.

use control::{
    Asked, Clock as _, Probe, Sheet, SystemClock, Target,
    probe::{KeyWish, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{
    draft::Draft,
    keys::{EVERYTHING, guarded, mint},
    method_of,
};

/// Attacks `key.unrestricted`.
pub(super) struct Unrestricted;

/// The tenant of keys of proofs.
const PROOFS: &str = "probe";

impl Probe for Unrestricted {
    fn promise(&self) -> &'static str {
        "key.unrestricted"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let most: usize = asked
            .value("most")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| TargetError::new("read the anchor", "most is not a number"))?;
        let (route, roles) = guarded(at)?;
        let (method, path) = (method_of(route), route.path.as_str());
        // The count must be able to find one, and to leave one out.
        let wide = mint(at, EVERYTHING, roles)?;
        let narrow = mint(at, &format!("{method} /vsc-a"), roles)?;
        let now = SystemClock::new().now().to_string();
        let listed = at.list_keys()?;
        let open: Vec<&Value> = unrestricted(&listed, &now).collect();
        let counts = |id: &str| open.iter().any(|key| text(key, "id") == Some(id));
        let found = counts(&wide.id) && !counts(&narrow.id);
        let count = open.iter().filter(|key| !is_of_proof(key)).count();
        sheet.pair(
            "keys that open every path",
            Met::when(count <= most, format!("{count} of them")),
            Met::when(
                found,
                if found {
                    "one of a proof is found, one with a path is not"
                } else {
                    "keys of a proof are not told apart"
                },
            ),
        );
        let none = at.mint_key(&KeyWish {
            scopes: Vec::new(),
            roles: roles.to_vec(),
        })?;
        let ask = |key: &str| Draft::new(at, method, path).field("X-API-Key", key);
        let attack = ask(&none.key).ticketed(at)?.send(at)?;
        let twin = ask(&wide.key).ticketed(at)?.send(at)?;
        sheet.pair(
            "a key that names no path",
            Met::status(&attack, &[403]),
            Met::status(&twin, &[200]),
        );
        Ok(())
    }
}

/// The keys in a list that open every path at `now`, with whatever methods.
fn unrestricted<'l>(listed: &'l Value, now: &'l str) -> impl Iterator<Item = &'l Value> {
    let keys = listed.get("keys").and_then(Value::as_array);
    keys.into_iter()
        .flatten()
        .filter(move |key| is_live(key, now) && opens_everything(key))
}

/// Whether a key is good at `now`; both moments are written in the one form that sorts by time.
fn is_live(key: &Value, now: &str) -> bool {
    text(key, "revoked").is_none() && text(key, "expires").is_none_or(|end| now < end)
}

fn opens_everything(key: &Value) -> bool {
    let scopes = key.get("scopes").and_then(Value::as_array);
    let mut scopes = scopes.into_iter().flatten().filter_map(Value::as_str);
    scopes.any(|scope| scope == "*" || scope.ends_with(" /"))
}

fn is_of_proof(key: &Value) -> bool {
    text(key, "tenant") == Some(PROOFS)
}

fn text<'k>(key: &'k Value, name: &str) -> Option<&'k str> {
    key.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2027-01-01T00:00:00.000Z";

    #[test]
    fn keys_that_are_good_and_open_every_path_are_found() {
        let key = |id: &str, scopes: &[&str], expires: Option<&str>, revoked: Option<&str>| json!({"id": id, "scopes": scopes, "tenant": "default", "expires": expires, "revoked": revoked});
        let (before, after) = ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.001Z");
        let listed = json!({"keys": [
            key("all", &["*"], None, None),
            key("root", &["GET /api", "GET,POST /"], Some(after), None),
            key("path", &["* /api"], None, None),
            key("none", &[], None, None),
            key("ended", &["*"], Some(before), None),
            key("ends", &["*"], Some(NOW), None),
            key("revoked", &["*"], None, Some(before)),
        ]});
        let found: Vec<_> = unrestricted(&listed, NOW)
            .map(|key| text(key, "id").unwrap())
            .collect();
        assert_eq!(found, ["all", "root"]);
        assert_eq!(unrestricted(&json!({}), NOW).count(), 0);
    }

    #[test]
    fn keys_of_proofs_are_known_by_their_tenant() {
        assert!(is_of_proof(&json!({"tenant": "probe"})));
        assert!(!is_of_proof(&json!({"tenant": "default"})) && !is_of_proof(&json!({})));
    }
}
