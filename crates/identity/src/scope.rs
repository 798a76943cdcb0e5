//! What a key may be used for: methods below a path.
//!
//! Written `GET,POST /api`: these methods on `/api` and everything below it by whole segments, not
//! on `/apis`. `* /api` is every method. A list of scopes covers what any of them covers; an empty
//! list covers nothing; `*` alone covers everything and is only ever set by saying so.
//!
//! Owns that language. Matching is exact: letters of another case, another spelling of the path
//! and HEAD where only GET is named are all outside, because a scope can only be too narrow safely.
//! Trusts the path it is asked about to be the canonical one: decoded once, no dot segments.

use std::{fmt, str::FromStr};

/// Longest text of a scope in bytes.
pub const SCOPE_LIMIT: usize = 1024;

/// Most methods in one scope.
pub const METHODS_LIMIT: usize = 16;

/// Most scopes of one key.
pub const SCOPES_LIMIT: usize = 64;

/// How everything is written.
pub const ALL: &str = "*";

/// Methods below one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Empty for every method.
    methods: Vec<Box<str>>,
    /// Canonical, without a final slash unless it is `/` itself.
    path: Box<str>,
}

/// Everything a key may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scopes {
    /// Nothing at all.
    #[default]
    None,
    /// What any of these covers.
    Any(Vec<Scope>),
    /// Every method on every path.
    All,
}

/// Why a text is not a scope. The hint is part of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeFault {
    /// No space between methods and path.
    #[error("a scope reads METHODS PATH, such as \"GET,POST /api\" or \"* /api\"")]
    Form,
    /// Longer than [`SCOPE_LIMIT`].
    #[error("a scope has at most {SCOPE_LIMIT} characters")]
    TooLong,
    /// More than [`METHODS_LIMIT`] methods.
    #[error("a scope names at most {METHODS_LIMIT} methods; write * for every method")]
    TooManyMethods,
    /// A method that is no upper-case word.
    #[error("methods are upper-case words with commas between and no spaces, such as GET,POST")]
    Method,
    /// The same method twice.
    #[error("a method stands in the scope twice")]
    MethodTwice,
    /// A path that no canonical path could lie below.
    #[error(
        "a path starts with /, as decoded and without empty or dot segments, query, spaces or \
         backslashes"
    )]
    Path,
    /// Everything, written as a scope.
    #[error("that is every method on every path: say --all if the key is really to do everything")]
    Everything,
    /// More than [`SCOPES_LIMIT`] scopes.
    #[error("a key has at most {SCOPES_LIMIT} scopes")]
    TooMany,
}

impl Scope {
    /// Reads a scope, or `*` alone, which is every method on every path.
    pub fn or_everything(text: &str) -> Result<Self, ScopeFault> {
        if text == ALL {
            return Ok(Self {
                methods: Vec::new(),
                path: "/".into(),
            });
        }
        text.parse()
    }

    /// The methods it names; none for every method.
    #[must_use]
    pub fn methods(&self) -> &[Box<str>] {
        &self.methods
    }

    /// The path at which it begins: canonical, without a final slash unless it is `/` itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether this scope covers `method` on `path`, which must be canonical.
    #[must_use]
    pub fn covers(&self, method: &str, path: &str) -> bool {
        let methods = self.methods.is_empty() || self.methods.iter().any(|m| **m == *method);
        methods && lies_below(path, &self.path)
    }
}

/// Whether `path` is `top` or lies below it by whole segments.
fn lies_below(path: &str, top: &str) -> bool {
    if top == "/" {
        return path.starts_with('/');
    }
    path.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl FromStr for Scope {
    type Err = ScopeFault;

    fn from_str(text: &str) -> Result<Self, ScopeFault> {
        if text.len() > SCOPE_LIMIT {
            return Err(ScopeFault::TooLong);
        }
        let (methods, path) = text.split_once(' ').ok_or(ScopeFault::Form)?;
        let scope = Self {
            methods: read_methods(methods)?,
            path: read_path(path)?.into(),
        };
        if scope.methods.is_empty() && &*scope.path == "/" {
            return Err(ScopeFault::Everything);
        }
        Ok(scope)
    }
}

fn read_methods(text: &str) -> Result<Vec<Box<str>>, ScopeFault> {
    if text == ALL {
        return Ok(Vec::new());
    }
    let mut methods: Vec<Box<str>> = Vec::new();
    for method in text.split(',') {
        let upper = |c: u8| c.is_ascii_uppercase() || c == b'-';
        if method.is_empty() || method.len() > 32 || !method.bytes().all(upper) {
            return Err(ScopeFault::Method);
        }
        if methods.iter().any(|known| **known == *method) {
            return Err(ScopeFault::MethodTwice);
        }
        if methods.len() == METHODS_LIMIT {
            return Err(ScopeFault::TooManyMethods);
        }
        methods.push(method.into());
    }
    Ok(methods)
}

/// The path without its final slash: `/api/` and `/api` mean the same.
fn read_path(text: &str) -> Result<&str, ScopeFault> {
    let below_root = text.strip_prefix('/').ok_or(ScopeFault::Path)?;
    if below_root.is_empty() {
        return Ok(text);
    }
    let trimmed = below_root.strip_suffix('/').unwrap_or(below_root);
    let strange =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '?' | '#' | '%');
    let void = |segment: &str| matches!(segment, "" | "." | "..");
    if trimmed.contains(strange) || trimmed.split('/').any(void) {
        return Err(ScopeFault::Path);
    }
    Ok(text.strip_suffix('/').unwrap_or(text))
}

