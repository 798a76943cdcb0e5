//! Seeing rows of others, fields that are withheld, and what people wrote among counts.
//!
//! Owns answers that only the gate's echo gives: each holds canaries that may be seen, which are the
//! twin, beside some that may not, which are the attack. Both pass through the running gate.

use std::time::Duration;

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, KeyWish, Reply, RouteFact, SessionWish, TargetError, TokenWish},
    sheet::Met,
};
use serde_json::{Map, Value, json};

use super::{
    draft::{Draft, canary},
    keys::EVERYTHING,
    sessions::with_cookie,
    tokens::can_be_had,
};

/// Attacks `access.assigned-only`.
pub(super) struct AssignedOnly;
/// Attacks `access.fields-withheld`.
pub(super) struct FieldsWithheld;
/// Attacks `access.no-free-text-in-aggregates`.
pub(super) struct CountsOnly;

/// The field in which the echo is told what to answer.
const ANSWER: &str = "X-Echo-Answer";

/// A field that no group shows.
const UNSHOWN: &str = "vsc_text";

/// Somebody with one role, at one route.
struct Person<'t> {
    at: &'t dyn Target,
    route: &'t RouteFact,
    shows: Shown,
    /// What rows call them.
    name: String,
}

enum Shown {
    Bearer(String),
    Cookie(String),
}

impl<'t> Person<'t> {
    fn with(role: &str, at: &'t dyn Target, route: &'t RouteFact) -> Result<Self, TargetError> {
        let roles = vec![role.to_owned()];
        let key = KeyWish {
            scopes: vec![EVERYTHING.to_owned()],
            roles: roles.clone(),
        };
        let (shows, name) = match &route.guard {
            Guard::Session(_) => {
                let minted = at.mint_session(&SessionWish {
                    roles,
                    created: Duration::ZERO,
                    last_seen: Duration::ZERO,
                })?;
                let name = minted.subject.trim_start_matches("user:").to_owned();
                (Shown::Cookie(minted.cookie), name)
            }
            Guard::Token(_) => {
                let age = Duration::ZERO;
                let minted = at.mint_token(&TokenWish { key, age })?;
                (Shown::Bearer(minted.token), format!("key:{}", minted.id))
            }
            Guard::Key(_) | Guard::Open(_) | Guard::Certificate(_) | Guard::Webhook(_) => {
                let minted = at.mint_key(&key)?;
                (Shown::Bearer(minted.key), format!("key:{}", minted.id))
            }
        };
        Ok(Self {
            at,
            route,
            shows,
            name,
        })
    }

    /// Asks for what the app answers with exactly `answer`.
    fn ask(&self, method: &str, answer: &str) -> Result<Reply, TargetError> {
        let answer = seal::encode::base64(answer.as_bytes());
        let draft = Draft::new(self.at, method, &self.route.path).field(ANSWER, &answer);
        let draft = match &self.shows {
            Shown::Bearer(token) => draft.field("Authorization", &format!("Bearer {token}")),
            Shown::Cookie(cookie) => with_cookie(self.at, &draft, cookie),
        };
        draft.ticketed(self.at)?.send(self.at)
    }
}

/// The routes whose answers hold what `key` says of a collection, and the way to it.
fn routes<'t>(
    at: &'t dyn Target,
    key: &str,
    collection: &str,
    sheet: &mut Sheet,
) -> Vec<&'t RouteFact> {
    let tables = at.facts().configuration.get("route");
    let tables = tables.and_then(Value::as_array).into_iter().flatten();
    let found: Vec<&RouteFact> = tables
        .zip(&at.facts().routes)
        .filter(|(table, route)| {
            route.host.is_none() && table.get(key).and_then(Value::as_str) == Some(collection)
        })
        .map(|(_, route)| route)
        .collect();
    if found.is_empty() {
        sheet.unproven(format!("no route answers with {key} of {collection}"));
    }
    found
}

