use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    sync::Mutex,
};

use control::{Class, SystemClock, Verdict, catalogue::References, rng::CountingRng};

use super::*;

/// Answers every request on an admin socket with `answer`, and keeps what it read.
fn admin(
    folder: &Path,
    answer: impl Fn(&str) -> Value + Send + 'static,
) -> (PathBuf, Arc<Mutex<Vec<String>>>) {
    let socket = folder.join("admin.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = vec![0; 8192];
            let read = stream.read(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
            let body = answer(&text).to_string();
            kept.lock().unwrap().push(text);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    (socket, seen)
}

fn about(text: &str) -> Value {
    if text.starts_with("GET /v1/instance ") {
        return json!({"gate": ["127.0.0.1:1"], "configuration_sha256": "AB12", "ledger_key": "key"});
    }
    if text.starts_with("POST /v1/prove/ticket ") {
        return json!({"ticket": "t1", "secret": "c2VjcmV0"});
    }
    if text.contains("/v1/prove/key") {
        return json!({"id": "k1", "key": "vsk_k1_secret"});
    }
    json!({"checkpoint": "origin\n1\nroot\n", "size": 1})
}

fn reach(socket: PathBuf, digest: &str) -> Reach {
    Reach {
        socket,
        configuration: json!({"deployment": {"public_url": "http://coach.example"}}),
        configuration_sha256: Some(digest.to_owned()),
        folder: PathBuf::from("."),
        observers: Vec::new(),
        executable: PathBuf::from("vouchsafe"),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(CountingRng::from_seed(1)),
    }
}

#[test]
fn only_the_configuration_of_the_file_is_proved() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, _) = admin(folder.path(), about);
    assert!(Instance::open(reach(socket.clone(), "ab12")).is_ok());
    let other = Instance::open(reach(socket, "cd34")).err().unwrap();
    assert_eq!(other, ReachError::OtherConfiguration);
    assert!(other.to_string().contains("hint: run `vouchsafe reload`"));
}

#[test]
fn nothing_running_is_said_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Instance::open(reach(folder.path().join("none.sock"), "ab12"))
        .err()
        .unwrap();
    assert!(matches!(nobody, ReachError::Nobody(_)));
    assert!(
        nobody
            .to_string()
            .contains("hint: start it with `vouchsafe up`")
    );
}

#[test]
fn a_ticket_is_bound_to_method_target_and_body() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, seen) = admin(folder.path(), about);
    let instance = Instance::open(reach(socket, "ab12")).unwrap();
    let wish = TicketWish {
        method: "POST",
        target: "/w?x",
        body: b"hi",
        webhook: Some("/w"),
    };
    let ticket = instance.ticket(&wish).unwrap();
    assert_eq!(
        (ticket.value.as_str(), ticket.secret.as_deref()),
        ("t1", Some(&b"secret"[..]))
    );
    let asked = seen.lock().unwrap().pop().unwrap();
    let digest = seal::encode::hex(&seal::sha256(b"hi"));
    let body = format!(
        "{{\"method\":\"POST\",\"target\":\"/w?x\",\"body_sha256\":\"{digest}\",\"webhook\":\"/w\"}}"
    );
    assert!(asked.ends_with(&body), "{asked}");
}

#[test]
fn canary_keys_are_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, seen) = admin(folder.path(), about);
    let instance = Instance::open(reach(socket, "ab12")).unwrap();
    instance.mint_key(&KeyWish::default()).unwrap();
    instance.clean_up().unwrap();
    let asked = seen.lock().unwrap().pop().unwrap();
    assert!(asked.starts_with("DELETE /v1/prove/key/k1 "), "{asked}");
    instance.clean_up().unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[test]
fn a_verdict_is_recorded_without_a_word_of_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, seen) = admin(folder.path(), about);
    let instance = Instance::open(reach(socket, "ab12")).unwrap();
    let outcome = Outcome {
        promise: "wire.framing".into(),
        rows: vec!["V-001".into()],
        line: 7,
        sentence: "Anna is safe.".into(),
        proven: String::new(),
        class: Class::Refused,
        verdict: Verdict::Kept,
        evidence: Vec::new(),
        mends: Vec::new(),
        hint: None,
        waiver: None,
        attested: None,
        shown_by: None,
        references: References::default(),
    };
    instance.record(&outcome).unwrap();
    let asked = seen.lock().unwrap().pop().unwrap();
    assert!(asked.contains("\"promise\":\"wire.framing\",\"verdict\":\"kept\""));
    assert!(!asked.contains("Anna"));
    assert_eq!(
        instance.checkpoint().unwrap().as_deref(),
        Some("origin\n1\nroot\n")
    );
}
