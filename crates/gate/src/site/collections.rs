//! Which rows apps answer with, as the file says it.
//!
//! Owns `[collections]`. Refuses a collection that no route answers with or nobody sees, for such a
//! section keeps no promise; a view of one that is not there; and names of owners that two issuers could
//! give to different people.

use std::sync::Arc;

use config::{Fault, Found, Table, nearest};
use identity::rows::{Answers, Collection, Counts, Kind, Pointer, View};

use super::{route::Route, views::Named};

/// The smallest group that is shown where nothing is said.
const LEAST: u64 = 5;

/// Reads `[collections]`. `issuers` are all who give people their names.
pub(super) fn read(
    root: &mut Table<'_>,
    views: Vec<Named>,
    issuers: &[&str],
) -> Vec<(Found<String>, Arc<Collection>)> {
    let mut views = views;
    let mut table = root.table("collections");
    let mut collections = Vec::new();
    for name in table.keys() {
        let mut of_one = table.table(&name.value);
        let seen: Vec<View> = views
            .extract_if(.., |(of, _)| of.value == name.value)
            .map(|(_, view)| view)
            .collect();
        let collection = one(&mut of_one, &name, seen, issuers);
        of_one.done();
        collections.push((name, Arc::new(collection)));
    }
    for (of, _) in views {
        let names = table.keys();
        let near = nearest(&of.value, names.iter().map(|name| name.value.as_str()));
        table.fault(
            Fault::new(
                "roles.no-collection",
                format!("no collection is called \"{}\"", of.value),
            )
            .at(of.span)
            .hint(match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!(
                    "add [collections.{}], which says where its rows stand",
                    of.value
                ),
            }),
        );
    }
    table.done();
    collections
}

/// One collection; faults in it are noted.
fn one(
    table: &mut Table<'_>,
    name: &Found<String>,
    views: Vec<View>,
    issuers: &[&str],
) -> Collection {
    let at = pointer(table);
    let beside = texts(table, "beside");
    let issuer = table.text("issuer");
    let counts = table.optional_table("counts").map(|mut of_counts| {
        let counts = counts(&mut of_counts);
        of_counts.done();
        counts
    });
    let fault = match (&issuer, issuers) {
        _ if views.is_empty() => Some((
            "collections.unseen",
            "nobody sees anything of this collection".to_owned(),
            format!(
                "add [roles.NAME.rows.{}] with see = \"own\", \"all\" or \"counts\"",
                name.value
            ),
        )),
        (Some(named), _) if !issuers.contains(&named.value.as_str()) => Some((
            "collections.no-such-issuer",
            format!("nobody is named by {}", named.value),
            "write the issuer of [login] or of an [[issuer]] as it stands there".to_owned(),
        )),
        (None, [_, _, ..]) if views.iter().any(|view| view.own.is_some()) => Some((
            "collections.whose-names",
            "several issuers name people, and one's ann need not be the other's".to_owned(),
            format!(
                "add issuer = \"{}\", or whichever gives the names that rows hold",
                issuers.first().unwrap_or(&"")
            ),
        )),
        _ => None,
    };
    if let Some((code, what, hint)) = fault {
        let place = issuer.as_ref().map_or(name.span, |issuer| issuer.span);
        table.fault(Fault::new(code, what).at(place).hint(hint));
    }
    Collection {
        name: name.value.as_str().into(),
        at,
        beside,
        issuer: issuer.map(|issuer| issuer.value.into()),
        counts,
        views,
    }
}

fn counts(table: &mut Table<'_>) -> Counts {
    let at = pointer(table);
    let show = texts(table, "show");
    let count = table
        .text("count")
        .map_or("count".into(), |count| count.value.into());
    let least = table
        .count_in("least", 1..=1_000_000)
        .map_or(LEAST, |least| least.value);
    if show.is_empty() {
        table.fault(
            Fault::new(
                "collections.counts-nothing",
                format!("{} shows no field", table.title()),
            )
            .at(table.span())
            .hint("add show = [\"week\", \"count\"], or whichever fields of a group may be seen"),
        );
    }
    Counts {
        at,
        show,
        count,
        least,
    }
}

/// `at`, which leads to the answer itself where it is absent.
fn pointer(table: &mut Table<'_>) -> Pointer {
    if !table.has("at") {
        return Pointer::default();
    }
    let at = table.parse("at", "the way to the rows, such as /checks", Pointer::read);
    at.map_or_else(Pointer::default, |it| it.value)
}

