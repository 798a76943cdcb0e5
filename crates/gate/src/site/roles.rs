//! What each role may do, as the file says it.
//!
//! Owns `[roles]`, but for what a role sees of answers. Refuses rules that are no scopes, more of them than a table holds, and, where the
//! table is there, any role elsewhere in the file that it does not have: a role nobody described would
//! be one that may nothing, and nearly always a spelling mistake.

use config::{Fault, Found, Table, nearest};
use identity::{
    RoleTable, Scope,
    roles::{Effect, Rule},
};

use super::{desks::role, views};

/// Reads `[roles]`, where it is there, and what each role sees of collections.
pub(super) fn read(root: &mut Table<'_>) -> (Option<RoleTable>, Vec<views::Named>) {
    let (mut names, mut rules, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    let Some(mut table) = root.optional_table("roles") else {
        return (None, seen);
    };
    for name in table.keys() {
        let mut of_role = table.table(&name.value);
        match role(&name.value) {
            Ok(role) => {
                rules.extend(rules_of(&mut of_role, &role));
                seen.extend(views::read(&mut of_role, &role));
                names.push(role);
            }
            Err(why) => {
                table.fault(
                    Fault::new("roles.name", format!("\"{}\" {why}", name.value))
                        .at(name.span)
                        .hint("call the role by such a word, here and where it is given"),
                );
                let _ = rules_of(&mut of_role, "");
                let _ = views::read(&mut of_role, "");
            }
        }
        of_role.done();
    }
    let span = table.span();
    table.done();
    let table = match RoleTable::new(names, rules) {
        Ok(table) => Some(table),
        Err(fault) => {
            root.fault(
                Fault::new("roles.too-many", fault.to_string())
                    .at(span)
                    .hint("let one rule govern a whole path"),
            );
            None
        }
    };
    (table, seen)
}

/// The rules of one role.
fn rules_of(table: &mut Table<'_>, role: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (key, effect) in [("allow", Effect::Allow), ("deny", Effect::Deny)] {
        let what = "methods and a path, such as \"GET,POST /api\", or \"*\"";
        let scopes = table.parse_each(key, what, |text| {
            Scope::or_everything(text).map_err(|fault| format!("is no rule: {fault}"))
        });
        let rule = |scope: Found<Scope>| Rule {
            role: role.into(),
            effect,
            scope: scope.value,
            line: table.line_of(scope.span),
        };
        rules.extend(scopes.into_iter().flatten().map(rule));
    }
    rules
}

/// Refuses a role that `[roles]` does not have, where that table is there.
pub(super) fn known(table: &Table<'_>, roles: Option<&RoleTable>, found: &Found<impl AsRef<str>>) {
    let name = found.value.as_ref();
    let Some(roles) = roles.filter(|roles| !roles.knows(name)) else {
        return;
    };
    let near = nearest(name, roles.roles().iter().map(AsRef::as_ref));
    let hint = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("add [roles.{name}] with what it may do"),
    };
    table.fault(
        Fault::new("roles.unknown", format!("[roles] has no role \"{name}\""))
            .at(found.span)
            .hint(hint),
    );
}
