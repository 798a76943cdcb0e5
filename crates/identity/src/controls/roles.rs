//! What each role may do, as a control.
//!
//! Owns what a configuration must say for the sentences `access.by-role` and `access.restricted` to be
//! true.

use std::collections::BTreeSet;

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Map, Value, json};

use super::falls;
use crate::refusal;

/// The table of roles, and the roles that routes name.
#[derive(Clone, Copy, Debug)]
pub struct Roles;

const ROLE_KEYS: &[Key] = &[
    Key {
        path: "[roles.NAME] allow",
        takes: "list of scopes such as \"GET,POST /api\", or [\"*\"]",
        default: "[]",
        about: "What whoever has the role NAME may do, on every route that asks for a credential. Once there is a table for one role, a role without one may nothing; a key needs its scope besides.",
    },
    Key {
        path: "[roles.NAME] deny",
        takes: "list of scopes",
        default: "[]",
        about: "What they may not do, whichever other roles they have.",
    },
];

static ROLES_CARD: Card = Card {
    id: refusal::ROLE,
    title: "Roles",
    summary: "One table says what each role may do. What it does not allow is refused with 403, \
              what it denies wins, and a route may name the roles it is for besides.",
    promises: &["access.by-role", "access.restricted"],
    keys: ROLE_KEYS,
};

impl Control for Roles {
    fn card(&self) -> &'static Card {
        &ROLES_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        if asked.promise == "access.by-role" {
            let table = configuration.get("roles").and_then(Value::as_object);
            return match table {
                Some(table) if !table.is_empty() => Fit::Fits,
                _ => falls(
                    "no table says what each role may do".to_owned(),
                    "[roles.clerk]\nallow = [\"GET,POST /api\"]\n".to_owned(),
                ),
            };
        }
        let promised: BTreeSet<&str> = asked.list("roles").into_iter().collect();
        for path in asked.list("path") {
            let named = roles_of(configuration, path);
            if named != promised {
                let list: Vec<String> = promised.iter().map(|role| format!("\"{role}\"")).collect();
                return falls(
                    format!("the route {path} does not name exactly these roles"),
                    format!(
                        "[[route]]\npath = \"{path}\"\nroles = [{}]\n",
                        list.join(", ")
                    ),
                );
            }
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        if asked.promise == "access.by-role" {
            // Probe and gate read the same table: changing it changes what both expect.
            return Weakening::Sham("role-ignored");
        }
        let paths = asked.list("path");
        let routes = configuration.get_mut("route").and_then(Value::as_array_mut);
        for route in routes
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            if route
                .get("path")
                .and_then(Value::as_str)
                .is_some_and(|path| paths.contains(&path))
            {
                route.shift_remove("roles");
            }
        }
        open_every_role(configuration);
        Weakening::Configured(
            "the routes name no roles, and every role may do everything".to_owned(),
        )
    }
}

/// Lets every role of the table do everything.
fn open_every_role(configuration: &mut Value) {
    let table = configuration
        .get_mut("roles")
        .and_then(Value::as_object_mut);
    for role in table.into_iter().flat_map(Map::values_mut) {
        *role = json!({"allow": ["*"]});
    }
}

/// The roles that the route at `path` names.
fn roles_of<'a>(configuration: &'a Value, path: &str) -> BTreeSet<&'a str> {
    let routes = configuration.get("route").and_then(Value::as_array);
    let here = |route: &&Value| route.get("path").and_then(Value::as_str) == Some(path);
    let found = routes.into_iter().flatten().find(here);
    let roles = found.and_then(|route| route.get("roles")?.as_array());
    roles
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn asked(promise: &str) -> Asked {
        let values = [("path", "/calls"), ("roles", "admin, clerk")];
        Asked {
            promise: promise.to_owned(),
            values: BTreeMap::from(values.map(|(key, value)| (key.to_owned(), value.to_owned()))),
            line: 1,
            sentence: String::new(),
        }
    }

    fn fits(configuration: &Value, promise: &str) -> bool {
        matches!(Roles.fit(configuration, &asked(promise)), Fit::Fits)
    }

    #[test]
    fn a_table_must_stand_and_a_route_must_name_the_promised_roles() {
        let of = |roles: Value| json!({"route": [{"path": "/calls", "roles": roles}]});
        assert!(fits(&of(json!(["clerk", "admin"])), "access.restricted"));
        for roles in [
            json!(["clerk"]),
            json!(["clerk", "admin", "guest"]),
            json!([]),
        ] {
            assert!(!fits(&of(roles), "access.restricted"));
        }
        assert!(!fits(&json!({"route": []}), "access.restricted"));
        assert!(fits(&json!({"roles": {"clerk": {}}}), "access.by-role"));
        assert!(!fits(&json!({"roles": {}}), "access.by-role"));
        assert!(!fits(&json!({}), "access.by-role"));
    }

    #[test]
    fn weakened_the_route_is_for_every_role() {
        let mut configuration = json!({
            "roles": {"clerk": {"allow": [], "deny": ["* /calls"]}},
            "route": [{"path": "/calls", "roles": ["admin", "clerk"]}, {"path": "/x", "roles": ["a"]}],
        });
        let weakening = Roles.weaken(&mut configuration, &asked("access.restricted"));
        assert!(matches!(weakening, Weakening::Configured(_)));
        assert_eq!(
            configuration,
            json!({
                "roles": {"clerk": {"allow": ["*"]}},
                "route": [{"path": "/calls"}, {"path": "/x", "roles": ["a"]}],
            })
        );
    }
}
