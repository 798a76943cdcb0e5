//! Tokens of people, and the sessions they stand for.

use std::time::Duration;

use control::{Clock, Timestamp};
use identity::{
    LiveKeys, LiveSessions, PersonId, SessionRefusal, Verified,
    session::Begun,
    token::{Believed, Issuers, KeyTokens, LiveRevocations, Seen, Terms, TokenRefusal},
};
use seal::encode::{base64url, unbase64url};

use crate::{Bench, bench, good, new, person, refused, wait};

const URL: &str = "https://helpline.example";

fn tokens() -> KeyTokens {
    KeyTokens::derived(&[7; 32]).unwrap()
}

fn terms() -> Terms {
    Terms::new(URL, Duration::from_secs(600))
}

/// A token for whoever `begun` is of, as somebody called `name`.
fn issued(bench: &Bench, begun: &Begun, name: &str) -> String {
    let whose = PersonId::of("https://id.test", name);
    let now = bench.clock.now();
    let issued = tokens().issue_for_session(begun, &whose, &terms(), "t1", now);
    assert_eq!(issued.expires_in, Duration::from_secs(600));
    String::from_utf8(issued.token.expose().to_vec()).unwrap()
}

/// Looks at a token; the store is asked where it has to be.
fn asked(
    bench: &Bench,
    believed: &mut Believed,
    sessions: Option<&LiveSessions>,
    token: &str,
) -> Result<Verified, TokenRefusal> {
    let now = bench.clock.now();
    let (tokens, terms, revoked) = (tokens(), terms(), LiveRevocations::default());
    let issuers = Issuers {
        tokens: &tokens,
        terms: Some(&terms),
        others: &[],
        revoked: &revoked,
        sessions,
    };
    match believed.authenticate(issuers, &LiveKeys::default(), token.as_bytes(), now)? {
        Seen::Good(verified) => Ok(verified),
        Seen::Unused(_) => panic!("the token of a person is good until it ends"),
        Seen::Unconfirmed(unconfirmed) => {
            assert!(unconfirmed.is_of_token());
            Ok(wait(bench.sessions.confirm(unconfirmed, now))?)
        }
    }
}

#[test]
fn a_token_is_its_person_until_it_or_the_session_ends() {
    let bench = bench();
    let live = bench.sessions.live();
    let (kept, ended) = (bench.begin(new("p_a")), bench.begin(new("p_a")));
    let (token, other) = (issued(&bench, &kept, "p_a"), issued(&bench, &ended, "p_a"));
    let mut believed = Believed::default();
    for _ in 0..2 {
        let verified = asked(&bench, &mut believed, Some(&live), &token).unwrap();
        assert_eq!(verified.principal().id(), person("p_a"));
        assert_eq!(verified.principal().roles(), [Box::from("sales")]);
        assert!(asked(&bench, &mut believed, Some(&live), &other).is_ok());
    }
    // What lasts longer than a request ends with the token too.
    let verified = asked(&bench, &mut believed, Some(&live), &token).unwrap();
    let standing = verified.authorise::<&str>("GET", "/", &[], None).unwrap();
    let standing = standing.standing();
    let holds = |seconds: i64| {
        let at = Timestamp::from_seconds(bench.clock.now().seconds() + seconds);
        standing.holds(&LiveKeys::default(), &LiveRevocations::default(), at)
    };
    assert!(holds(599) && !holds(600));
    assert_eq!(wait(bench.sessions.end_called(&ended.handle)), Ok(true));
    let refusal = asked(&bench, &mut believed, Some(&live), &other).unwrap_err();
    assert_eq!(refusal, TokenRefusal::Withdrawn);
    assert!(asked(&bench, &mut believed, Some(&live), &token).is_ok());
    bench.pass(600);
    for believed in [&mut believed, &mut Believed::default()] {
        let refusal = asked(&bench, believed, Some(&live), &token).unwrap_err();
        assert_eq!(refusal, TokenRefusal::Expired);
    }
}

#[test]
fn where_nobody_logs_in_no_token_is_a_persons() {
    let bench = bench();
    let token = issued(&bench, &bench.begin(new("p_a")), "p_a");
    let refusal = asked(&bench, &mut Believed::default(), None, &token).unwrap_err();
    assert_eq!(refusal, TokenRefusal::Withdrawn);
}

#[test]
fn a_token_names_a_session_and_gives_nobody_its_cookie() {
    let bench = bench();
    let begun = bench.begin(new("p_a"));
    let token = issued(&bench, &begun, "p_a");
    let payload = unbase64url(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let named = claims["sid"].as_str().unwrap();
    assert!(!token.contains(begun.id.expose()) && named != begun.id.expose());
    let shown = crate::ask_on(&bench.sessions, named.as_bytes(), bench.clock.now());
    assert_eq!(shown, refused(SessionRefusal::Unknown, true));
    assert_eq!(bench.ask(&begun), good("p_a", true));
    // The name of another session under the signature of this one is no token.
    let other = base64url(&bench.begin(new("p_b")).id.digest());
    let forged = String::from_utf8(payload).unwrap().replace(named, &other);
    let mut parts: Vec<&str> = token.split('.').collect();
    let forged = base64url(forged.as_bytes());
    parts[1] = &forged;
    let live = bench.sessions.live();
    let refusal = asked(
        &bench,
        &mut Believed::default(),
        Some(&live),
        &parts.join("."),
    )
    .unwrap_err();
    assert_eq!(refusal, TokenRefusal::Signature);
}