/// `rows` where the collection's answers hold them, by the pointer at `place`.
fn answer(at: &dyn Target, place: &str, rows: Value) -> String {
    let pointer = at.facts().configuration.pointer(place);
    let pointer = pointer.and_then(Value::as_str).unwrap_or_default();
    let names = pointer.split('/').skip(1).collect::<Vec<_>>();
    let wrapped = names.into_iter().rev().fold(rows, |inner, name| {
        let name = name.replace("~1", "/").replace("~0", "~");
        Value::Object(Map::from_iter([(name, inner)]))
    });
    wrapped.to_string()
}

/// Whether `canary` is in an answer.
fn holds(reply: &Reply, canary: &str) -> bool {
    reply
        .answer()
        .is_some_and(|answer| String::from_utf8_lossy(&answer.body).contains(canary))
}

/// 200 with `canary`.
fn shown(reply: &Reply, canary: &str) -> Met {
    match reply.answer() {
        Some(answer) if answer.status == 200 => {
            let there = holds(reply, canary);
            Met::when(
                there,
                if there {
                    "200, and there"
                } else {
                    "200, but not there"
                },
            )
        }
        _ => Met::status(reply, &[200]),
    }
}

/// Without `canary`, with one of these statuses.
fn withheld(reply: &Reply, canary: &str, statuses: &[u16]) -> Met {
    if holds(reply, canary) {
        return Met::when(false, "it was in the answer");
    }
    Met::status(reply, statuses)
}

impl Probe for AssignedOnly {
    fn promise(&self) -> &'static str {
        "access.assigned-only"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let value = |key| asked.value(key).unwrap_or_default();
        let (collection, by) = (value("collection"), value("by"));
        let place = format!("/collections/{collection}/at");
        for route in routes(at, "rows", collection, sheet) {
            if !can_be_had(at, route, sheet) {
                return Ok(());
            }
            let me = Person::with(value("role"), at, route)?;
            let other = Person::with(value("role"), at, route)?;
            let (mine, theirs) = (canary(at)?, canary(at)?);
            let row = |owner: &Value, text: &str| json!({by: owner, "vsc": text});
            let own = row(&json!(me.name), &mine);
            let path = &route.path;

            for (what, owner) in [
                ("another person", json!(other.name)),
                ("nobody", Value::Null),
                ("several people", json!([other.name, me.name])),
                ("a person by something else", json!({"name": me.name})),
                (
                    "a person whose name begins alike",
                    json!(format!("{}x", me.name)),
                ),
            ] {
                let rows = json!([row(&owner, &theirs), own.clone(), row(&owner, &theirs)]);
                let list = me.ask("GET", &answer(at, &place, rows))?;
                let name = format!("GET {path}, a list with a row of {what}");
                sheet.pair(name, withheld(&list, &theirs, &[200]), shown(&list, &mine));
                let attack = me.ask("GET", &row(&owner, &theirs).to_string())?;
                let twin = me.ask("GET", &own.to_string())?;
                let name = format!("GET {path}, a row of {what}");
                sheet.pair(
                    name,
                    withheld(&attack, &theirs, &[404]),
                    shown(&twin, &mine),
                );
            }
            let twice = format!(
                "{{{0}:{1},{0}:{2},\"vsc\":\"{theirs}\"}}",
                json!(by),
                json!(other.name),
                json!(me.name)
            );
            let attack = me.ask("GET", &twice)?;
            let twin = me.ask("GET", &own.to_string())?;
            let name = format!("GET {path}, a row that names two owners");
            sheet.pair(
                name,
                withheld(&attack, &theirs, &[404, 502]),
                shown(&twin, &mine),
            );
        }
        Ok(())
    }
}

