//! What each role sees of a collection, as the file says it.
//!
//! Owns `[roles.NAME.rows.COLLECTION]`. Refuses a view that sees nothing, one that speaks of owners
//! without naming their field, and what would mean nothing beside what it sees.

use config::{Fault, Found, Table, nearest};
use identity::rows::View;

/// A view and the collection it is of, as it was named.
pub(super) type Named = (Found<String>, View);

/// What a view may see.
const SEES: [&str; 3] = ["own", "all", "counts"];

/// Reads the views of one role.
pub(super) fn read(of_role: &mut Table<'_>, role: &str) -> Vec<Named> {
    let Some(mut table) = of_role.optional_table("rows") else {
        return Vec::new();
    };
    let mut views = Vec::new();
    for collection in table.keys() {
        let mut of_collection = table.table(&collection.value);
        let view = one(&mut of_collection, role);
        of_collection.done();
        views.push((collection, view));
    }
    table.done();
    views
}

/// One view; faults in it are noted.
fn one(table: &mut Table<'_>, role: &str) -> View {
    let mut view = View {
        role: role.into(),
        line: table.line(),
        ..View::default()
    };
    let (mut sees_own, mut told) = (false, false);
    for seen in table.one_or_more("see").unwrap_or_default() {
        match seen.value.as_str() {
            "own" => sees_own = true,
            "all" => view.all = true,
            "counts" => view.counts = true,
            other => {
                told = true;
                table.fault(
                    Fault::new("roles.see", format!("nobody sees \"{other}\""))
                        .at(seen.span)
                        .hint(match nearest(other, SEES) {
                            Some(near) => format!("did you mean \"{near}\"?"),
                            None => "write \"own\", \"all\" or \"counts\"".to_owned(),
                        }),
                );
            }
        }
    }
    let by_span = table.span_of("by");
    view.own = table.text("by").map(|field| field.value.into());
    for (key, place) in [("hide", &mut view.hide), ("write", &mut view.write)] {
        let texts = table.texts(key).unwrap_or_default();
        *place = texts.into_iter().map(|text| text.value.into()).collect();
    }
    let fault = if !(sees_own || view.all || view.counts) {
        Some((
            "does not say what is seen",
            "add see = \"own\" with by = \"...\", \"all\" or \"counts\"",
        ))
    } else if sees_own && by_span.is_none() {
        Some((
            "does not say by which field a row names its owner",
            "add by = \"...\", such as by = \"mentor\"",
        ))
    } else if !sees_own && by_span.is_some() {
        Some((
            "names owners, and does not see by them",
            "remove by, or write see = \"own\"",
        ))
    } else if view.all && sees_own {
        Some((
            "sees every row, its own among them",
            "write see = \"all\" or see = \"own\"",
        ))
    } else if !sees_own && !view.write.is_empty() {
        Some((
            "has write, which is for whoever sees only their own",
            "remove write: what they may do is in allow",
        ))
    } else if !(sees_own || view.all || view.hide.is_empty()) {
        Some(("hides fields of rows that it does not see", "remove hide"))
    } else {
        None
    };
    if let Some((what, hint)) = fault.filter(|_| !told) {
        table.fault(
            Fault::new("roles.view", format!("{} {what}", table.title()))
                .at(by_span.or_else(|| table.span()))
                .hint(hint),
        );
    }
    view
}
