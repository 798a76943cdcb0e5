//! What each role sees of an app that answers with everything, through the real binary and to its proof.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

use control::probe::Answer;
use serde_json::{Value, json};

use crate::support::{Client, Deployment, Gate, body, field, request, site};

const TABLE: &str = r#"
[collections.checks]
at = "/checks"
beside = ["total"]

[collections.checks.counts]
at = "/groups"
show = ["week", "count"]

[roles.mentor]
allow = ["* /checks"]
[roles.mentor.rows.checks]
see = "own"
by = "mentor"
hide = ["phone"]
write = ["POST"]

[roles.head]
allow = ["*"]
[roles.head.rows.checks]
see = "all"

[roles.lead]
allow = ["GET /"]
[roles.lead.rows.checks]
see = "counts"

[roles.porter]
allow = ["*"]

[[route]]
path = "/checks"
app = "app"
auth = ["api-key"]
rows = "checks"

[[route]]
path = "/groups"
app = "app"
auth = ["api-key"]
counts = "checks"

[[route]]
path = "/"
app = "app"
auth = ["api-key"]
"#;

/// An app that says to everybody what it is told to, and what it was asked.
struct Told {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Told {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (
            Arc::<Mutex<String>>::default(),
            Arc::<Mutex<Vec<String>>>::default(),
        );
        let (said, heard) = (Arc::clone(&answer), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).unwrap() > 0 {}
                heard.lock().unwrap().push(head);
                let answer = said.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self {
            address,
            answer,
            asked,
        }
    }

    /// Answers from now on with `head`, a line each, and `body`.
    fn answers(&self, head: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    }

    fn says(&self, body: &str) {
        self.answers("HTTP/1.1 200 OK\r\nContent-Type: application/json", body);
    }
}

struct Scene {
    app: Told,
    gate: Gate,
    deployment: Deployment,
}

impl Scene {
    fn new() -> Self {
        let app = Told::start();
        let deployment = Deployment::new(&(site(app.address) + TABLE));
        let gate = deployment.up();
        Self {
            app,
            gate,
            deployment,
        }
    }

    /// A key with these roles, and what rows call its holder.
    fn key(&self, roles: &[&str]) -> (String, String) {
        let scopes = ["GET,HEAD,POST,PUT,PATCH,DELETE /"];
        let wish = json!({"name": "mentor", "scopes": scopes, "roles": roles});
        let made = self.gate.admin.post("/v1/keys", &wish).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("key"), format!("key:{}", text("id")))
    }

    fn ask(&self, key: &str, method: &str, path: &str, fields: &str) -> Answer {
        let fields = format!("X-API-Key: {key}\r\n{fields}");
        Client::dial(self.gate.address).ask(request(method, path, &fields, ""))
    }

    fn get(&self, key: &str, path: &str) -> Answer {
        self.ask(key, "GET", path, "")
    }
}

fn list(names: &[&str]) -> String {
    let row = |name: &&str| json!({"mentor": name, "text": format!("of {name}"), "phone": 31});
    let rows: Vec<Value> = names.iter().map(row).collect();
    json!({"total": rows.len(), "latest": rows.last(), "checks": rows}).to_string()
}

#[test]
fn a_mentor_sees_their_own_rows_alone_and_the_head_sees_all() {
    let scene = Scene::new();
    let ((ann, ann_name), (bob, bob_name)) = (scene.key(&["mentor"]), scene.key(&["mentor"]));
    let (head, _) = scene.key(&["head"]);
    let whole = list(&[&ann_name, &bob_name, &ann_name]);
    scene.app.says(&whole);
    let row = |name: &str| json!({"mentor": name, "text": format!("of {name}")});
    let seen = scene.get(&ann, "/checks").json().unwrap();
    assert_eq!(
        seen,
        json!({"total": 3, "checks": [row(&ann_name), row(&ann_name)]})
    );
    let seen = scene.get(&bob, "/checks").json().unwrap();
    assert_eq!(seen, json!({"total": 3, "checks": [row(&bob_name)]}));
    assert_eq!(body(&scene.get(&head, "/checks")), whole);
    // Several roles add up, but for what one of them hides.
    let (both, _) = scene.key(&["mentor", "head"]);
    let seen = scene.get(&both, "/checks").json().unwrap();
    assert_eq!(seen["checks"].as_array().unwrap().len(), 3);
    assert!(!seen.to_string().contains("phone"));

    scene.app.says(&row(&bob_name).to_string());
    let refused = scene.get(&ann, "/checks/2");
    assert_eq!(refused.status, 404);
    assert!(!body(&refused).contains(&bob_name));
    assert_eq!(scene.get(&bob, "/checks/2").json().unwrap(), row(&bob_name));
    scene.gate.stop();
}

