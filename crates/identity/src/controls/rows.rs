//! What each role sees of an app's answers, as a control.
//!
//! Owns what a configuration must say for the sentences `access.assigned-only`,
//! `access.fields-withheld` and `access.no-free-text-in-aggregates` to be true.

use std::collections::BTreeSet;

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::falls;
use crate::refusal;

/// Rows, fields and counts.
#[derive(Clone, Copy, Debug)]
pub struct Rows;

const KEYS: &[Key] = &[
    Key {
        path: "[[route]] rows",
        takes: "name of a collection",
        default: "none",
        about: "Answers of this route hold rows of the collection: what passes of them is what [roles.NAME.rows] lets whoever asks see. Other answers than JSON do not pass.",
    },
    Key {
        path: "[[route]] counts",
        takes: "name of a collection",
        default: "none",
        about: "Answers of this route count rows of the collection: what passes is what [collections.NAME.counts] shows.",
    },
    Key {
        path: "[collections.NAME] at",
        takes: "JSON pointer such as \"/checks\"",
        default: "\"\"",
        about: "Where in an answer a list of rows stands. Where it leads nowhere, the answer is one row.",
    },
    Key {
        path: "[collections.NAME] beside",
        takes: "list of fields",
        default: "[]",
        about: "Fields beside the rows that pass, such as the address of the next page, where they hold neither lists nor objects.",
    },
    Key {
        path: "[collections.NAME] issuer",
        takes: "text",
        default: "whoever names people, where only one does",
        about: "Whose names of people the rows hold: the issuer of [login] or of an [[issuer]], or \"vouchsafe:local\" for [accounts].",
    },
    Key {
        path: "[collections.NAME.counts] at",
        takes: "JSON pointer",
        default: "\"\"",
        about: "Where in an answer the groups stand.",
    },
    Key {
        path: "[collections.NAME.counts] show",
        takes: "list of fields",
        default: "required",
        about: "The fields of a group that pass, where they are numbers, true, false, null or texts of at most 32 characters.",
    },
    Key {
        path: "[collections.NAME.counts] count",
        takes: "field",
        default: "\"count\"",
        about: "The field that says how many rows a group has.",
    },
    Key {
        path: "[collections.NAME.counts] least",
        takes: "1 to 1,000,000",
        default: "5",
        about: "The smallest group that passes.",
    },
    Key {
        path: "[roles.NAME.rows.COLLECTION] see",
        takes: "\"own\", \"all\", \"counts\" or a list of them",
        default: "required",
        about: "What whoever has the role sees of the collection. A role without such a table sees nothing of it.",
    },
    Key {
        path: "[roles.NAME.rows.COLLECTION] by",
        takes: "field",
        default: "required for \"own\"",
        about: "The field of a row that names its owner: the name that people log in with, or key: and the id of a key.",
    },
    Key {
        path: "[roles.NAME.rows.COLLECTION] hide",
        takes: "list of fields",
        default: "[]",
        about: "Fields that are left out of every row, at any depth, whichever other roles somebody has.",
    },
    Key {
        path: "[roles.NAME.rows.COLLECTION] write",
        takes: "list of methods",
        default: "[]",
        about: "Methods beside GET and HEAD that whoever sees only their own may use. Whose row a request changes only the app knows, so none is allowed unless it stands here.",
    },
];

static CARD: Card = Card {
    id: refusal::ROWS,
    title: "Rows",
    summary: "Of what an app answers, each role sees its part: its own rows, rows without some of \
              their fields, or counts. The app need not know of it.",
    promises: &[
        "access.assigned-only",
        "access.fields-withheld",
        "access.no-free-text-in-aggregates",
    ],
    keys: KEYS,
};

/// The view that a promise speaks of.
fn view<'a>(configuration: &'a Value, asked: &Asked) -> Option<&'a Value> {
    let role = configuration.get("roles")?.get(asked.value("role")?)?;
    role.get("rows")?.get(asked.value("collection")?)
}

fn view_mut<'a>(configuration: &'a mut Value, asked: &Asked) -> Option<&'a mut Value> {
    let role = configuration
        .get_mut("roles")?
        .get_mut(asked.value("role")?)?;
    role.get_mut("rows")?.get_mut(asked.value("collection")?)
}

