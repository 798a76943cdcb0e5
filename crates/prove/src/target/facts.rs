//! Addresses and shapes, read from the configuration's tree.
//!
//! Owns the little that a prober needs to know of a configuration. It reads the tree and not the
//! gate's own sections, so that a mistake in the gate's reading cannot hide itself.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
};

use control::{
    Timestamp,
    probe::{AppFact, Facts, Guard, RouteFact, TargetError, WebhookFact},
};
use serde_json::Value;

use crate::{
    observed,
    rights::{METHODS, Rights},
};

const DOING: &str = "read the configuration";

/// The facts of a deployment whose listeners are bound to `gate`, at this moment.
pub fn read(
    configuration: &Value,
    gate: Vec<SocketAddr>,
    now: Timestamp,
) -> Result<Facts, TargetError> {
    let public_url = configuration
        .pointer("/deployment/public_url")
        .and_then(Value::as_str)
        .ok_or_else(|| TargetError::new(DOING, "it has no public_url"))?;
    let (scheme, public_host) = split_url(public_url)?;
    let interfaces = interfaces();
    let apps = tables(configuration, "app")
        .map(|app| read_app(app, &interfaces))
        .collect::<Result<Vec<_>, _>>()?;
    let rights = Rights::of(configuration);
    let (mut routes, mut observed) = (Vec::new(), Vec::new());
    for route in tables(configuration, "route") {
        let fact = read_route(route, rights.as_ref());
        match observed::last_day(route, now) {
            Some(day) => observed.push((fact, day)),
            None => routes.push(fact),
        }
    }
    let same_user = apps
        .iter()
        .any(|app| app.local && listener_is_ours(app.upstream));
    Ok(Facts {
        scheme: scheme.to_owned(),
        public_host: public_host.to_owned(),
        gate,
        routes,
        observed,
        trusted_proxies: texts(configuration.pointer("/deployment/trusted_proxies")),
        configuration: configuration.clone(),
        apps,
        interfaces,
        same_user,
    })
}

fn tables<'a>(configuration: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    configuration
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn text(table: &Value, key: &str) -> String {
    table
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Scheme and authority of a URL.
pub(crate) fn split_url(url: &str) -> Result<(&str, &str), TargetError> {
    let broken = || TargetError::new(DOING, "a URL in it does not read");
    let (scheme, rest) = url.split_once("://").ok_or_else(broken)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(broken());
    }
    Ok((scheme, authority))
}

fn read_app(app: &Value, interfaces: &[IpAddr]) -> Result<AppFact, TargetError> {
    let url = text(app, "upstream");
    let (scheme, authority) = split_url(&url)?;
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    let port = if scheme == "https" { 443 } else { 80 };
    let authority = if has_port {
        authority.to_owned()
    } else {
        format!("{authority}:{port}")
    };
    let upstream = authority
        .to_socket_addrs()
        .map_err(|cause| TargetError::new(DOING, format!("upstream {authority}: {cause}")))?
        .next()
        .ok_or_else(|| TargetError::new(DOING, format!("upstream {authority} has no address")))?;
    let local = upstream.ip().is_loopback() || interfaces.contains(&upstream.ip());
    Ok(AppFact {
        name: text(app, "name"),
        upstream,
        local,
    })
}

/// What was chosen at the provider.
fn options(webhook: &Value) -> BTreeMap<String, String> {
    let chosen = webhook.get("options").and_then(Value::as_object);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    chosen
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
        .collect()
}

fn read_route(route: &Value, rights: Option<&Rights>) -> RouteFact {
    let (path, mut methods) = (text(route, "path"), texts(route.get("methods")));
    if methods.is_empty() && route.get("files").is_some() {
        methods = vec!["GET".to_owned(), "HEAD".to_owned()];
    }
    let (method, roles) = usable(&path, &methods, texts(route.get("roles")), rights);
    let auth = texts(route.get("auth"));
    let named = |way: &str| auth.iter().any(|named| named == way);
    let guard = match route.get("webhook") {
        Some(webhook) => Guard::Webhook(WebhookFact {
            scheme: text(webhook, "scheme"),
            options: options(webhook),
        }),
        None if route.get("auth").and_then(Value::as_str) == Some("none") => {
            Guard::Open(text(route, "reason"))
        }
        None => match (named("api-key"), named("token"), named("session")) {
            (false, true, _) => Guard::Token(roles),
            (false, false, true) => Guard::Session(roles),
            (false, false, false) if named("certificate") => Guard::Certificate(roles),
            _ => Guard::Key(roles),
        },
    };
    RouteFact {
        path,
        exact: route.get("exact").and_then(Value::as_bool).unwrap_or(false),
        methods,
        method,
        host: route.get("host").and_then(Value::as_str).map(str::to_owned),
        guard,
        sessions: named("session"),
        app: text(route, "app"),
    }
}

