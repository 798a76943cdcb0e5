//! How sessions are ended by somebody.

use control::Clock;
use identity::{SessionRefusal, session::NewSession};

use crate::{bench, good, new, person, refused, wait};

#[test]
fn a_session_that_is_ended_is_refused_at_once_and_the_others_go_on() {
    let bench = bench();
    let (one, other) = (bench.begin(new("p_a")), bench.begin(new("p_a")));
    assert_eq!(bench.ask(&one), good("p_a", true));
    assert_eq!(bench.ask(&other), good("p_a", true));
    let end = || wait(bench.sessions.end(one.id.expose().as_bytes()));
    assert_eq!(end(), Ok(true));
    assert_eq!(bench.ask(&one), refused(SessionRefusal::Unknown, true));
    assert_eq!(end(), Ok(false));
    assert_eq!(wait(bench.sessions.end(b"not an id")), Ok(false));
    assert_eq!(bench.ask(&other), good("p_a", false));
    assert_eq!(wait(bench.sessions.end_called(&other.handle)), Ok(true));
    assert_eq!(bench.ask(&other), refused(SessionRefusal::Unknown, true));
    assert_eq!(bench.stored(), 0);
}

#[test]
fn every_session_of_a_person_ends_together() {
    let bench = bench();
    let theirs = [bench.begin(new("p_a")), bench.begin(new("p_a"))];
    let other = bench.begin(new("p_b"));
    for begun in &theirs {
        assert_eq!(bench.ask(begun), good("p_a", true));
    }
    assert_eq!(
        wait(bench.sessions.list(Some(&person("p_a"))))
            .unwrap()
            .len(),
        2
    );
    assert_eq!(wait(bench.sessions.end_of(&person("p_a"))), Ok(2));
    for begun in &theirs {
        assert_eq!(bench.ask(begun), refused(SessionRefusal::Unknown, true));
    }
    assert_eq!(bench.ask(&other), good("p_b", true));
    assert!(
        wait(bench.sessions.list(Some(&person("p_a"))))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_person_is_logged_out_of_what_had_begun() {
    let bench = bench();
    let (early, by) = (bench.begin(new("p_a")), bench.clock.now());
    bench.pass(1);
    let (late, other) = (bench.begin(new("p_a")), bench.begin(new("p_b")));
    for ended in [1, 0] {
        assert_eq!(
            wait(bench.sessions.end_begun(&person("p_a"), by)),
            Ok(ended)
        );
        assert_eq!(bench.ask(&early), refused(SessionRefusal::Unknown, true));
        assert_eq!(bench.ask(&late), good("p_a", ended == 1));
        assert_eq!(bench.ask(&other), good("p_b", ended == 1));
    }
}

#[test]
fn a_provider_ends_the_sessions_that_it_names_and_no_others() {
    let bench = bench();
    let of = |issuer: &str, sid: &str| NewSession {
        issuer: issuer.to_owned(),
        sid: Some(sid.to_owned()),
        ..new("p_a")
    };
    let meant = bench.begin(of("https://id.test", "s-1"));
    let others = [
        bench.begin(of("https://id.test", "s-2")),
        bench.begin(of("https://other.test", "s-1")),
        bench.begin(new("p_a")),
    ];
    let end = || wait(bench.sessions.end_at("https://id.test", "s-1"));
    assert_eq!((end(), end()), (Ok(1), Ok(0)));
    assert_eq!(bench.ask(&meant), refused(SessionRefusal::Unknown, true));
    for begun in &others {
        assert_eq!(bench.ask(begun), good("p_a", true));
    }
}

#[test]
fn a_login_ends_what_the_browser_held_before() {
    let bench = bench();
    let before = bench.begin(new("p_a"));
    assert_eq!(bench.ask(&before), good("p_a", true));
    let after = bench.begin(NewSession {
        replaces: Some(before.id.expose().as_bytes().to_vec()),
        ..new("p_b")
    });
    assert_ne!(before.id.expose(), after.id.expose());
    assert_eq!(bench.ask(&before), refused(SessionRefusal::Unknown, true));
    assert_eq!(bench.ask(&after), good("p_b", true));
    // What the browser held need not have been a session.
    let strange = bench.begin(NewSession {
        replaces: Some(b"anything".to_vec()),
        ..new("p_c")
    });
    assert_eq!(bench.ask(&strange), good("p_c", true));
}

#[test]
fn the_session_used_longest_ago_makes_room_for_the_twenty_first() {
    let bench = bench();
    let mut begun = Vec::new();
    for _ in 0..20 {
        begun.push(bench.begin(new("p_a")));
        bench.pass(1);
    }
    assert_eq!(bench.ask(&begun[0]), good("p_a", true));
    wait(bench.sessions.store_uses()).unwrap();
    begun.push(bench.begin(new("p_a")));
    for (at, begun) in begun.iter().enumerate() {
        let expected = if at == 1 {
            Err(SessionRefusal::Unknown)
        } else {
            Ok("p_a".to_owned())
        };
        assert_eq!(bench.ask(begun).0, expected, "{at}");
    }
}