fn texts(table: &mut Table<'_>, key: &str) -> Vec<Box<str>> {
    let texts = table.texts(key).unwrap_or_default();
    texts.into_iter().map(|text| text.value.into()).collect()
}

/// What the answers of the route in `table` hold, where it says so.
pub(super) fn of_route(
    table: &mut Table<'_>,
    known: &[(Found<String>, Arc<Collection>)],
    guarded: bool,
) -> Option<Answers> {
    let rows = table.text("rows").map(|name| (name, Kind::Rows));
    let counts = table.text("counts").map(|name| (name, Kind::Counts));
    let both = rows.is_some() && counts.is_some();
    let (name, kind) = rows.or(counts)?;
    let fault = |code, what: String, hint: String| {
        table.fault(Fault::new(code, what).at(name.span).hint(hint));
        None
    };
    if both {
        return fault(
            "route.rows-and-counts",
            "an answer holds rows or counts of them".to_owned(),
            "give counts a route of their own".to_owned(),
        );
    }
    if !guarded {
        return fault(
            "route.rows-of-nobody",
            "whose rows are theirs is only known of whoever shows a credential".to_owned(),
            "write auth = [\"session\"], or another credential".to_owned(),
        );
    }
    let Some((_, collection)) = known.iter().find(|(known, _)| known.value == name.value) else {
        let near = nearest(
            &name.value,
            known.iter().map(|(known, _)| known.value.as_str()),
        );
        let hint = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("add [collections.{}]", name.value),
        };
        return fault(
            "route.no-collection",
            format!("no collection is called \"{}\"", name.value),
            hint,
        );
    };
    if kind == Kind::Counts && collection.counts.is_none() {
        return fault(
            "route.counts-unknown",
            format!("what counts of {} look like is not said", name.value),
            format!(
                "add [collections.{}.counts] with show, the fields that may be seen",
                name.value
            ),
        );
    }
    let collection = Arc::clone(collection);
    Some(Answers { collection, kind })
}