/// A method that a plain request to a route may use, and the roles that may use it there: those it
/// names, or where it names none and a table of roles judges it, any of the table.
fn usable(
    path: &str,
    methods: &[String],
    named: Vec<String>,
    rights: Option<&Rights>,
) -> (String, Vec<String>) {
    let listed = |method: &&str| methods.is_empty() || methods.iter().any(|m| m == method);
    let mut candidates: Vec<&str> = METHODS.into_iter().filter(listed).collect();
    candidates.extend(methods.iter().map(String::as_str));
    let first = candidates.first().copied().unwrap_or("GET").to_owned();
    let Some(rights) = rights else {
        return (first, named);
    };
    let wanted = if named.is_empty() {
        &rights.roles
    } else {
        &named
    };
    for method in candidates {
        let may = |role: &&String| rights.may(&[role], method, path);
        let roles: Vec<String> = wanted.iter().filter(may).cloned().collect();
        if !roles.is_empty() {
            return (method.to_owned(), roles);
        }
    }
    // Nobody may: what the proof then sends is refused, and it says so.
    (first, named)
}

/// Addresses of this machine's interfaces other than loopback and link-local ones.
fn interfaces() -> Vec<IpAddr> {
    let Ok(all) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let mut addresses: Vec<IpAddr> = all
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
        })
        .filter(|address| match address {
            IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
            // A link-local address cannot be dialled without naming its interface.
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Whether the socket listening at `address` belongs to the user we run as, by the kernel's table.
fn listener_is_ours(address: SocketAddr) -> bool {
    let table = if address.is_ipv4() {
        "/proc/net/tcp"
    } else {
        "/proc/net/tcp6"
    };
    let Ok(text) = std::fs::read_to_string(table) else {
        return false;
    };
    let port = format!(":{:04X}", address.port());
    let us = nix::unistd::getuid().as_raw().to_string();
    text.lines().skip(1).any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let local = columns.next().unwrap_or_default();
        let listens = columns.nth(1) == Some("0A");
        let user = columns.nth(3);
        local.ends_with(&port) && listens && user == Some(us.as_str())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn routes_apps_and_names_are_read() {
        let tree = json!({
            "deployment": {"public_url": "https://coach.school.example", "trusted_proxies": ["10.0.0.0/8"]},
            "app": [{"name": "coach", "upstream": "http://127.0.0.1:8502"}],
            "route": [
                {"path": "/webhook/whatsapp", "methods": ["POST"], "app": "coach", "webhook": {"scheme": "twilio", "secret": ["twilio"]}},
                {"path": "/api", "app": "coach", "auth": ["api-key"], "roles": ["mentor"]},
                {"path": "/", "app": "coach", "auth": "none", "reason": "public"},
            ]
        });
        let facts = read(
            &tree,
            vec!["127.0.0.1:1".parse().unwrap()],
            Timestamp::default(),
        )
        .unwrap();
        assert_eq!(
            (facts.scheme.as_str(), facts.public_host.as_str()),
            ("https", "coach.school.example")
        );
        assert_eq!(facts.apps[0].upstream, "127.0.0.1:8502".parse().unwrap());
        assert!(facts.apps[0].local);
        assert!(matches!(&facts.routes[0].guard, Guard::Webhook(fact) if fact.scheme == "twilio"));
        assert_eq!(facts.routes[1].guard, Guard::Key(vec!["mentor".into()]));
        assert_eq!(facts.routes[2].guard, Guard::Open("public".into()));
        assert_eq!(facts.trusted_proxies, ["10.0.0.0/8"]);
        let guard = |auth: Value| read_route(&json!({"path": "/a", "auth": auth}), None).guard;
        assert_eq!(guard(json!(["token"])), Guard::Token(Vec::new()));
        assert_eq!(guard(json!(["token", "api-key"])), Guard::Key(Vec::new()));
        let certificate = guard(json!(["certificate"]));
        assert_eq!(certificate, Guard::Certificate(Vec::new()));
        let either = guard(json!(["certificate", "token"]));
        assert_eq!(either, Guard::Token(Vec::new()));
        for (auth, expected) in [
            (json!(["session"]), Guard::Session(Vec::new())),
            (json!(["session", "api-key"]), Guard::Key(Vec::new())),
            (json!(["token", "session"]), Guard::Token(Vec::new())),
        ] {
            let route = read_route(&json!({"path": "/a", "auth": auth}), None);
            assert_eq!((route.guard, route.sessions), (expected, true));
        }
        assert!(!facts.routes[1].sessions);
    }

    #[test]
    fn a_plain_request_is_one_that_the_table_of_roles_allows() {
        let rights = Rights::of(&json!({"roles": {
            "clerk": {"allow": ["POST /api"]},
            "chief": {"allow": ["GET /api/x"], "deny": ["* /api/x/y"]},
        }}));
        let route = |path: &str, roles: Value| {
            let route = json!({"path": path, "auth": ["api-key"], "roles": roles});
            let fact = read_route(&route, rights.as_ref());
            (fact.method, fact.guard)
        };
        let key = |roles: &[&str]| Guard::Key(roles.iter().map(|&role| role.to_owned()).collect());
        assert_eq!(route("/api", json!([])), ("POST".into(), key(&["clerk"])));
        assert_eq!(
            route("/api/x", json!(["clerk", "chief"])),
            ("GET".into(), key(&["chief"]))
        );
        assert_eq!(
            route("/api/x/y", json!(["chief"])),
            ("GET".into(), key(&["chief"]))
        );
    }

    #[test]
    fn a_listener_of_this_process_is_ours() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(listener_is_ours(address));
        drop(listener);
        assert!(!listener_is_ours(address));
    }

    #[test]
    fn a_configuration_without_a_public_name_says_so() {
        assert!(
            read(&json!({}), Vec::new(), Timestamp::default())
                .unwrap_err()
                .to_string()
                .contains("public_url")
        );
    }
}
