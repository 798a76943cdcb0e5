//! What the gate hands out itself, and to whom.
//!
//! Owns `[tokens]` and `[keys]`. Neither is served unless its table is there. Refuses lives beyond an
//! hour, and aliases that are no path of a route, that stand twice, or that a route has for itself.

use std::time::Duration;

use config::{Fault, Found, Table};
use identity::{
    RoleTable,
    token::{Terms, own::LONGEST},
};

use super::{
    roles,
    route::{Route, route_path},
};
use crate::stages::desk::Desk;

/// The shortest life a token may have: anything less would only be a key in disguise.
const SHORTEST: Duration = Duration::from_secs(60);

/// The role that may make keys, where nothing else is configured.
const ROLE: &str = "admin";

/// What is handed out.
#[derive(Debug, Default)]
pub struct Desks {
    tokens: Option<Terms>,
    passwords: bool,
    key_role: Option<Box<str>>,
    aliases: Vec<(Box<str>, Desk)>,
}

impl Desks {
    /// Reads `[tokens]` and `[keys]`.
    pub(super) fn read(root: &mut Table<'_>, public_url: &str, roles: Option<&RoleTable>) -> Self {
        let mut desks = Self::default();
        let accounts = root.has("accounts");
        if let Some(mut table) = root.optional_table("tokens") {
            let life = table.duration_in("life", SHORTEST..=LONGEST);
            let life = life.map_or(LONGEST, |life| life.value);
            desks.tokens = Some(Terms::new(public_url, life));
            desks.passwords = takes_passwords(&mut table, accounts);
            desks.take_aliases(&mut table, Desk::Token);
            table.done();
        }
        if let Some(mut table) = root.optional_table("keys") {
            let role = table.parse("role", "a role such as admin", role);
            if let Some(role) = &role {
                roles::known(&table, roles, role);
            }
            desks.key_role = Some(role.map_or_else(|| ROLE.into(), |role| role.value));
            desks.take_aliases(&mut table, Desk::Keys);
            table.done();
        }
        desks
    }

    fn take_aliases(&mut self, table: &mut Table<'_>, desk: Desk) {
        let aliases = table.parse_each("aliases", "a path such as /auth/token", route_path);
        for Found { value, span } in aliases.into_iter().flatten() {
            if self.aliases.iter().any(|(known, _)| *known == value) {
                let fault = Fault::new("alias.twice", format!("{value} stands twice"));
                table.fault(fault.at(span).hint("remove one of them"));
            }
            self.aliases.push((value, desk));
        }
    }

    /// Refuses aliases that are paths of routes: which of them is meant would be a guess.
    pub(super) fn part_from(&self, routes: &[Route], root: &Table<'_>) {
        for (alias, _) in &self.aliases {
            let taken =
                |route: &&Route| wire::target::folded(&route.path) == wire::target::folded(alias);
            if let Some(route) = routes.iter().find(taken) {
                root.fault(
                    Fault::new(
                        "alias.of-route",
                        format!("{alias} is an alias and the path of the route {}", route.id),
                    )
                    .hint("remove the route, or the alias"),
                );
            }
        }
    }

    /// Which tokens the gate issues and believes.
    #[must_use]
    pub const fn tokens(&self) -> Option<&Terms> {
        self.tokens.as_ref()
    }

    /// Whether a token is given for a password too.
    pub(crate) const fn takes_passwords(&self) -> bool {
        self.passwords
    }

    /// The role that may make keys over the gate.
    #[must_use]
    pub fn key_role(&self) -> Option<&str> {
        self.key_role.as_deref()
    }

    /// The desk at `path`, one of its aliases.
    pub(crate) fn at(&self, path: &str) -> Option<Desk> {
        let found = self.aliases.iter().find(|(alias, _)| **alias == *path);
        found.map(|(_, desk)| *desk)
    }

    /// Whether `folded` is what an alias folds to, so that a path spelled otherwise is refused and
    /// never forwarded.
    pub(crate) fn resembles(&self, folded: &str) -> bool {
        let same = |(alias, _): &(Box<str>, Desk)| wire::target::folded(alias) == folded;
        self.aliases.iter().any(same)
    }
}

/// Whether `[tokens]` has tokens given for passwords, which only accounts have.
fn takes_passwords(table: &mut Table<'_>, accounts: bool) -> bool {
    let Some(Found { value: true, span }) = table.optional_flag("passwords") else {
        return false;
    };
    if !accounts {
        let fault = Fault::new(
            "tokens.passwords",
            "nobody has a password here: there is no [accounts]",
        );
        table.fault(
            fault
                .at(span)
                .hint("add an [accounts] table, or remove passwords"),
        );
    }
    true
}

/// A role or a tenant of ours.
pub(super) fn role(text: &str) -> Result<Box<str>, &'static str> {
    let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.into())
    } else {
        Err("is not 1 to 64 lower-case letters, digits, '.', '_' and '-'")
    }
}