fn texts<'a>(table: &'a Value, key: &str) -> BTreeSet<&'a str> {
    match table.get(key) {
        Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

/// Whether some route answers with what `key` says of the collection.
fn answered(configuration: &Value, key: &str, collection: &str) -> bool {
    let routes = configuration.get("route").and_then(Value::as_array);
    let holds = |route: &Value| route.get(key).and_then(Value::as_str) == Some(collection);
    routes.into_iter().flatten().any(holds)
}

impl Control for Rows {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let collection = asked.value("collection").unwrap_or_default();
        let role = asked.value("role").unwrap_or_default();
        if asked.promise == "access.no-free-text-in-aggregates" {
            let least = asked.value("least").unwrap_or_default();
            let counts = configuration.pointer(&format!("/collections/{collection}/counts"));
            let set =
                counts.map(|counts| counts.get("least").map_or(5, |it| it.as_u64().unwrap_or(0)));
            return match set {
                Some(set)
                    if set.to_string() == least
                        && answered(configuration, "counts", collection) =>
                {
                    Fit::Fits
                }
                _ => falls(
                    format!("no route answers with counts of {collection} from {least} on"),
                    format!(
                        "[collections.{collection}.counts]\nshow = [\"week\", \"count\"]\nleast = {least}\n"
                    ),
                ),
            };
        }
        let table = format!("[roles.{role}.rows.{collection}]\n");
        let view =
            view(configuration, asked).filter(|_| answered(configuration, "rows", collection));
        let (holds, lacks) = if asked.promise == "access.assigned-only" {
            let by = asked.value("by").unwrap_or_default();
            let own = |view: &Value| {
                texts(view, "see").contains("own")
                    && view.get("by").and_then(Value::as_str) == Some(by)
            };
            (
                view.is_some_and(own),
                format!("see = \"own\"\nby = \"{by}\"\n"),
            )
        } else {
            let promised: BTreeSet<&str> = asked.list("fields").into_iter().collect();
            let list: Vec<String> = promised
                .iter()
                .map(|field| format!("\"{field}\""))
                .collect();
            let hidden = |view: &Value| promised.is_subset(&texts(view, "hide"));
            (
                view.is_some_and(hidden),
                format!("hide = [{}]\n", list.join(", ")),
            )
        };
        if holds {
            Fit::Fits
        } else {
            falls(format!("{role} sees more of {collection}"), table + &lacks)
        }
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let collection = asked.value("collection").unwrap_or_default().to_owned();
        if asked.promise == "access.no-free-text-in-aggregates" {
            let counts = configuration.pointer_mut(&format!("/collections/{collection}/counts"));
            if let Some(counts) = counts.and_then(Value::as_object_mut) {
                counts.insert("least".to_owned(), json!(1));
            }
            return Weakening::Configured("a group of one is shown".to_owned());
        }
        let own = asked.promise == "access.assigned-only";
        if let Some(view) = view_mut(configuration, asked).and_then(Value::as_object_mut) {
            if own {
                view.insert("see".to_owned(), json!("all"));
                view.shift_remove("by");
                view.shift_remove("write");
            } else {
                view.shift_remove("hide");
            }
        }
        Weakening::Configured(if own {
            "the role sees every row".to_owned()
        } else {
            "the role sees every field".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn asked(promise: &str, more: &[(&str, &str)]) -> Asked {
        let values = [("collection", "checks"), ("role", "mentor")];
        let values = values.iter().chain(more);
        Asked {
            promise: promise.to_owned(),
            values: BTreeMap::from_iter(
                values.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
            ),
            line: 1,
            sentence: String::new(),
        }
    }

    fn configuration() -> Value {
        json!({
            "roles": {"mentor": {"rows": {"checks": {"see": "own", "by": "mentor", "hide": ["phone"]}}}},
            "collections": {"checks": {"counts": {"show": ["count"], "least": 7}}},
            "route": [{"path": "/checks", "rows": "checks"}, {"path": "/groups", "counts": "checks"}],
        })
    }

    #[test]
    fn a_promise_holds_with_its_own_field_and_number_and_no_other() {
        for (promise, more, fits) in [
            ("access.assigned-only", [("by", "mentor")], true),
            ("access.assigned-only", [("by", "teacher")], false),
            ("access.fields-withheld", [("fields", "phone")], true),
            ("access.fields-withheld", [("fields", "phone, name")], false),
            ("access.no-free-text-in-aggregates", [("least", "7")], true),
            ("access.no-free-text-in-aggregates", [("least", "5")], false),
        ] {
            let asked = asked(promise, &more);
            let fit = Rows.fit(&configuration(), &asked);
            assert_eq!(matches!(fit, Fit::Fits), fits, "{promise} {more:?}");
            let mut unanswered = configuration();
            unanswered["route"] = json!([]);
            assert!(!matches!(Rows.fit(&unanswered, &asked), Fit::Fits));
        }
    }

    #[test]
    fn weakened_one_view_shows_more() {
        for (promise, more, place, shown) in [
            (
                "access.assigned-only",
                ("by", "mentor"),
                "/roles/mentor/rows/checks",
                json!({"see": "all", "hide": ["phone"]}),
            ),
            (
                "access.fields-withheld",
                ("fields", "phone"),
                "/roles/mentor/rows/checks",
                json!({"see": "own", "by": "mentor"}),
            ),
            (
                "access.no-free-text-in-aggregates",
                ("least", "7"),
                "/collections/checks/counts/least",
                json!(1),
            ),
        ] {
            let mut configuration = configuration();
            let weakening = Rows.weaken(&mut configuration, &asked(promise, &[more]));
            assert!(matches!(weakening, Weakening::Configured(_)));
            assert_eq!(configuration.pointer(place), Some(&shown));
        }
    }
}
