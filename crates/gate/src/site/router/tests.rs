use proptest::prelude::*;

use super::*;
use crate::{
    site::{
        headers::ResponseHeaders,
        limits::Limits,
        route::{Guard, OpenReason},
    },
    testing,
};

fn route(path: &str, exact: bool, methods: &[&str], host: Option<&str>) -> Route {
    Route {
        line: 0,
        index: 0,
        id: path.into(),
        path: path.into(),
        exact,
        methods: methods.iter().map(|method| (*method).into()).collect(),
        host: host.map(Into::into),
        app: 0,
        files: None,
        confine: Vec::new(),
        guard: Guard::Open(OpenReason::stated("test").unwrap()),
        answers: None,
        accepts: None,
        uploads: None,
        cors: None,
        observation: None,
        output: crate::site::output::Output::default(),
        bind_request: false,
        headers: ResponseHeaders::default(),
        limits: Limits::default().of_route(),
    }
}

fn fold(path: &str) -> String {
    wire::target::folded(path).into_owned()
}

fn look(routes: &[Route], host: &str, path: &str, method: &str) -> Found {
    Router::new(routes, fold).find(routes, host.as_bytes(), path, &fold(path), method)
}

/// The rules of a lookup, written down once more without any structure.
fn oracle(routes: &[Route], host: &str, path: &str, method: &str) -> Found {
    let plain = one_spelling(routes, host, path, method, str::to_owned);
    let folded = one_spelling(routes, host, &fold(path), method, fold);
    match plain {
        Found::Route(_) if plain != folded => Found::Ambiguous,
        other => other,
    }
}

fn one_spelling(
    routes: &[Route],
    host: &str,
    path: &str,
    method: &str,
    spell: impl Fn(&str) -> String,
) -> Found {
    let segments = |path: &str| -> Vec<String> {
        let inner = path.strip_prefix('/').unwrap_or(path);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return Vec::new();
        }
        inner.split('/').map(str::to_owned).collect()
    };
    let governs = |route: &Route| {
        let own = spell(&route.path);
        if route.exact {
            own == path
        } else {
            segments(path).starts_with(&segments(&own))
        }
    };
    for group in [Some(host), None] {
        let here: Vec<(usize, &Route)> = routes
            .iter()
            .enumerate()
            .filter(|(_, route)| route.host.as_deref() == group && governs(route))
            .collect();
        let rank = |route: &Route| (segments(&spell(&route.path)).len(), route.exact);
        if let Some(best) = here.iter().map(|(_, route)| rank(route)).max() {
            return here
                .iter()
                .find(|(_, route)| rank(route) == best && route.lists(method))
                .map_or(Found::MethodNotListed, |(index, _)| Found::Route(*index));
        }
    }
    Found::Nothing
}

#[test]
fn a_path_governs_whole_segments_and_the_longest_wins() {
    let routes = [
        route("/", false, &[], None),
        route("/admin", false, &[], None),
        route("/admin/keys", false, &[], None),
    ];
    for (path, index) in [
        ("/", 0),
        ("/administration", 0),
        ("/admin", 1),
        ("/admin/", 1),
        ("/admin/x/y", 1),
        ("/admin/keys", 2),
        ("/admin/keys/7", 2),
        ("/admin/keysx", 1),
    ] {
        assert_eq!(
            look(&routes, "a", path, "GET"),
            Found::Route(index),
            "{path}"
        );
    }
}

#[test]
fn without_a_route_nothing_is_found() {
    let routes = [route("/api", false, &[], None)];
    assert_eq!(look(&routes, "a", "/", "GET"), Found::Nothing);
    assert_eq!(look(&[], "a", "/", "GET"), Found::Nothing);
}

