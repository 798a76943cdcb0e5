//! What the configuration's table of roles says, read plainly.
//!
//! Owns an own reading of `[roles]`: rule after rule, as a person reads them, and what a role may do
//! where answers hold rows. It shares no code with the gate, whose reading it is held against.

mod views;

use serde_json::Value;

use self::views::Views;

/// Methods that are tried where a route or a rule names none.
pub(crate) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// One rule: this role, allowed or denied these methods (none named: all) below this path.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) role: String,
    pub(crate) denies: bool,
    pub(crate) methods: Vec<String>,
    pub(crate) path: String,
}

/// The whole table.
#[derive(Debug)]
pub(crate) struct Rights {
    pub(crate) roles: Vec<String>,
    pub(crate) rules: Vec<Rule>,
    views: Views,
}

impl Rights {
    /// The table of `configuration`, if there is one.
    pub(crate) fn of(configuration: &Value) -> Option<Self> {
        let table = configuration.get("roles")?.as_object()?;
        let mut rules = Vec::new();
        for (role, said) in table {
            for (key, denies) in [("allow", false), ("deny", true)] {
                let texts = said.get(key).and_then(Value::as_array);
                for text in texts.into_iter().flatten().filter_map(Value::as_str) {
                    rules.push(rule(role, denies, text));
                }
            }
        }
        let roles = table.keys().cloned().collect();
        let views = Views::of(configuration);
        Some(Self {
            roles,
            rules,
            views,
        })
    }

    /// Whether whoever has exactly `roles` may use `method` on `path`.
    pub(crate) fn may(&self, roles: &[&str], method: &str, path: &str) -> bool {
        let speaks = |denies: bool| {
            self.rules.iter().any(|rule| {
                rule.denies == denies
                    && roles.contains(&rule.role.as_str())
                    && rule.covers(method, path)
            })
        };
        speaks(false) && !speaks(true) && self.views.may(roles, method, path)
    }
}

impl Rule {
    pub(crate) fn covers(&self, method: &str, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|listed| listed == method))
            && is_below(path, &self.path)
    }
}

/// Whether `path` is `top` or below it by whole segments.
pub(crate) fn is_below(path: &str, top: &str) -> bool {
    let folder = format!("{}/", top.trim_end_matches('/'));
    path == top || path.starts_with(&folder)
}

fn rule(role: &str, denies: bool, text: &str) -> Rule {
    let (methods, path) = text.split_once(' ').unwrap_or((text, "/"));
    let methods = match methods {
        "*" => Vec::new(),
        listed => listed.split(',').map(str::to_owned).collect(),
    };
    let trimmed = path.trim_end_matches('/');
    Rule {
        role: role.to_owned(),
        denies,
        methods,
        path: if trimmed.is_empty() { "/" } else { trimmed }.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_read_as_a_person_reads_them() {
        let rights = Rights::of(&json!({"roles": {
            "sales": {"allow": ["GET,POST /api/"], "deny": ["POST /api/archive"]},
            "chief": {"allow": ["*"]},
            "idle": {},
        }}))
        .unwrap();
        for (roles, method, path, may) in [
            (&["sales"][..], "GET", "/api", true),
            (&["sales"], "POST", "/api/x", true),
            (&["sales"], "POST", "/api/archive/x", false),
            (&["sales"], "GET", "/api/archive", true),
            (&["sales"], "PUT", "/api", false),
            (&["sales"], "GET", "/apis", false),
            (&["chief"], "DELETE", "/", true),
            (&["chief", "sales"], "POST", "/api/archive", false),
            (&["idle"], "GET", "/api", false),
            (&[], "GET", "/api", false),
        ] {
            assert_eq!(
                rights.may(roles, method, path),
                may,
                "{roles:?} {method} {path}"
            );
        }
        assert_eq!(rights.roles, ["sales", "chief", "idle"].map(str::to_owned));
        assert!(Rights::of(&json!({})).is_none());
    }
}
