//! Roles that an operator gives to a key or a person.
//!
//! Owns the look into `[roles]` beforehand. Refuses a role that the table does not have, where there is
//! one: whoever had it could do nothing, and it is nearly always a spelling mistake.

use ::config::nearest;
use serde_json::Value;

use crate::{failure::Failure, load::Loaded};

/// Whether the file knows each of `roles`.
pub(super) fn known(loaded: &Loaded, roles: &[String]) -> Result<(), Failure> {
    let Some(table) = loaded.tree.get("roles").and_then(Value::as_object) else {
        return Ok(());
    };
    let Some(role) = roles.iter().find(|role| !table.contains_key(*role)) else {
        return Ok(());
    };
    let hint = match nearest(role, table.keys().map(String::as_str)) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "give one that the table has, or add it there with what it may do".to_owned(),
    };
    let what = format!("[roles] has no role \"{role}\"");
    Err(Failure::new(what, hint))
}