#[test]
fn a_method_that_is_not_listed_never_falls_back_to_a_shorter_route() {
    let routes = [
        route("/", false, &[], None),
        route("/hook", false, &["POST"], None),
    ];
    assert_eq!(look(&routes, "a", "/hook", "POST"), Found::Route(1));
    assert_eq!(look(&routes, "a", "/hook", "GET"), Found::MethodNotListed);
    assert_eq!(look(&routes, "a", "/hook", "post"), Found::MethodNotListed);
    let router = Router::new(&routes, fold);
    assert_eq!(router.allowed(&routes, b"a", "/hook"), "POST");
}

#[test]
fn an_exact_route_governs_its_path_as_written_and_nothing_else() {
    let routes = [
        route("/", false, &[], None),
        route("/health", true, &["GET"], None),
    ];
    assert_eq!(look(&routes, "a", "/health", "GET"), Found::Route(1));
    assert_eq!(look(&routes, "a", "/health/x", "GET"), Found::Route(0));
    for lenient in ["/health/", "//health", "/Health", "/health;x", "/health."] {
        assert_eq!(
            look(&routes, "a", lenient, "GET"),
            Found::Ambiguous,
            "{lenient}"
        );
    }
}

#[test]
fn a_spelling_that_a_lenient_app_would_take_for_a_guarded_path_is_refused() {
    let routes = [
        route("/", false, &[], None),
        route("/Admin", false, &[], None),
    ];
    assert_eq!(look(&routes, "a", "/Admin/x", "GET"), Found::Route(1));
    for lenient in ["/admin", "/ADMIN/x", "//Admin", "/Admin;a=b/x", "/Admin./x"] {
        assert_eq!(
            look(&routes, "a", lenient, "GET"),
            Found::Ambiguous,
            "{lenient}"
        );
    }
}

#[test]
fn routes_of_a_host_come_first_and_others_stand_behind_them() {
    let routes = [
        route("/", false, &[], None),
        route("/api", false, &[], Some("b.example")),
    ];
    assert_eq!(look(&routes, "b.example", "/api", "GET"), Found::Route(1));
    assert_eq!(look(&routes, "B.Example", "/api", "GET"), Found::Route(1));
    assert_eq!(look(&routes, "b.example", "/x", "GET"), Found::Route(0));
    assert_eq!(look(&routes, "a.example", "/api", "GET"), Found::Route(0));
}

#[test]
fn a_site_finds_its_routes_by_the_same_rules() {
    let site = testing::site(testing::OPEN);
    assert_eq!(
        site.find(b"coach.internal", "/x", "/x", "GET"),
        Found::Route(0)
    );
}

fn any_path() -> impl Strategy<Value = String> {
    // Few segments, so that paths meet; among them every shape that folding changes.
    let segment = prop::sample::select(vec!["a", "A", "b", "a;x", "a.", "ab", ""]);
    prop::collection::vec(segment, 0..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn any_route() -> impl Strategy<Value = Route> {
    let segment = prop::sample::select(vec!["a", "A", "b", "ab"]);
    let path = prop::collection::vec(segment, 0..3)
        .prop_map(|segments| format!("/{}", segments.join("/")));
    let methods =
        prop::sample::select(vec![vec![], vec!["GET"], vec!["POST"], vec!["GET", "POST"]]);
    let host = prop::sample::select(vec![None, Some("h")]);
    (path, any::<bool>(), methods, host)
        .prop_map(|(path, exact, methods, host)| route(&path, exact, &methods, host))
}

proptest! {
    #[test]
    fn the_tree_agrees_with_the_rules_written_plainly(
        candidates in prop::collection::vec(any_route(), 0..8),
        path in any_path(),
        host in prop::sample::select(vec!["h", "other"]),
        method in prop::sample::select(vec!["GET", "POST", "PUT"]),
    ) {
        let mut routes: Vec<Route> = Vec::new();
        for candidate in candidates {
            // A site refuses colliding routes when it is read.
            let stands = routes
                .iter()
                .all(|other| !other.collides(&candidate) && !other.nearly_collides(&candidate));
            if stands {
                routes.push(candidate);
            }
        }
        prop_assert_eq!(look(&routes, host, &path, method), oracle(&routes, host, &path, method));
    }
}
