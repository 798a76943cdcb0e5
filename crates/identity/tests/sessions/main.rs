//! Sessions from login to end, over a real store, on a clock that the tests move.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::panic, reason = "a test may fail loudly")]

mod ends;
mod limits;
mod nodes;
mod tokens;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use control::{Clock, Timestamp, clock::FixedClock, rng::SystemRng};
use identity::{
    SessionRefusal, Sessions,
    session::{Begun, NewSession, Seen},
};
use store::Store;

struct Bench {
    sessions: Sessions,
    clock: FixedClock,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouchsafe.db");
    let clock = FixedClock::at(Timestamp::from_seconds(1_800_000_000));
    Bench {
        sessions: node(&path, &clock),
        clock,
        path,
        _folder: folder,
    }
}

fn node(path: &std::path::Path, clock: &FixedClock) -> Sessions {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Sessions::new(Store::open(path).unwrap(), clock)
}

fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn new(subject: &str) -> NewSession {
    NewSession {
        issuer: "https://id.test".to_owned(),
        subject: subject.to_owned(),
        roles: vec!["sales".to_owned()],
        tenant: "default".to_owned(),
        sid: None,
        idle: Duration::from_secs(1800),
        longest: Duration::from_secs(28_800),
        replaces: None,
    }
}

/// What became of a request, and whether the store was asked for it.
type Asked = (Result<String, SessionRefusal>, bool);

fn session_of(verified: &identity::Verified) -> &identity::Session {
    match verified.principal() {
        identity::Principal::Session(session) => session,
        other => panic!("{other:?}"),
    }
}

/// How the ledger names somebody.
fn person(subject: &str) -> String {
    let id = identity::PersonId::of("https://id.test", subject);
    id.as_str().to_owned()
}

fn ask_on(sessions: &Sessions, id: &[u8], now: Timestamp) -> Asked {
    let principal = |seen: identity::Verified| session_of(&seen).subject().to_owned();
    match sessions.live().look(id, now) {
        Err(refusal) => (Err(refusal), false),
        Ok(Seen::Good(session)) => (Ok(principal(session)), false),
        Ok(Seen::Unconfirmed(unconfirmed)) => {
            let confirmed = wait(sessions.confirm(unconfirmed, now));
            (confirmed.map(principal), true)
        }
    }
}

impl Bench {
    fn begin(&self, new: NewSession) -> Begun {
        wait(self.sessions.begin(new, &SystemRng)).unwrap()
    }

    fn ask(&self, begun: &Begun) -> Asked {
        ask_on(
            &self.sessions,
            begun.id.expose().as_bytes(),
            self.clock.now(),
        )
    }

    fn tick(&self) {
        wait(self.sessions.tick(self.clock.now())).unwrap();
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Changes the database behind everybody's back.
    fn meddle(&self, sql: &str) {
        let other = rusqlite::Connection::open(&self.path).unwrap();
        other.execute_batch(sql).unwrap();
    }

    fn stored(&self) -> i64 {
        let other = rusqlite::Connection::open(&self.path).unwrap();
        other
            .query_row("SELECT count(*) FROM session", [], |row| row.get(0))
            .unwrap()
    }
}

fn good(principal: &str, store_asked: bool) -> Asked {
    (Ok(principal.to_owned()), store_asked)
}

fn refused(refusal: SessionRefusal, store_asked: bool) -> Asked {
    (Err(refusal), store_asked)
}

#[test]
fn whoever_logged_in_is_known_by_the_id_and_nobody_by_anything_else() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    assert_eq!(bench.ask(&begun), good("p_a", true));
    assert_eq!(bench.ask(&begun), good("p_a", false));
    let other = "a".repeat(43);
    for (id, refusal, asked) in [
        (other.as_str(), SessionRefusal::Unknown, true),
        (begun.handle.as_str(), SessionRefusal::Malformed, false),
        ("", SessionRefusal::Malformed, false),
        (&begun.id.expose()[1..], SessionRefusal::Malformed, false),
    ] {
        let answer = ask_on(&bench.sessions, id.as_bytes(), bench.clock.now());
        assert_eq!(answer, refused(refusal, asked), "{id}");
    }
    assert_eq!(bench.ask(&begun), good("p_a", false));
}

#[test]
fn a_session_says_whose_it_is() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    let live = bench.sessions.live();
    let looked = live.look(begun.id.expose().as_bytes(), bench.clock.now());
    let Ok(Seen::Unconfirmed(unconfirmed)) = looked else {
        panic!("{looked:?}");
    };
    let session = wait(bench.sessions.confirm(unconfirmed, bench.clock.now())).unwrap();
    let session = session_of(&session);
    assert_eq!(session.subject(), "p_a");
    assert_eq!(session.issuer(), "https://id.test");
    assert_eq!(session.roles(), [Box::from("sales")]);
    assert_eq!((session.tenant(), session.is_probe()), ("default", false));
    assert_eq!(session.handle(), begun.handle);
    assert_eq!(
        format!("{session:?}"),
        format!("Session({}, ..)", begun.handle)
    );
}

#[test]
fn what_is_made_of_one_session_is_kept_apart_from_another_of_the_same_person() {
    let bench = bench();
    let known = |begun: &Begun| {
        let id = begun.id.expose().as_bytes();
        let verified = match bench.sessions.live().look(id, bench.clock.now()).unwrap() {
            Seen::Good(verified) => verified,
            Seen::Unconfirmed(asked) => {
                wait(bench.sessions.confirm(asked, bench.clock.now())).unwrap()
            }
        };
        let who = verified.principal();
        assert_eq!(who.id(), person("p_a"));
        (who.variant(), who.session().unwrap().to_string())
    };
    let (one, other) = (bench.begin(new("p_a")), bench.begin(new("p_a")));
    let first = known(&one);
    assert_eq!(first, known(&one), "the same for every request");
    let second = known(&other);
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
    assert!(!first.1.contains(&one.handle));
}

#[test]
fn nothing_that_can_be_presented_is_in_any_file_or_listing() {
    let bench = bench();
    let begun = bench.begin(NewSession {
        sid: Some("the name at the provider".to_owned()),
        ..new("p_a")
    });
    assert_eq!(bench.ask(&begun), good("p_a", true));
    bench.pass(20);
    bench.tick();
    let listed = wait(bench.sessions.list(None)).unwrap();
    let mut seen = vec![serde_json::to_vec(&listed).unwrap()];
    for file in std::fs::read_dir(bench.path.parent().unwrap()).unwrap() {
        seen.push(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |needle: &[u8]| {
        let within = |bytes: &Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
        seen.iter().any(within)
    };
    assert!(holds(begun.handle.as_bytes()), "the search finds");
    assert!(!holds(b"the name at the provider"));
    for piece in begun.id.expose().as_bytes().windows(8) {
        assert!(!holds(piece));
    }
}