#[test]
fn nobody_without_a_view_gets_as_far_as_the_app() {
    let scene = Scene::new();
    let (porter, _) = scene.key(&["porter"]);
    let (lead, _) = scene.key(&["lead"]);
    let (mentor, name) = scene.key(&["mentor"]);
    scene.app.says(&list(&[&name]));
    for (key, method, path, expected) in [
        (&porter, "GET", "/checks", 403),
        (&porter, "POST", "/checks", 403),
        (&porter, "GET", "/groups", 403),
        (&porter, "GET", "/other", 200),
        (&lead, "GET", "/checks", 403),
        (&lead, "GET", "/checks/1", 403),
        (&mentor, "DELETE", "/checks/1", 403),
        (&mentor, "PATCH", "/checks/1", 403),
        (&mentor, "POST", "/checks", 200),
        (&mentor, "GET", "/groups", 403),
    ] {
        let before = scene.app.asked.lock().unwrap().len();
        let answer = scene.ask(key, method, path, "");
        assert_eq!(answer.status, expected, "{method} {path}");
        let asked = scene.app.asked.lock().unwrap().len() - before;
        assert_eq!(asked, usize::from(expected == 200), "{method} {path}");
        let refused = expected != 200;
        let who = format!("key:{}", &key[4..16]);
        let explained = ["--as", who.as_str(), "--format", "json", method, path];
        let said = scene.deployment.run(&["explain"], &explained);
        let said = said.exits(i32::from(refused)).json();
        let told = if refused {
            json!(expected)
        } else {
            Value::Null
        };
        assert_eq!(said["refused"], told, "{method} {path}: {said}");
        if refused {
            let last = said["stages"].as_array().unwrap().last().unwrap();
            let table = key == &mentor && path == "/groups";
            assert!(table || last["stage"] == "rows", "{last}");
        }
    }
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade =
        format!("GET /checks HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {mentor}\r\n{upgrade}\r\n");
    assert_eq!(Client::dial(scene.gate.address).ask(upgrade).status, 403);
    scene.gate.stop();
}

#[test]
fn an_answer_that_cannot_be_cut_is_not_passed_on() {
    let scene = Scene::new();
    let (mentor, name) = scene.key(&["mentor"]);
    let rows = list(&[&name, "bob"]);
    let json = "Content-Type: application/json";
    for (head, body_sent, status) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html".to_owned(),
            rows.as_str(),
            502,
        ),
        ("HTTP/1.1 200 OK".to_owned(), &rows, 502),
        (
            format!("HTTP/1.1 200 OK\r\n{json}\r\nContent-Encoding: gzip"),
            &rows,
            502,
        ),
        (
            format!("HTTP/1.1 206 Partial Content\r\n{json}"),
            &rows,
            502,
        ),
        (format!("HTTP/1.1 200 OK\r\n{json}"), "bob wrote this", 502),
        (format!("HTTP/1.1 200 OK\r\n{json}"), "", 200),
        (
            format!("HTTP/1.1 500 Oops\r\n{json}"),
            "{\"mentor\":\"bob wrote this\"}",
            500,
        ),
        (
            format!("HTTP/1.1 302 Found\r\nLocation: /x\r\n{json}"),
            "bob",
            302,
        ),
    ] {
        scene.app.answers(&head, body_sent);
        let answer = scene.get(&mentor, "/checks");
        assert_eq!(answer.status, status, "{head}");
        assert!(!body(&answer).contains("bob"), "{head}");
    }
    scene.gate.stop();
}

