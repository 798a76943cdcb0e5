//! The table of roles: every cell of role, route and method, in both directions, and what `explain`
//! says of it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{Deployment, Gate, Upstream, request, site, status};

/// HEAD is left out, because the test's app answers it with a body.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

const TABLE: &str = r#"
[roles.sales]
allow = ["GET,POST /api/pipeline", "GET /api/reports"]
deny = ["* /api/pipeline/closed"]

[roles.success]
allow = ["* /api/accounts", "GET /api/reports", "GET,PATCH /api/pipeline"]
deny = ["DELETE /api/accounts/archive"]

[roles.chief]
allow = ["*"]
deny = ["POST /api/reports"]

[roles.idle]

[[route]]
path = "/api"
app = "app"
auth = ["api-key"]

[[route]]
path = "/api/reports"
methods = ["GET", "POST"]
app = "app"
auth = ["api-key"]
roles = ["sales", "chief"]

[[route]]
path = "/api/accounts"
app = "app"
auth = ["api-key"]

[[route]]
path = "/status"
exact = true
methods = ["GET"]
app = "app"
auth = ["api-key"]
roles = ["chief"]
"#;

fn configuration(upstream: SocketAddr) -> String {
    site(upstream) + TABLE
}

fn texts<'v>(value: &'v Value, name: &str) -> Vec<&'v str> {
    let list = value[name].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

fn below(path: &str, top: &str) -> bool {
    path == top || path.starts_with(&format!("{}/", top.trim_end_matches('/')))
}

/// What the file says of a cell, rule by rule: the status a key with `roles` gets.
fn expected(file: &Value, roles: &[&str], method: &str, path: &str) -> u16 {
    let routes = file["route"].as_array().unwrap();
    let governs = |route: &&Value| {
        let own = route["path"].as_str().unwrap();
        path == own || route["exact"] != json!(true) && below(path, own)
    };
    let longest = |route: &&Value| route["path"].as_str().unwrap().len();
    let Some(route) = routes.iter().filter(governs).max_by_key(longest) else {
        return 404;
    };
    let methods = texts(route, "methods");
    if !methods.is_empty() && !methods.contains(&method) {
        return 405;
    }
    let named = texts(route, "roles");
    let covers = |rule: &str| {
        let (listed, top) = rule.split_once(' ').unwrap_or((rule, "/"));
        (listed == "*" || listed.split(',').any(|one| one == method)) && below(path, top)
    };
    let speaks = |effect: &str| {
        let of = |role: &&str| texts(&file["roles"][*role], effect).into_iter().any(covers);
        roles.iter().any(of)
    };
    let route = named.is_empty() || named.iter().any(|role| roles.contains(role));
    if route && speaks("allow") && !speaks("deny") {
        200
    } else {
        403
    }
}

/// Every path at which something could change: of routes, of rules, and one below each.
fn paths(file: &Value) -> Vec<String> {
    let mut paths = vec!["/nowhere".to_owned()];
    let routes = file["route"].as_array().unwrap().iter();
    paths.extend(routes.map(|route| route["path"].as_str().unwrap().to_owned()));
    for role in file["roles"].as_object().unwrap().values() {
        for rule in [texts(role, "allow"), texts(role, "deny")].concat() {
            paths.extend(rule.split_once(' ').map(|(_, path)| path.to_owned()));
        }
    }
    let deeper: Vec<String> = paths.iter().map(|path| format!("{path}/x")).collect();
    paths.extend(deeper);
    paths.sort();
    paths.dedup();
    paths
}

/// Every set of roles that is tried: none, each, every two, and one that the table does not have.
fn holders(file: &Value) -> Vec<Vec<&str>> {
    let known: Vec<&str> = file["roles"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut holders = vec![Vec::new(), vec!["stranger"]];
    for (at, one) in known.iter().enumerate() {
        holders.push(vec![*one]);
        holders.extend(known.iter().skip(at + 1).map(|other| vec![*one, *other]));
    }
    holders
}

fn key_of(gate: &Gate, roles: &[&str]) -> (String, String) {
    let wish =
        json!({"name": "matrix", "scopes": ["GET,HEAD,POST,PUT,PATCH,DELETE /"], "roles": roles});
    let made = gate.admin.post("/v1/keys", &wish).unwrap();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

#[test]
fn every_cell_of_the_table_is_what_the_file_says() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&configuration(upstream.address));
    let file = deployment
        .run(&["config", "show"], &["--format", "json"])
        .exits(0)
        .json();
    let gate = deployment.up();
    let (mut passed, mut refused) = (0, 0);
    for roles in holders(&file) {
        let (_, key) = key_of(&gate, &roles);
        let field = format!("X-API-Key: {key}\r\n");
        for path in paths(&file) {
            for method in METHODS {
                let expected = expected(&file, &roles, method, &path);
                let met = status(gate.address, request(method, &path, &field, ""));
                assert_eq!(met, expected, "{roles:?} {method} {path}");
                match met {
                    200 => passed += 1,
                    403 => refused += 1,
                    _ => {}
                }
            }
        }
    }
    // Neither direction may be empty.
    assert!(
        passed > 100 && refused > 100,
        "{passed} passed, {refused} refused"
    );
    assert_eq!(
        upstream.seen().len(),
        passed,
        "the app saw what passed and nothing else"
    );
    gate.stop();
}

