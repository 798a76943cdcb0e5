//! Doing what one's role may not.
//!
//! Owns the matrix of role, route and method, with the rules of the table below each route, and in it
//! both directions: what the table does not allow is attacked, what it allows is the twin.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, KeyWish, Reply, RouteFact, SessionWish, TargetError, TokenWish},
    sheet::Met,
};
use serde_json::Value;

use super::{draft::Draft, keys::EVERYTHING, tokens::can_be_had};
use crate::rights::{METHODS, Rights, is_below};

/// Attacks `access.by-role`.
pub(super) struct ByRole;

/// A role that nobody gave any right.
pub(super) const STRANGER: &str = "vsc-stranger";

/// Most cells of a matrix: more would take the better part of an hour.
const MOST_CELLS: usize = 5000;

/// For how many requests, by whomever, a credential is kept: those of a proof live for a minute, and
/// no request takes a fifth of a second.
const KEPT_FOR: usize = 200;

/// What a route is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Key,
    Token,
    Session,
}

impl Kind {
    /// What `route` takes, a key before all else; `None` where it is open or signed.
    fn of(route: &RouteFact) -> Option<Self> {
        match &route.guard {
            Guard::Key(_) => Some(Self::Key),
            Guard::Token(_) => Some(Self::Token),
            Guard::Session(_) => Some(Self::Session),
            Guard::Open(_) | Guard::Certificate(_) | Guard::Webhook(_) => None,
        }
    }
}

/// Roles, and what their holder shows.
type Holder = (Vec<String>, Kind);

/// Holders of roles, each with the credential its route takes.
pub(super) struct People<'t> {
    at: &'t dyn Target,
    /// With how many requests had been sent when it was made.
    credentials: RefCell<BTreeMap<Holder, (String, usize)>>,
    asked: Cell<usize>,
}

impl<'t> People<'t> {
    pub(super) fn of(at: &'t dyn Target) -> Self {
        Self {
            at,
            credentials: RefCell::default(),
            asked: Cell::new(0),
        }
    }

    /// Asks `method path` of `route` as whoever has exactly `roles`. Keys go as Bearer, as tokens do:
    /// there they are not confused with those that other probes send. A session comes from a page of
    /// the site itself.
    pub(super) fn ask(
        &self,
        route: &RouteFact,
        roles: &[&str],
        method: &str,
        path: &str,
    ) -> Result<Reply, TargetError> {
        self.asked.set(self.asked.get() + 1);
        let kind = Kind::of(route).unwrap_or(Kind::Key);
        let credential = self.credential(roles, kind)?;
        let facts = self.at.facts();
        let draft = Draft::new(self.at, method, path);
        let draft = match kind {
            Kind::Key | Kind::Token => {
                draft.field("Authorization", &format!("Bearer {credential}"))
            }
            Kind::Session => draft
                .field("Cookie", &credential)
                .field(
                    "Origin",
                    &format!("{}://{}", facts.scheme, facts.public_host),
                )
                .field("Sec-Fetch-Site", "same-origin"),
        };
        draft.ticketed(self.at)?.send(self.at)
    }

    fn credential(&self, roles: &[&str], kind: Kind) -> Result<String, TargetError> {
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        let place = (roles.clone(), kind);
        if let Some((known, made)) = self.credentials.borrow().get(&place)
            && self.asked.get() < made + KEPT_FOR
        {
            return Ok(known.clone());
        }
        let key = |roles| KeyWish {
            scopes: vec![EVERYTHING.to_owned()],
            roles,
        };
        let made = match kind {
            Kind::Key => self.at.mint_key(&key(roles))?.key,
            Kind::Token => {
                let (key, age) = (key(roles), Duration::ZERO);
                self.at.mint_token(&TokenWish { key, age })?.token
            }
            Kind::Session => {
                let wish = SessionWish {
                    roles,
                    created: Duration::ZERO,
                    last_seen: Duration::ZERO,
                };
                self.at.mint_session(&wish)?.cookie
            }
        };
        let kept = (made.clone(), self.asked.get());
        self.credentials.borrow_mut().insert(place, kept);
        Ok(made)
    }
}

/// One place of the matrix: a route, a path that it governs and a method.
#[derive(Clone, Copy, Debug)]
struct Place<'t> {
    route: &'t RouteFact,
    /// Roles that the route itself names.
    named: &'t [String],
    path: &'t str,
    method: &'t str,
}

impl Place<'_> {
    fn may(&self, rights: &Rights, roles: &[&str]) -> bool {
        let route =
            self.named.is_empty() || self.named.iter().any(|role| roles.contains(&role.as_str()));
        route && rights.may(roles, self.method, self.path)
    }

    fn title(&self, roles: &[&str]) -> String {
        format!("{} {} as {}", self.method, self.path, roles.join(" and "))
    }
}

/// The roles each route names, as the file has them.
pub(super) fn named_roles(at: &dyn Target) -> Vec<Vec<String>> {
    let routes = at.facts().configuration.get("route");
    let routes = routes.and_then(Value::as_array).into_iter().flatten();
    let texts = |route: &Value| {
        let roles = route.get("roles").and_then(Value::as_array);
        let roles = roles.into_iter().flatten().filter_map(Value::as_str);
        roles.map(str::to_owned).collect()
    };
    routes.map(texts).collect()
}

