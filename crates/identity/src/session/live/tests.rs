use control::clock::FixedClock;

use std::time::Duration;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A session in the first part of the snapshot.
fn row(number: u16) -> SessionRow {
    let mut digest = [0; 32];
    digest[1..3].copy_from_slice(&number.to_be_bytes());
    SessionRow {
        digest,
        handle: format!("h{number}"),
        principal: "p_a".to_owned(),
        issuer: "https://id.test".to_owned(),
        subject: "a".to_owned(),
        display: None,
        roles: Vec::new(),
        tenant: "default".to_owned(),
        created: NOW,
        last_seen: NOW,
        idle: 1_800_000,
        ends: NOW.plus(Duration::from_secs(28_800)),
        sid: None,
        probe: false,
    }
}

fn live() -> (LiveSessions, FixedClock) {
    let clock = FixedClock::at(NOW);
    (LiveSessions::new(Arc::new(clock.clone())), clock)
}

#[test]
fn a_full_part_lets_go_of_what_nobody_holds_and_no_use_is_lost() {
    let (live, clock) = live();
    let held = live.admit(row(0), None, 0, NOW).unwrap().unwrap();
    for number in 1..1000 {
        clock.advance(Duration::from_millis(1));
        let used = NOW.plus(Duration::from_secs(5));
        assert!(live.admit(row(number), None, 0, used).unwrap().is_ok());
    }
    let digest = |number| row(number).digest;
    assert!(live.knows(&digest(0)), "a connection holds it");
    assert!(live.knows(&digest(999)) && !live.knows(&digest(1)));
    assert_eq!(live.part(&digest(0)).load().len(), PART_LIMIT);
    let mut unstored = live.unstored();
    unstored.sort_unstable();
    let stored: Vec<_> = (1..1000).map(digest).collect();
    let unstored: Vec<_> = unstored.into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(unstored, stored);
    drop(held);
}

#[test]
fn a_row_that_was_read_before_a_session_ended_is_not_believed() {
    let (live, _) = live();
    let asked = live.ends();
    live.end(&[row(1).digest]);
    assert!(live.admit(row(1), None, asked, NOW).is_none());
    assert!(live.admit(row(1), None, live.ends(), NOW).is_some());
}

#[test]
fn what_has_ended_or_was_long_unused_is_let_go_of() {
    let (live, clock) = live();
    let held = live.admit(row(1), None, 0, NOW).unwrap().unwrap();
    let _ = live.admit(row(2), None, 0, NOW).unwrap().unwrap();
    live.tidy(NOW);
    assert!(live.knows(&row(1).digest) && live.knows(&row(2).digest));
    clock.advance(Duration::from_secs(60));
    live.tidy(clock.now());
    assert!(live.knows(&row(1).digest), "a connection holds it");
    assert!(!live.knows(&row(2).digest));
    live.tidy(NOW.plus(Duration::from_secs(1800)));
    assert!(!live.knows(&row(1).digest), "it was idle for too long");
    drop(held);
}
