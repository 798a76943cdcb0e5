//! Roles: what each may do, in one table.
//!
//! Owns rules such as "the role `sales` may GET and POST below /api/uploads", written as scopes of keys
//! are, and one judgement of them: whoever has a role with a rule that denies may not; otherwise,
//! whoever has one with a rule that allows may; nobody else may. So a rule that is forgotten closes and
//! never opens. Matching is that of [`Scope`]: exact, by whole segments.
//!
//! The rules are compiled into a tree of path segments, in which one walk along the path of a request
//! meets every rule that covers it: what a decision costs follows from the length of the path and not
//! from the number of rules. It allocates nothing.

use std::fmt;

use crate::Scope;

/// Most roles of a table: each is a bit of a set.
pub const ROLES_LIMIT: usize = 128;

/// Most rules of a table.
pub const RULES_LIMIT: usize = 4096;

/// What a rule does for whoever has its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// They may, unless another of their rules denies it.
    Allow,
    /// They may not, whatever else they have.
    Deny,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Whom it is about.
    pub role: Box<str>,
    /// What it does.
    pub effect: Effect,
    /// What it is about.
    pub scope: Scope,
    /// The line of the configuration it stands in, from 1; 0 where it stands in none.
    pub line: usize,
}

/// What the table says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// A rule allows it and none denies it.
    Allowed,
    /// A rule denies it.
    Denied,
    /// No rule of any of the roles speaks of it.
    Absent,
}

/// Why rules are no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolesFault {
    /// More than [`ROLES_LIMIT`] roles.
    #[error("there are more than {ROLES_LIMIT} roles")]
    TooManyRoles,
    /// More than [`RULES_LIMIT`] rules.
    #[error("there are more than {RULES_LIMIT} rules")]
    TooManyRules,
}

/// A set of roles of one table, a bit for each.
type RoleSet = u128;

/// The compiled rules.
pub struct RoleTable {
    /// Sorted; the place of a role is its bit.
    roles: Vec<Box<str>>,
    /// As they were written.
    rules: Vec<Rule>,
    /// The tree; the first is `/`.
    nodes: Vec<Node>,
}

/// A path, by its last segment.
#[derive(Default)]
struct Node {
    /// What every method on the path and below means to each role.
    every: Grants,
    /// And what single methods mean, sorted by method.
    methods: Vec<(Box<str>, Grants)>,
    /// Paths one segment longer, sorted by that segment.
    children: Vec<(Box<str>, usize)>,
}

/// Who may, and who may not.
#[derive(Clone, Copy, Default)]
struct Grants {
    allow: RoleSet,
    deny: RoleSet,
}

impl Grants {
    fn add(&mut self, other: Self) {
        self.allow |= other.allow;
        self.deny |= other.deny;
    }
}

impl RoleTable {
    /// Compiles `rules` for `roles`. A role without a rule may nothing; a rule of a role that is not
    /// listed adds the role.
    pub fn new(roles: Vec<Box<str>>, rules: Vec<Rule>) -> Result<Self, RolesFault> {
        let mut names = roles;
        names.extend(rules.iter().map(|rule| rule.role.clone()));
        names.sort_unstable();
        names.dedup();
        if names.len() > ROLES_LIMIT {
            return Err(RolesFault::TooManyRoles);
        }
        if rules.len() > RULES_LIMIT {
            return Err(RolesFault::TooManyRules);
        }
        let mut table = Self {
            roles: names,
            rules: Vec::new(),
            nodes: vec![Node::default()],
        };
        for rule in &rules {
            table.take_in(rule);
        }
        table.rules = rules;
        Ok(table)
    }

    fn take_in(&mut self, rule: &Rule) {
        let role = self.bit(&rule.role);
        let grants = match rule.effect {
            Effect::Allow => Grants {
                allow: role,
                deny: 0,
            },
            Effect::Deny => Grants {
                allow: 0,
                deny: role,
            },
        };
        let mut at = 0;
        for segment in segments(rule.scope.path()) {
            at = self.below(at, segment);
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return;
        };
        if rule.scope.methods().is_empty() {
            node.every.add(grants);
        }
        for method in rule.scope.methods() {
            match node
                .methods
                .binary_search_by(|(known, _)| known.cmp(method))
            {
                Ok(place) => {
                    if let Some((_, known)) = node.methods.get_mut(place) {
                        known.add(grants);
                    }
                }
                Err(place) => node.methods.insert(place, (method.clone(), grants)),
            }
        }
    }

    /// The node of `segment` below the one at `parent`, which is made where there is none.
    fn below(&mut self, parent: usize, segment: &str) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(parent) else {
            return parent;
        };
        match node.find(segment) {
            Ok(known) => known,
            Err(place) => {
                node.children.insert(place, (segment.into(), next));
                self.nodes.push(Node::default());
                next
            }
        }
    }

    /// The bit of `role`; none where the table does not know it.
    fn bit(&self, role: &str) -> RoleSet {
        let found = self.roles.binary_search_by(|known| (**known).cmp(role));
        found.map_or(0, |place| 1 << place)
    }

    /// Whether it knows `role`.
    #[must_use]
    pub fn knows(&self, role: &str) -> bool {
        self.bit(role) != 0
    }

    /// Every role it knows, sorted.
    #[must_use]
    pub fn roles(&self) -> &[Box<str>] {
        &self.roles
    }

    /// Every rule, as they were written.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What it says of `method` on `path`, which must be canonical, for whoever has `roles`.
    #[must_use]
    pub fn judge<R: AsRef<str>>(&self, roles: &[R], method: &str, path: &str) -> Ruling {
        let bits = roles.iter().map(|role| self.bit(role.as_ref()));
        let asking: RoleSet = bits.fold(0, |all, one| all | one);
        let found = self.along(method, path);
        if found.deny & asking != 0 {
            Ruling::Denied
        } else if found.allow & asking != 0 {
            Ruling::Allowed
        } else {
            Ruling::Absent
        }
    }

    /// Every grant on the way along `path`.
    fn along(&self, method: &str, path: &str) -> Grants {
        let mut found = Grants::default();
        if !path.starts_with('/') {
            return found;
        }
        let mut node = self.nodes.first();
        let mut rest = segments(path);
        while let Some(here) = node {
            found.add(here.grants(method));
            node = rest
                .next()
                .and_then(|segment| here.find(segment).ok())
                .and_then(|next| self.nodes.get(next));
        }
        found
    }
}

impl Node {
    fn grants(&self, method: &str) -> Grants {
        let mut grants = self.every;
        let found = self
            .methods
            .binary_search_by(|(known, _)| (**known).cmp(method));
        if let Some((_, named)) = found.ok().and_then(|place| self.methods.get(place)) {
            grants.add(*named);
        }
        grants
    }

    /// The child of `segment`, or where it belongs.
    fn find(&self, segment: &str) -> Result<usize, usize> {
        let place = self
            .children
            .binary_search_by(|(known, _)| (**known).cmp(segment))?;
        self.children.get(place).map(|(_, at)| *at).ok_or(place)
    }
}

/// The segments of a path that begins with a slash. `/` has none; a slash at the end is followed by
/// an empty one, which no rule names.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let below = path.strip_prefix('/').unwrap_or(path);
    below.split('/').filter(move |_| !below.is_empty())
}

impl fmt::Debug for RoleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (roles, rules) = (self.roles.len(), self.rules.len());
        write!(f, "RoleTable({roles} roles, {rules} rules)")
    }
}

#[cfg(test)]
mod tests;