/// Refuses a collection that no route answers with.
pub(super) fn all_answered(
    root: &Table<'_>,
    known: &[(Found<String>, Arc<Collection>)],
    routes: &[Route],
) {
    for (name, collection) in known {
        let answered = |route: &Route| {
            let answers = route.answers.as_ref();
            answers.is_some_and(|answers| Arc::ptr_eq(&answers.collection, collection))
        };
        if !routes.iter().any(answered) {
            root.fault(
                Fault::new(
                    "collections.unanswered",
                    format!("no route answers with {}", name.value),
                )
                .at(name.span)
                .hint(format!(
                    "write rows = \"{}\" in the [[route]] that does",
                    name.value
                )),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{read, text};

    const SITE: &str = r#"
[collections.checks]
at = "/checks"
[collections.checks.counts]
show = ["week", "count"]
[roles.mentor]
allow = ["GET /"]
[roles.mentor.rows.checks]
see = "own"
by = "mentor"
hide = ["phone"]
write = ["POST"]
[roles.lead]
allow = ["GET /"]
[roles.lead.rows.checks]
see = ["counts", "all"]
[[route]]
path = "/checks"
app = "coach"
auth = ["api-key"]
rows = "checks"
[[route]]
path = "/groups"
app = "coach"
auth = ["api-key"]
counts = "checks"
"#;

    /// The code of the one fault that the site has where `from` reads `to`.
    fn fault(from: &str, to: &str) -> &'static str {
        assert!(SITE.contains(from), "{from}");
        let faults = read(&text(&SITE.replacen(from, to, 1))).expect_err(to);
        let codes: Vec<&str> = faults.list().iter().map(|fault| fault.code).collect();
        assert_eq!(codes.len(), 1, "{to}: {codes:?}");
        faults.list()[0].code
    }

    #[test]
    fn a_site_says_where_rows_stand_and_who_sees_them() {
        let site = read(&text(SITE)).unwrap();
        let held: Vec<_> = site
            .routes()
            .iter()
            .map(|route| route.answers.as_ref().unwrap())
            .collect();
        assert!(std::sync::Arc::ptr_eq(
            &held[0].collection,
            &held[1].collection
        ));
        let views = &held[0].collection.views;
        let mentor = views.iter().find(|view| &*view.role == "mentor").unwrap();
        assert!(mentor.permits("POST") && !mentor.permits("PUT") && mentor.line > 0);
        assert_eq!(held[1].collection.counts.as_ref().unwrap().least, 5);
    }

    #[test]
    fn a_view_that_means_nothing_is_refused_where_it_stands() {
        for (from, to, code) in [
            (
                "see = \"own\"\nby = \"mentor\"\n",
                "see = \"own\"\n",
                "roles.view",
            ),
            ("by = \"mentor\"\n", "by = \"\"\n", "config.value"),
            ("see = \"own\"", "see = \"ours\"", "roles.see"),
            ("see = \"own\"", "see = []", "roles.view"),
            ("see = \"own\"", "see = [\"own\", \"all\"]", "roles.view"),
            (
                "see = \"own\"\nby = \"mentor\"\n",
                "see = \"counts\"\n",
                "roles.view",
            ),
            (
                "[\"counts\", \"all\"]",
                "\"counts\"\nhide = [\"phone\"]",
                "roles.view",
            ),
            (
                "[\"counts\", \"all\"]",
                "\"all\"\nwrite = [\"POST\"]",
                "roles.view",
            ),
            ("hide =", "hides =", "config.unknown-key"),
            (
                "roles.lead.rows.checks",
                "roles.lead.rows.check",
                "roles.no-collection",
            ),
        ] {
            assert_eq!(fault(from, to), code, "{to}");
        }
    }

    #[test]
    fn a_collection_that_keeps_nothing_is_refused() {
        let unseen = "[roles.lead]\nallow = []\n";
        let seen = SITE.find("[roles.mentor]").unwrap()..SITE.find("[[route]]").unwrap();
        assert_eq!(fault(&SITE[seen], unseen), "collections.unseen");
        for (from, to, code) in [
            ("at = \"/checks\"", "at = \"checks\"", "config.value"),
            (
                "at = \"/checks\"",
                "issuer = \"https://x.example\"",
                "collections.no-such-issuer",
            ),
            (
                "show = [\"week\", \"count\"]",
                "least = 7",
                "collections.counts-nothing",
            ),
            ("show =", "least = 0\nshow =", "config.value"),
        ] {
            assert_eq!(fault(from, to), code, "{to}");
        }
        let both = SITE.find("rows = \"checks\"\n[[route]]").unwrap()..SITE.len();
        assert_eq!(fault(&SITE[both], ""), "collections.unanswered");
    }

    #[test]
    fn a_route_holds_rows_of_what_is_there_and_of_somebody() {
        for (from, to, code) in [
            (
                "rows = \"checks\"",
                "rows = \"check\"",
                "route.no-collection",
            ),
            (
                "rows = \"checks\"",
                "rows = \"checks\"\ncounts = \"checks\"",
                "route.rows-and-counts",
            ),
            (
                "auth = [\"api-key\"]\nrows",
                "auth = \"none\"\nreason = \"public\"\nrows",
                "route.rows-of-nobody",
            ),
            (
                "[collections.checks.counts]\nshow = [\"week\", \"count\"]\n",
                "",
                "route.counts-unknown",
            ),
        ] {
            assert_eq!(fault(from, to), code, "{to}");
        }
    }

    #[test]
    fn names_of_several_issuers_are_told_apart() {
        let issuer = |name: &str| {
            format!(
                "[[issuer]]\nissuer = \"{name}\"\nalgorithms = [\"EdDSA\"]\naudience = [\"x\"]\n\
             keys = {{ url = \"{name}/keys\" }}\n"
            )
        };
        let two = issuer("https://a.example") + &issuer("https://b.example");
        let named = SITE.replace("at = \"/checks\"", "issuer = \"https://b.example\"");
        for (rest, good) in [
            (SITE.to_owned() + &issuer("https://a.example"), true),
            (SITE.to_owned() + &two, false),
            (named + &two, true),
        ] {
            let read = read(&text(&rest));
            let codes = read.as_ref().map_or_else(
                |faults| faults.list().iter().map(|fault| fault.code).collect(),
                |_| Vec::new(),
            );
            let expected: &[&str] = if good {
                &[]
            } else {
                &["collections.whose-names"]
            };
            assert_eq!(codes, expected);
        }
    }
}
