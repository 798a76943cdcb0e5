//! Who may ask where answers hold rows, read plainly.
//!
//! Owns an own reading of `[roles.NAME.rows]` and of the routes whose answers hold rows or counts.

use serde_json::Value;

use super::is_below;

/// What one role sees of one collection.
#[derive(Debug)]
struct View {
    role: String,
    collection: String,
    sees: Vec<String>,
    write: Vec<String>,
}

/// A route, and the collection its answers hold rows or counts of.
#[derive(Debug)]
struct Place {
    path: String,
    exact: bool,
    holds: Option<(String, bool)>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Views {
    views: Vec<View>,
    places: Vec<Place>,
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => {
            let texts = all.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

impl Views {
    pub(super) fn of(configuration: &Value) -> Self {
        let roles = configuration.get("roles").and_then(Value::as_object);
        let mut views = Vec::new();
        for (role, said) in roles.into_iter().flatten() {
            let rows = said.get("rows").and_then(Value::as_object);
            views.extend(rows.into_iter().flatten().map(|(collection, view)| View {
                role: role.clone(),
                collection: collection.clone(),
                sees: texts(view.get("see")),
                write: texts(view.get("write")),
            }));
        }
        let routes = configuration.get("route").and_then(Value::as_array);
        let places = routes.into_iter().flatten().map(place).collect();
        Self { views, places }
    }

    /// Whether views let whoever has `roles` use `method` on `path`.
    pub(super) fn may(&self, roles: &[&str], method: &str, path: &str) -> bool {
        let governs =
            |place: &&Place| place.path == path || !place.exact && is_below(path, &place.path);
        let longest = |place: &&Place| (place.path.len(), place.exact);
        let governing = self.places.iter().filter(governs).max_by_key(longest);
        let Some((collection, counts)) = governing.and_then(|place| place.holds.as_ref()) else {
            return true;
        };
        self.views
            .iter()
            .filter(|view| view.collection == *collection && roles.contains(&view.role.as_str()))
            .any(|view| view.permits(*counts, method))
    }
}

impl View {
    fn permits(&self, counts: bool, method: &str) -> bool {
        let sees = |what: &str| self.sees.iter().any(|seen| seen == what);
        if counts {
            return sees("all") || sees("counts");
        }
        let reads = matches!(method, "GET" | "HEAD");
        sees("all") || sees("own") && (reads || self.write.iter().any(|listed| listed == method))
    }
}

fn place(route: &Value) -> Place {
    let text = |key: &str| route.get(key).and_then(Value::as_str).map(str::to_owned);
    let rows = text("rows").map(|name| (name, false));
    Place {
        path: text("path").unwrap_or_default(),
        exact: route.get("exact") == Some(&Value::Bool(true)),
        holds: rows.or_else(|| text("counts").map(|name| (name, true))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_sees_what_is_read_as_a_person_reads_it() {
        let views = Views::of(&json!({
            "roles": {
                "mentor": {"rows": {"checks": {"see": "own", "by": "mentor", "write": ["POST"]}}},
                "lead": {"rows": {"checks": {"see": ["counts"]}}},
                "head": {"rows": {"checks": {"see": "all"}}},
                "other": {"rows": {"calls": {"see": "all"}}},
            },
            "route": [
                {"path": "/checks", "rows": "checks"},
                {"path": "/checks/groups", "counts": "checks"},
                {"path": "/"},
            ],
        }));
        for (role, method, path, may) in [
            ("mentor", "GET", "/checks/1", true),
            ("mentor", "POST", "/checks", true),
            ("mentor", "DELETE", "/checks/1", false),
            ("mentor", "GET", "/checks/groups", false),
            ("lead", "GET", "/checks", false),
            ("lead", "GET", "/checks/groups", true),
            ("head", "DELETE", "/checks/1", true),
            ("head", "GET", "/checks/groups", true),
            ("other", "GET", "/checks", false),
            ("other", "POST", "/elsewhere", true),
        ] {
            assert_eq!(
                views.may(&[role], method, path),
                may,
                "{role} {method} {path}"
            );
        }
    }
}