#[test]
fn a_request_asks_for_the_whole_and_an_answer_tells_nothing_of_it() {
    let scene = Scene::new();
    let (mentor, name) = scene.key(&["mentor"]);
    let (head, _) = scene.key(&["head"]);
    let whole = list(&[&name, "bob", "bob"]);
    let telling = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\
                   ETag: \"3-rows\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                   X-Total: 3\r\nLink: </checks?page=2>\r\nCache-Control: public, max-age=60\r\n\
                   Set-Cookie: theme=dark; Path=/";
    scene.app.answers(telling, &whole);
    let part = "Range: bytes=0-5\r\nIf-None-Match: \"3-rows\"\r\nAccept-Encoding: gzip\r\n";
    let answer = scene.ask(&mentor, "GET", "/checks", part);
    for gone in ["ETag", "Last-Modified", "X-Total", "Link"] {
        assert_eq!(answer.field(gone), None);
    }
    assert_eq!(field(&answer, "Cache-Control"), "no-store");
    assert!(field(&answer, "Content-Type").starts_with("application/json"));
    assert!(field(&answer, "Set-Cookie").starts_with("theme=dark"));
    assert_eq!(
        field(&answer, "Content-Length"),
        answer.body.len().to_string()
    );
    let asked = scene
        .app
        .asked
        .lock()
        .unwrap()
        .last()
        .unwrap()
        .to_ascii_lowercase();
    assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");
    for gone in ["range:", "if-none-match:", "gzip"] {
        assert!(!asked.contains(gone), "{asked}");
    }
    // Whoever sees everything has the app's own answer.
    let answer = scene.ask(&head, "GET", "/checks", part);
    assert_eq!(field(&answer, "ETag"), "\"3-rows\"");
    assert_eq!(field(&answer, "X-Total"), "3");
    scene.gate.stop();
}

#[test]
fn counts_are_counts_for_everybody() {
    let scene = Scene::new();
    let told = json!({"groups": [
        {"week": "2026-47", "count": 5, "latest": "I cannot sleep"},
        {"week": "2026-48", "count": 4},
    ]});
    scene.app.says(&told.to_string());
    for role in ["lead", "head"] {
        let (key, _) = scene.key(&[role]);
        let seen = scene.get(&key, "/groups").json().unwrap();
        assert_eq!(
            seen,
            json!({"groups": [{"week": "2026-47", "count": 5}]}),
            "{role}"
        );
    }
    scene.gate.stop();
}

#[test]
fn a_connection_goes_on_behind_an_answer_that_was_cut() {
    let scene = Scene::new();
    let (mentor, name) = scene.key(&["mentor"]);
    scene.app.says(&list(&[&name, "bob"]));
    let ask = format!("GET /checks HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {mentor}\r\n\r\n");
    let mut client = Client::dial(scene.gate.address);
    for _ in 0..3 {
        let answer = client.ask(&ask);
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.json().unwrap()["checks"].as_array().unwrap().len(),
            1
        );
    }
    scene.gate.stop();
}

#[test]
fn what_is_promised_of_rows_is_kept_and_a_wider_view_breaks_it() {
    let scene = Scene::new();
    let document = "# Rows\n\n\
        Own rows. <!-- promise: access.assigned-only collection=checks role=mentor by=mentor -->\n\
        No phone. <!-- promise: access.fields-withheld collection=checks role=mentor fields=phone -->\n\
        Counts. <!-- promise: access.no-free-text-in-aggregates collection=checks least=5 -->\n\
        Table. <!-- promise: access.by-role -->\n\
        Keys. <!-- promise: auth.enforced route=/checks -->\n";
    scene.deployment.write("SECURITY.md", document.as_bytes());
    let arguments = ["--allow", "writes", "--format", "json"];
    let proof = scene.deployment.run(&["prove"], &arguments).exits(0).json();
    for promise in proof["promises"].as_array().unwrap() {
        assert_eq!(promise["verdict"], "kept", "{promise:#}");
    }
    let found = scene
        .deployment
        .run(&["prove", "--self-test"], &["--format", "json"])
        .exits(0);
    let found = found.json().to_string();
    for promise in [
        "assigned-only",
        "fields-withheld",
        "no-free-text-in-aggregates",
    ] {
        assert!(found.contains(&format!("access.{promise}")), "{found}");
    }
    scene.gate.stop();
}
