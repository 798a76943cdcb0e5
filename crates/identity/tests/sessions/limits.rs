//! How long a session lasts, and how long it is believed.

use std::time::Duration;

use control::{Clock as _, Timestamp, rng::SystemRng};
use identity::{
    SessionRefusal,
    session::{NewSession, Seen, service::BackDated},
};

use crate::{bench, good, new, refused, session_of, wait};

#[test]
fn a_session_that_is_used_lasts_and_one_that_is_idle_ends() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    for _ in 0..4 {
        bench.pass(1799);
        assert_eq!(bench.ask(&begun), good("p_a", true));
    }
    bench.pass(1800);
    assert_eq!(bench.ask(&begun), refused(SessionRefusal::Idle, true));
    // Once it has ended, it stays so, also where the store has not removed it yet.
    assert_eq!(bench.ask(&begun), refused(SessionRefusal::Unknown, false));
    bench.tick();
    assert_eq!(bench.ask(&begun), refused(SessionRefusal::Idle, true));
    bench.pass(60);
    bench.tick();
    assert_eq!(bench.stored(), 0);
    assert_eq!(bench.ask(&begun), refused(SessionRefusal::Unknown, true));
}

#[test]
fn a_session_ends_however_busy_it_is() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    for _ in 0..16 {
        bench.pass(1799);
        assert_eq!(bench.ask(&begun), good("p_a", true));
    }
    bench.pass(15);
    assert_eq!(bench.ask(&begun), good("p_a", true));
    bench.pass(1);
    assert_eq!(bench.ask(&begun), refused(SessionRefusal::Ended, false));
    bench.pass(60);
    bench.tick();
    assert_eq!(bench.stored(), 0);
}

#[test]
fn a_session_in_use_is_confirmed_by_the_tick_and_no_request_waits() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    assert_eq!(bench.ask(&begun), good("p_a", true));
    for _ in 0..20 {
        bench.pass(1);
        assert_eq!(bench.ask(&begun), good("p_a", false));
        bench.tick();
    }
    // Nobody asks for five seconds: then the store is asked by the request.
    for _ in 0..5 {
        bench.pass(1);
        bench.tick();
    }
    assert_eq!(bench.ask(&begun), good("p_a", true));
}

#[test]
fn a_store_that_is_away_is_an_error_after_five_seconds_and_never_a_login() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    assert_eq!(bench.ask(&begun), good("p_a", true));
    bench.meddle("ALTER TABLE session RENAME TO elsewhere");
    bench.pass(4);
    assert_eq!(bench.ask(&begun), good("p_a", false));
    assert!(wait(bench.sessions.tick(bench.clock.now())).is_err());
    bench.pass(1);
    let away = refused(SessionRefusal::Away, true);
    assert_eq!(bench.ask(&begun), away);
    assert!(wait(bench.sessions.begin(new("p_a"), &SystemRng)).is_err());
    assert!(wait(bench.sessions.end(begun.id.expose().as_bytes())).is_err());
    assert_eq!(bench.ask(&begun), away);
    bench.meddle("ALTER TABLE elsewhere RENAME TO session");
    assert_eq!(bench.ask(&begun), good("p_a", true));
}

#[test]
fn a_connection_that_lasts_is_no_use_and_ends_with_its_session() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    let live = bench.sessions.live();
    let looked = live.look(begun.id.expose().as_bytes(), bench.clock.now());
    let Ok(Seen::Unconfirmed(unconfirmed)) = looked else {
        panic!("{looked:?}");
    };
    let session = wait(bench.sessions.confirm(unconfirmed, bench.clock.now())).unwrap();
    for _ in 0..1799 {
        bench.pass(1);
        assert!(session_of(&session).stands(bench.clock.now()));
        bench.tick();
    }
    bench.pass(1);
    assert!(!session_of(&session).stands(bench.clock.now()));
}

#[test]
fn a_connection_does_not_outlast_a_store_that_is_away() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    let live = bench.sessions.live();
    let looked = live.look(begun.id.expose().as_bytes(), bench.clock.now());
    let Ok(Seen::Unconfirmed(unconfirmed)) = looked else {
        panic!("{looked:?}");
    };
    let session = wait(bench.sessions.confirm(unconfirmed, bench.clock.now())).unwrap();
    bench.pass(9);
    assert!(session_of(&session).stands(bench.clock.now()));
    bench.pass(1);
    assert!(!session_of(&session).stands(bench.clock.now()));
    bench.tick();
    assert!(session_of(&session).stands(bench.clock.now()));
}

#[test]
fn last_use_is_stored_within_half_a_minute() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    bench.pass(100);
    assert_eq!(bench.ask(&begun), good("p_a", true));
    let used = bench.clock.now();
    for _ in 0..30 {
        bench.pass(1);
        bench.tick();
    }
    let other = crate::node(&bench.path, &bench.clock);
    let listed = wait(other.list(None)).unwrap();
    assert_eq!(listed.first().unwrap().last_seen, used.to_string());
}

#[test]
fn sessions_of_a_proof_are_as_old_as_it_says_and_live_for_a_minute() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for (created, last_seen, expected) in [
        (minutes(0), minutes(0), None),
        (minutes(60), minutes(29), None),
        (minutes(60), minutes(31), Some(SessionRefusal::Idle)),
        (minutes(479), minutes(0), None),
        (minutes(481), minutes(0), Some(SessionRefusal::Ended)),
    ] {
        let bench = bench();
        let dated = BackDated { created, last_seen };
        let made = bench
            .sessions
            .begin_probe(new("p_probe"), dated, &SystemRng);
        let begun = wait(made).unwrap();
        let (answer, _) = bench.ask(&begun);
        assert_eq!(answer.err(), expected, "{created:?} {last_seen:?}");
        bench.pass(60);
        let (later, _) = bench.ask(&begun);
        assert!(later.is_err());
        bench.tick();
        assert_eq!(bench.stored(), 0);
    }
}

#[test]
fn a_session_may_be_shorter() {
    let bench = bench();
    let begun = bench.begin(NewSession {
        idle: Duration::from_secs(60),
        longest: Duration::from_secs(90),
        ..new("p_a")
    });
    let end = Timestamp::from_millis(bench.clock.now().millis() + 90_000);
    assert_eq!(begun.ends, end);
    bench.pass(59);
    assert_eq!(bench.ask(&begun), good("p_a", true));
    bench.pass(31);
    assert_eq!(bench.ask(&begun), refused(SessionRefusal::Ended, true));
}