/// Every path that is worth trying: of each route, a path below it, and where rules begin.
fn paths(at: &dyn Target, rights: &Rights) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for route in &at.facts().routes {
        paths.insert(route.path.clone());
        paths.insert(format!("{}/vsc", route.path.trim_end_matches('/')));
    }
    paths.extend(rights.rules.iter().map(|rule| rule.path.clone()));
    paths
}

/// The route that governs `method path`, which is the longest that reaches it.
pub(super) fn governing<'t>(at: &'t dyn Target, path: &str) -> Option<(usize, &'t RouteFact)> {
    let governs =
        |route: &RouteFact| route.path == path || !route.exact && is_below(path, &route.path);
    let routes = at.facts().routes.iter().enumerate();
    let found = routes.filter(|(_, route)| route.host.is_none() && governs(route));
    found.max_by_key(|(_, route)| (route.path.len(), route.exact))
}

/// Every place where credentials of a proof can be shown.
fn places<'t>(
    at: &'t dyn Target,
    named: &'t [Vec<String>],
    paths: &'t BTreeSet<String>,
) -> Vec<Place<'t>> {
    let mut places = Vec::new();
    for path in paths {
        let Some((index, route)) = governing(at, path) else {
            continue;
        };
        // Several routes may share a path, one for each method.
        let twins = at
            .facts()
            .routes
            .iter()
            .filter(|other| other.path == route.path);
        if twins.count() > 1 || Kind::of(route).is_none() {
            continue;
        }
        let methods: Vec<&str> = match route.methods.as_slice() {
            [] => METHODS.to_vec(),
            listed => listed.iter().map(String::as_str).collect(),
        };
        places.extend(methods.into_iter().map(|method| Place {
            route,
            named: named.get(index).map_or(&[], Vec::as_slice),
            path,
            method,
        }));
    }
    places
}

impl Probe for ByRole {
    fn promise(&self) -> &'static str {
        "access.by-role"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(rights) = Rights::of(&at.facts().configuration) else {
            sheet.unproven("there is no table of roles");
            return Ok(());
        };
        let (named, paths) = (named_roles(at), paths(at, &rights));
        let places = places(at, &named, &paths);
        let mut roles: Vec<&str> = rights.roles.iter().map(String::as_str).collect();
        roles.push(STRANGER);
        let cells = places.len() * roles.len();
        if cells > MOST_CELLS {
            sheet.unproven(format!(
                "the matrix has {cells} cells, more than {MOST_CELLS}"
            ));
            return Ok(());
        }
        if !places
            .iter()
            .all(|place| can_be_had(at, place.route, sheet))
        {
            return Ok(());
        }
        let people = People::of(at);
        let somewhere = somewhere(&people, &rights, &places, &roles)?;
        for place in &places {
            try_place(&people, &rights, place, &roles, somewhere.as_ref(), sheet)?;
        }
        try_denials(&people, &rights, &places, sheet)
    }
}

/// What a role may do, somewhere: the twin of places where nobody may do anything.
fn somewhere(
    people: &People<'_>,
    rights: &Rights,
    places: &[Place<'_>],
    roles: &[&str],
) -> Result<Option<Met>, TargetError> {
    for place in places {
        if let Some(role) = roles.iter().find(|role| place.may(rights, &[role])) {
            let reply = people.ask(place.route, &[role], place.method, place.path)?;
            return Ok(Some(Met::status(&reply, &[200])));
        }
    }
    Ok(None)
}

/// Every role at one place: those who may not beside those who may.
fn try_place(
    people: &People<'_>,
    rights: &Rights,
    place: &Place<'_>,
    roles: &[&str],
    somewhere: Option<&Met>,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let ask = |role: &str| people.ask(place.route, &[role], place.method, place.path);
    let (mut refused, mut passed) = (Vec::new(), Vec::new());
    for &role in roles {
        if place.may(rights, &[role]) {
            passed.push(Met::status(&ask(role)?, &[200]));
        } else {
            refused.push((role, Met::status(&ask(role)?, &[403])));
        }
    }
    let twins = passed.iter().chain(somewhere.filter(|_| passed.is_empty()));
    let twins: Vec<&Met> = twins.collect();
    // A stranger is refused everywhere, so no twin is left without an attack.
    let pairs = refused.len().max(twins.len());
    for ((role, attack), twin) in refused.iter().cycle().zip(twins.iter().cycle()).take(pairs) {
        sheet.pair(place.title(&[role]), attack.clone(), (*twin).clone());
    }
    Ok(())
}

/// Whoever has a role that is denied something, and another that is allowed it.
fn try_denials(
    people: &People<'_>,
    rights: &Rights,
    places: &[Place<'_>],
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    for rule in rights.rules.iter().filter(|rule| rule.denies) {
        let denied =
            |place: &&Place<'_>| place.path == rule.path && rule.covers(place.method, place.path);
        let allowed =
            |place: &Place<'_>, role: &String| *role != rule.role && place.may(rights, &[role]);
        let found = places.iter().filter(denied).find_map(|place| {
            let role = rights.roles.iter().find(|role| allowed(place, role))?;
            Some((place, role.as_str()))
        });
        let Some((place, other)) = found else {
            continue;
        };
        let ask = |roles: &[&str]| people.ask(place.route, roles, place.method, place.path);
        let both = [rule.role.as_str(), other];
        sheet.pair(
            place.title(&both),
            Met::status(&ask(&both)?, &[403]),
            Met::status(&ask(&[other])?, &[200]),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