impl fmt::Display for Scope {
    /// The text that [`Scope::or_everything`] reads as this scope.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.methods.is_empty() {
            f.write_str(ALL)?;
            if &*self.path == "/" {
                return Ok(());
            }
        }
        for (at, method) in self.methods.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            f.write_str(method)?;
        }
        write!(f, " {}", self.path)
    }
}

impl Scopes {
    /// What `texts` cover together. Nothing is covered by an empty list.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, ScopeFault> {
        if texts.len() > SCOPES_LIMIT {
            return Err(ScopeFault::TooMany);
        }
        let scopes: Vec<Scope> = texts
            .iter()
            .map(|text| text.as_ref().parse())
            .collect::<Result<_, _>>()?;
        Ok(if scopes.is_empty() {
            Self::None
        } else {
            Self::Any(scopes)
        })
    }

    /// Reads what [`Scopes::texts`] wrote, where `*` alone stands for everything.
    pub(crate) fn stored<T: AsRef<str>>(texts: &[T]) -> Result<Self, ScopeFault> {
        match texts {
            [all] if all.as_ref() == ALL => Ok(Self::All),
            texts => Self::parse(texts),
        }
    }

    /// Each scope as its text; `*` alone for everything.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Any(scopes) => scopes.iter().map(ToString::to_string).collect(),
            Self::All => vec![ALL.to_owned()],
        }
    }

    /// Whether everything that `others` cover is covered here.
    #[must_use]
    pub fn include(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) | (_, Self::None) => true,
            (_, Self::All) | (Self::None, _) => false,
            (Self::Any(ours), Self::Any(theirs)) => theirs.iter().all(|other| {
                let every = |scope: &Scope| {
                    scope.methods.is_empty() && lies_below(&other.path, &scope.path)
                };
                let one = |method: &str| {
                    let covers = |scope: &Scope| scope.covers(method, &other.path);
                    ours.iter().any(covers)
                };
                ours.iter().any(every)
                    || !other.methods.is_empty() && other.methods.iter().all(|method| one(method))
            }),
        }
    }

    /// Whether any scope covers `method` on `path`, which must be canonical.
    #[must_use]
    pub fn cover(&self, method: &str, path: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any(scopes) => scopes.iter().any(|scope| scope.covers(method, path)),
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_covers_itself_and_whole_segments_below() {
        let api = scope("GET /api");
        for path in ["/api", "/api/", "/api/a", "/api/a/b", "/api/a;b"] {
            assert!(api.covers("GET", path), "{path}");
        }
        for path in [
            "",
            "/",
            "/ap",
            "/apis",
            "/api.json",
            "/api;a",
            "/API",
            "/Api/a",
            "api",
            "/b/api",
            "//api",
            "/b",
        ] {
            assert!(!api.covers("GET", path), "{path}");
        }
    }

    #[test]
    fn only_named_methods_are_covered() {
        let api = scope("GET,POST /api");
        assert!(api.covers("GET", "/api") && api.covers("POST", "/api"));
        for method in ["HEAD", "PUT", "get", "GE", "GETT", "", "*"] {
            assert!(!api.covers(method, "/api"), "{method}");
        }
        for method in ["GET", "DELETE", "PROPFIND"] {
            assert!(scope("* /api").covers(method, "/api"));
            assert!(!scope("* /api").covers(method, "/apis"));
        }
    }

    #[test]
    fn the_root_is_every_path_for_the_methods_named() {
        assert!(scope("GET /").covers("GET", "/any/thing"));
        assert!(!scope("GET /").covers("POST", "/any/thing"));
        assert!(!scope("GET /").covers("GET", ""));
    }

    #[test]
    fn no_scope_is_no_access() {
        let none = Scopes::parse::<&str>(&[]).unwrap();
        assert_eq!(none, Scopes::None);
        assert!(!none.cover("GET", "/"));
        assert_eq!(none, Scopes::default());
    }

    #[test]
    fn any_of_several_scopes_is_enough() {
        let scopes = Scopes::parse(&["GET /a", "POST /b"]).unwrap();
        assert!(scopes.cover("GET", "/a/1") && scopes.cover("POST", "/b/1"));
        assert!(!scopes.cover("POST", "/a/1") && !scopes.cover("GET", "/b/1"));
    }

    #[test]
    fn everything_is_never_a_slip_of_the_pen() {
        assert_eq!("* /".parse::<Scope>(), Err(ScopeFault::Everything));
        assert_eq!("*".parse::<Scope>(), Err(ScopeFault::Form));
        let everything = Scope::or_everything("*").unwrap();
        assert!(everything.covers("DELETE", "/") && everything.covers("GET", "/a"));
        assert_eq!(everything.to_string(), "*");
        assert_eq!(Scopes::parse(&["*"]), Err(ScopeFault::Form));
        assert_eq!(Scopes::stored(&["*"]), Ok(Scopes::All));
        assert_eq!(Scopes::stored(&["*", "GET /a"]), Err(ScopeFault::Form));
        assert!(Scopes::All.cover("GET", "/any/thing"));
        assert_eq!(Scopes::All.texts(), ["*"]);
    }

    #[test]
    fn texts_that_are_no_scopes_are_refused() {
        for (text, fault) in [
            ("", ScopeFault::Form),
            ("/api", ScopeFault::Form),
            ("GET", ScopeFault::Form),
            (" /api", ScopeFault::Method),
            ("get /api", ScopeFault::Method),
            ("GET,,POST /api", ScopeFault::Method),
            ("GET, POST /api", ScopeFault::Method),
            ("*,GET /api", ScopeFault::Method),
            ("GET,GET /api", ScopeFault::MethodTwice),
            ("GET api", ScopeFault::Path),
            ("GET  /api", ScopeFault::Path),
            ("GET /a b", ScopeFault::Path),
            ("GET /a//b", ScopeFault::Path),
            ("GET //", ScopeFault::Path),
            ("GET /a/../b", ScopeFault::Path),
            ("GET /.", ScopeFault::Path),
            ("GET /a%2fb", ScopeFault::Path),
            ("GET /a?b=c", ScopeFault::Path),
            ("GET /a#b", ScopeFault::Path),
            ("GET /a\\b", ScopeFault::Path),
            ("GET /a\0", ScopeFault::Path),
        ] {
            assert_eq!(text.parse::<Scope>(), Err(fault), "{text:?}");
        }
        let long = format!("GET /{}", "a".repeat(SCOPE_LIMIT));
        assert_eq!(long.parse::<Scope>(), Err(ScopeFault::TooLong));
        let many = vec!["GET /a"; SCOPES_LIMIT + 1];
        assert_eq!(Scopes::parse(&many), Err(ScopeFault::TooMany));
        assert!(Scopes::parse(&many[1..]).is_ok());
    }

    #[test]
    fn a_final_slash_changes_nothing() {
        assert_eq!(scope("GET /api/"), scope("GET /api"));
        assert_eq!(scope("GET /api/").to_string(), "GET /api");
        assert!(scope("GET /api/").covers("GET", "/api"));
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(
            methods in proptest::collection::btree_set("[A-Z]{1,8}", 1..5),
            segments in proptest::collection::vec("[a-zA-Z0-9._~é-]{1,6}x", 0..5),
        ) {
            let methods: Vec<String> = methods.into_iter().collect();
            let text = format!("{} /{}", methods.join(","), segments.join("/"));
            prop_assert_eq!(scope(&text).to_string(), text);
        }

        #[test]
        fn any_text_is_parsed_without_harm(text in "(GET|\\*|[A-Z,]{1,9}) /?[ -~é]{0,12}") {
            crate::fuzz::scope(text.as_bytes());
        }

        #[test]
        fn nothing_beside_the_path_is_ever_covered(
            top in "/[a-z]{1,3}(/[a-z]{1,3})?", path in "/[a-z]{1,3}(/[a-z]{0,3}){0,2}"
        ) {
            let scope = scope(&format!("GET {top}"));
            let below = path.split('/').take(top.split('/').count()).eq(top.split('/'));
            prop_assert_eq!(scope.covers("GET", &path), below);
        }
    }
}
