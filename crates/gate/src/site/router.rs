//! Which route governs a request.
//!
//! Owns the lookup: host first, then the longest path by whole segments, `exact` before prefix on
//! the same path, then the method. Refuses to fall back: a path whose route does not list the
//! method is 405, never a shorter route; a path that another spelling would send to another route
//! is refused. A lookup allocates nothing.

use super::route::Route;

/// What a lookup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The route with this index governs.
    Route(usize),
    /// The longest path does not list the method.
    MethodNotListed,
    /// No route governs this path.
    Nothing,
    /// Plain and folded path choose different routes.
    Ambiguous,
}

/// The routes of a site, arranged for lookup.
#[derive(Debug, Default)]
pub struct Router {
    /// Tables of routes limited to a host, by host in lower case.
    hosts: Vec<(Box<str>, Tables)>,
    /// Routes for every host.
    any: Tables,
    /// Whether every path is written as it is folded, so that both trees of a table are one.
    folded_as_written: bool,
}

/// The same routes twice: under their paths as written, and under their folded paths.
#[derive(Debug, Default)]
struct Tables {
    plain: Tree,
    folded: Tree,
}

/// A tree of path segments in one vector; the root is node 0.
#[derive(Debug, Default)]
struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Children by segment, sorted.
    children: Vec<(Box<[u8]>, usize)>,
    /// Routes that govern this path and everything below it.
    prefix: Vec<usize>,
    /// Routes that govern this path alone.
    exact: Vec<usize>,
}

impl Router {
    /// Arranges `routes`. `fold` is the folding that requests undergo as well.
    pub fn new(routes: &[Route], fold: impl Fn(&str) -> String) -> Self {
        let mut router = Self {
            folded_as_written: routes.iter().all(|route| fold(&route.path) == *route.path),
            ..Self::default()
        };
        for (index, route) in routes.iter().enumerate() {
            let tables = match &route.host {
                None => &mut router.any,
                Some(host) => {
                    let at = match router.hosts.iter().position(|(name, _)| name == host) {
                        Some(at) => at,
                        None => {
                            router.hosts.push((host.clone(), Tables::default()));
                            router.hosts.len() - 1
                        }
                    };
                    match router.hosts.get_mut(at) {
                        Some((_, tables)) => tables,
                        None => continue,
                    }
                }
            };
            tables.plain.insert(&route.path, route.exact, index);
            tables.folded.insert(&fold(&route.path), route.exact, index);
        }
        router
    }

    /// Looks `plain` up for `host` (lower or mixed case, no port) and `method`, and once more under
    /// its `folded` spelling.
    #[must_use]
    pub fn find(
        &self,
        routes: &[Route],
        host: &[u8],
        plain: &str,
        folded: &str,
        method: &str,
    ) -> Found {
        let limited = self.limited(host);
        let by_plain = self.governing(limited, |tables| tables.plain.governing(plain));
        let chosen = pick(routes, by_plain, method);
        if self.folded_as_written && plain == folded {
            return chosen;
        }
        let by_folded = self.governing(limited, |tables| tables.folded.governing(folded));
        match chosen {
            Found::Route(_) if pick(routes, by_folded, method) != chosen => Found::Ambiguous,
            other => other,
        }
    }

    /// The methods listed by the routes that govern `plain`, as `Allow` writes them.
    #[must_use]
    pub fn allowed(&self, routes: &[Route], host: &[u8], plain: &str) -> String {
        let governing = self
            .governing(self.limited(host), |tables| tables.plain.governing(plain))
            .unwrap_or_default();
        let mut listed: Vec<&str> = governing
            .iter()
            .filter_map(|index| routes.get(*index))
            .flat_map(|route| route.methods.iter().map(|method| &**method))
            .collect();
        listed.sort_unstable();
        listed.dedup();
        listed.join(", ")
    }

    fn limited(&self, host: &[u8]) -> Option<&Tables> {
        self.hosts
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(host))
            .map(|(_, tables)| tables)
    }

    fn governing<'a>(
        &'a self,
        limited: Option<&'a Tables>,
        of: impl Fn(&'a Tables) -> Option<&'a [usize]>,
    ) -> Option<&'a [usize]> {
        limited.and_then(&of).or_else(|| of(&self.any))
    }
}

fn pick(routes: &[Route], governing: Option<&[usize]>, method: &str) -> Found {
    let Some(governing) = governing else {
        return Found::Nothing;
    };
    governing
        .iter()
        .copied()
        .find(|index| routes.get(*index).is_some_and(|route| route.lists(method)))
        .map_or(Found::MethodNotListed, Found::Route)
}

/// The segments of `path`. One final slash does not open a segment of its own, so `/admin/` and
/// `/admin` end at the same node.
fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    let path = path.as_bytes();
    let inner = path.strip_prefix(b"/").unwrap_or(path);
    let inner = inner.strip_suffix(b"/").unwrap_or(inner);
    inner
        .split(|byte| *byte == b'/')
        .skip_while(move |_| inner.is_empty())
}

impl Tree {
    fn insert(&mut self, path: &str, exact: bool, index: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for segment in segments(path) {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                return;
            };
            match node
                .children
                .binary_search_by(|(name, _)| (**name).cmp(segment))
            {
                Ok(place) => at = node.children.get(place).map_or(0, |(_, child)| *child),
                Err(place) => {
                    node.children.insert(place, (segment.into(), next));
                    self.nodes.push(Node::default());
                    at = next;
                }
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            let slot = if exact {
                &mut node.exact
            } else {
                &mut node.prefix
            };
            slot.push(index);
        }
    }

    /// The routes of the longest path that governs `path`.
    fn governing(&self, path: &str) -> Option<&[usize]> {
        let mut node = self.nodes.first()?;
        let mut best = Some(&node.prefix).filter(|routes| !routes.is_empty());
        for segment in segments(path) {
            let child = node
                .children
                .binary_search_by(|(name, _)| (**name).cmp(segment))
                .ok()
                .and_then(|place| node.children.get(place))
                .and_then(|(_, child)| self.nodes.get(*child));
            let Some(child) = child else {
                return best.map(Vec::as_slice);
            };
            node = child;
            if !node.prefix.is_empty() {
                best = Some(&node.prefix);
            }
        }
        // `exact` means the path as written: `/health` is not `/health/`.
        let as_written = path.len() == 1 || !path.ends_with('/');
        if as_written && !node.exact.is_empty() {
            best = Some(&node.exact);
        }
        best.map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