#[test]
fn what_explain_says_is_what_the_gate_does() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&configuration(upstream.address));
    let gate = deployment.up();
    for roles in [&["sales"][..], &["success", "chief"]] {
        let (id, key) = key_of(&gate, roles);
        let field = format!("X-API-Key: {key}\r\n");
        for (method, path) in [
            ("GET", "/api/pipeline/7"),
            ("POST", "/api/pipeline/closed"),
            ("DELETE", "/api/accounts/archive/1"),
            ("POST", "/api/reports"),
            ("PUT", "/api/reports"),
            ("GET", "/status"),
            ("GET", "/nowhere"),
            ("GET", "/api/%2e%2e/status"),
        ] {
            let met = status(gate.address, request(method, path, &field, ""));
            let who = format!("key:{id}");
            let asked = ["--as", who.as_str(), "--format", "json", method, path];
            let said = deployment.run(&["explain"], &asked);
            let refused = met != 200;
            let told = said.exits(i32::from(refused)).json();
            let expected = if refused { json!(met) } else { Value::Null };
            assert_eq!(
                told["refused"], expected,
                "{roles:?} {method} {path}: {told}"
            );
        }
    }
    gate.stop();
}

#[test]
fn explain_names_the_line_that_decides() {
    let upstream = Upstream::start();
    let file = configuration(upstream.address);
    let deployment = Deployment::new(&file);
    let line = |text: &str| file.lines().position(|line| line.contains(text)).unwrap() + 1;
    let explained = |who: &str, method: &str, path: &str, exit: i32| {
        let asked = ["--as", who, "--format", "json", method, path];
        let said = deployment.run(&["explain"], &asked).exits(exit).json();
        let stages = said["stages"].as_array().unwrap().clone();
        let last = stages.last().unwrap();
        (
            last["stage"].as_str().unwrap().to_owned(),
            last["line"].as_u64(),
        )
    };
    let at = |text: &str| Some(line(text) as u64);
    assert_eq!(
        explained("role:sales", "GET", "/api/pipeline/closed", 1),
        ("table".to_owned(), at("* /api/pipeline/closed"))
    );
    assert_eq!(
        explained("role:chief", "DELETE", "/api/pipeline", 0),
        ("table".to_owned(), at("allow = [\"*\"]"))
    );
    assert_eq!(
        explained("role:success", "GET", "/api/reports", 1),
        (
            "roles".to_owned(),
            Some(line("\"/api/reports\"\n".trim_end()) as u64 - 1)
        )
    );
    assert_eq!(explained("nobody", "GET", "/api", 1).0, "authenticate");
    // A role that nobody described is a spelling mistake, and so is a key that nobody has.
    for (who, hint) in [
        ("role:sale", "sales"),
        ("key:000000000000", "vouchsafe key list"),
        ("me", "--as"),
    ] {
        let said = deployment
            .run(&["explain"], &["--as", who, "GET", "/api"])
            .exits(2);
        assert!(said.stderr.contains(hint), "{}", said.stderr);
    }
}

#[test]
fn a_role_that_the_table_does_not_have_refuses_to_start() {
    let upstream = Upstream::start();
    let good = configuration(upstream.address);
    Deployment::new(&good).run(&["check"], &[]).exits(0);
    for (from, to, said) in [
        (
            "roles = [\"chief\"]",
            "roles = [\"chef\"]",
            "did you mean \"chief\"?",
        ),
        (
            "\"GET /api/reports\"]\ndeny",
            "\"GET api/reports\"]\ndeny",
            "no rule",
        ),
        ("[roles.idle]\n", "[roles.idle]\nmay = []\n", "may"),
        ("[roles.idle]\n", "[roles.Idle]\n", "lower-case"),
    ] {
        assert!(good.contains(from), "{from}");
        let broken = Deployment::new(&good.replacen(from, to, 1));
        let refused = broken.run(&["check"], &[]).exits(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn a_role_that_the_table_does_not_have_is_given_to_nobody() {
    let upstream = Upstream::start();
    let text = configuration(upstream.address) + "\n[accounts]\n";
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    let key = |role: &str| {
        let wish = ["--name", "k", "--scope", "GET /api", "--role", role];
        deployment.run(&["key", "create"], &wish)
    };
    let user = |name: &str, role: &str| {
        deployment.run(&["user", "add"], &[name, "--role", "idle", "--role", role])
    };
    for (role, hint) in [
        ("chef", "did you mean \"chief\"?"),
        ("stranger", "the table has"),
    ] {
        key(role).could_not_ask(&[role, hint]);
        user("ann", role).could_not_ask(&[role, hint]);
    }
    key("chief").exits(0);
    user("ann", "chief").exits(0);
    gate.stop();
    // Without a gate as well.
    key("chef").could_not_ask(&["did you mean \"chief\"?"]);
    key("chief").exits(0);
    // Where no table says what roles may do, they are for the routes alone.
    let (routes, _) = text.split_once("[roles.sales]").unwrap();
    deployment.configure(&format!("{routes}{}", crate::support::open_route("/")));
    key("chef").exits(0);
}