impl Probe for FieldsWithheld {
    fn promise(&self) -> &'static str {
        "access.fields-withheld"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let value = |key| asked.value(key).unwrap_or_default();
        let (role, collection) = (value("role"), value("collection"));
        let place = format!("/collections/{collection}/at");
        let by = format!("/roles/{role}/rows/{collection}/by");
        let by = at.facts().configuration.pointer(&by);
        let by = by.and_then(Value::as_str).unwrap_or("vsc_by");
        for route in routes(at, "rows", collection, sheet) {
            if !can_be_had(at, route, sheet) {
                return Ok(());
            }
            let me = Person::with(role, at, route)?;
            for field in asked.list("fields") {
                let (seen, hidden) = (canary(at)?, canary(at)?);
                let row = |field: &str, value: Value| json!({by: me.name, "vsc": seen, "deeper": [{field: value.clone()}], field: value});
                let loud = field.to_uppercase();
                for (what, row) in [
                    ("as it is", row(field, json!(hidden))),
                    ("in capitals", row(&loud, json!(hidden))),
                    ("with what lies in it", row(field, json!([{"vsc": hidden}]))),
                ] {
                    let path = &route.path;
                    let list = me.ask("GET", &answer(at, &place, json!([row.clone()])))?;
                    let name = format!("GET {path}, {field} of a list, {what}");
                    sheet.pair(name, withheld(&list, &hidden, &[200]), shown(&list, &seen));
                    let one = me.ask("GET", &row.to_string())?;
                    let name = format!("GET {path}, {field} of a row, {what}");
                    sheet.pair(name, withheld(&one, &hidden, &[200]), shown(&one, &seen));
                }
            }
        }
        Ok(())
    }
}

impl Probe for CountsOnly {
    fn promise(&self) -> &'static str {
        "access.no-free-text-in-aggregates"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let collection = asked.value("collection").unwrap_or_default();
        let least: u64 = asked
            .value("least")
            .and_then(|it| it.parse().ok())
            .unwrap_or(0);
        let counts = format!("/collections/{collection}/counts");
        let table = at.facts().configuration.pointer(&counts);
        let count = table
            .and_then(|it| it.get("count")?.as_str())
            .unwrap_or("count");
        let label = table.and_then(|it| it.get("show")?.as_array());
        let label = label.into_iter().flatten().filter_map(Value::as_str);
        let Some(label) = label.into_iter().find(|shown| *shown != count) else {
            sheet.unproven("groups have no name");
            return Ok(());
        };
        let Some(role) = counting_role(at, collection) else {
            sheet.unproven(format!("nobody sees counts of {collection}"));
            return Ok(());
        };
        let place = format!("{counts}/at");
        for route in routes(at, "counts", collection, sheet) {
            if !can_be_had(at, route, sheet) {
                return Ok(());
            }
            let me = Person::with(&role, at, route)?;
            let (seen, text) = (canary(at)?, canary(at)?);
            let sentence = format!("I have not slept well since it happened. {text}");
            let group = json!({label: seen, count: least});
            let with = |field: &str, value: Value| {
                let mut group = group.clone();
                if let Some(fields) = group.as_object_mut() {
                    fields.insert(field.to_owned(), value);
                }
                group
            };
            for (what, groups) in [
                (
                    "a sentence in a field of its own",
                    json!([with(UNSHOWN, json!(text))]),
                ),
                (
                    "a row in a group",
                    json!([with(UNSHOWN, json!({"vsc": text}))]),
                ),
                (
                    "a sentence for a name",
                    json!([group, {label: sentence, count: least}]),
                ),
                (
                    "a list for a name",
                    json!([group, {label: [text], count: least}]),
                ),
                (
                    "a group that is too small",
                    json!([group, {label: text, count: least.saturating_sub(1)}]),
                ),
                ("a group without its size", json!([group, {label: text}])),
            ] {
                let reply = me.ask("GET", &answer(at, &place, groups))?;
                let name = format!("GET {}, {what}", route.path);
                sheet.pair(name, withheld(&reply, &text, &[200]), shown(&reply, &seen));
            }
        }
        Ok(())
    }
}

/// A role that sees counts of `collection`.
fn counting_role(at: &dyn Target, collection: &str) -> Option<String> {
    let roles = at.facts().configuration.get("roles")?.as_object()?;
    let counts = |said: &Value| {
        let sees = said.get("rows")?.get(collection)?.get("see")?;
        let listed = sees
            .as_array()
            .map_or(std::slice::from_ref(sees), Vec::as_slice);
        Some(listed.iter().any(|seen| seen == "counts" || seen == "all"))
    };
    let found = roles.iter().find(|(_, said)| counts(said) == Some(true));
    found.map(|(role, _)| role.clone())
}
