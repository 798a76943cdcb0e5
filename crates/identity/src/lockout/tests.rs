use std::sync::Arc;

use control::SystemClock;

use super::*;

const ALICE: &str = "alice@helpline.example";
const BOB: &str = "bob@helpline.example";

fn lockout() -> Lockout {
    let shared = Shared::in_process(Arc::new(SystemClock::new()));
    Lockout::new(shared, Rules::default(), Rules::default())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds)
}

fn from(text: &str) -> Origin {
    Origin::Client(text.parse().unwrap())
}

/// Runs on a runtime of its own: nothing here waits for anything outside.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

async fn fail(lockout: &Lockout, account: &str, address: &str, now: i64) -> Option<Locked> {
    let begun = lockout
        .begin(account, from(address), at(now))
        .await
        .unwrap();
    begun.unwrap().locks()
}

const fn locked(subject: Subject, seconds: u64) -> Locked {
    Locked {
        subject,
        wait: Duration::from_secs(seconds),
    }
}

#[test]
fn five_failures_lock_an_account_for_every_address_and_no_other_account() {
    run(async {
        let lockout = lockout();
        for number in 1..=4 {
            assert_eq!(
                fail(&lockout, ALICE, &format!("192.0.2.{number}"), 0).await,
                None
            );
        }
        let last = fail(&lockout, ALICE, "192.0.2.5", 0).await;
        assert_eq!(last, Some(locked(Subject::Account, 900)));
        let again = lockout
            .begin(ALICE, from("192.0.2.6"), at(60))
            .await
            .unwrap();
        assert_eq!(again.unwrap_err(), locked(Subject::Account, 840));
        let other = lockout.begin(BOB, from("192.0.2.6"), at(60)).await.unwrap();
        assert!(other.is_ok());
        let later = lockout
            .begin(ALICE, from("192.0.2.6"), at(900))
            .await
            .unwrap();
        assert!(later.is_ok());
    });
}

#[test]
fn five_failures_lock_an_address_for_every_account_and_no_account_elsewhere() {
    run(async {
        let lockout = lockout();
        for number in 1..=4 {
            assert_eq!(
                fail(&lockout, &format!("guess{number}"), "192.0.2.1", 0).await,
                None
            );
        }
        let last = fail(&lockout, ALICE, "192.0.2.1", 0).await;
        assert_eq!(last, Some(locked(Subject::Address, 900)));
        let there = lockout.begin(BOB, from("192.0.2.1"), at(0)).await.unwrap();
        assert_eq!(there.unwrap_err().subject, Subject::Address);
        for account in [ALICE, BOB] {
            let elsewhere = lockout
                .begin(account, from("192.0.2.2"), at(0))
                .await
                .unwrap();
            assert!(elsewhere.is_ok(), "{account}");
        }
    });
}

#[test]
fn success_clears_the_account_and_leaves_what_others_did_from_the_address() {
    run(async {
        let lockout = lockout();
        for round in 0..10 {
            for _ in 0..3 {
                let guess = lockout
                    .begin(ALICE, from("192.0.2.7"), at(round * 1000))
                    .await;
                guess
                    .unwrap()
                    .unwrap()
                    .succeeded(&lockout, at(round * 1000))
                    .await
                    .unwrap();
            }
        }
        for _ in 0..4 {
            assert_eq!(fail(&lockout, ALICE, "192.0.2.1", 0).await, None);
        }
        let own = lockout
            .begin(BOB, from("192.0.2.1"), at(0))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(own.locks().unwrap().subject, Subject::Address);
        own.succeeded(&lockout, at(0)).await.unwrap();
        // Bob came in; the four guesses at Alice still stand against the address.
        assert_eq!(
            fail(&lockout, BOB, "192.0.2.1", 0).await,
            Some(locked(Subject::Address, 900))
        );
    });
}

#[test]
fn attempts_at_the_same_moment_are_all_counted() {
    run(async {
        let lockout = lockout();
        let mut begun = 0;
        let mut held = Vec::new();
        for number in 0..50 {
            let address = format!("192.0.2.{number}");
            if let Ok(attempt) = lockout.begin(ALICE, from(&address), at(0)).await.unwrap() {
                begun += 1;
                // None has an outcome yet.
                held.push(attempt);
            }
        }
        assert_eq!(begun, 5);
    });
}

#[test]
fn addresses_of_one_network_are_one_and_an_address_written_in_two_ways_is_one() {
    run(async {
        let lockout = lockout();
        for address in [
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8:0:0:ffff::",
            "2001:db8::3",
        ] {
            assert_eq!(fail(&lockout, address, address, 0).await, None);
        }
        assert!(fail(&lockout, "x", "2001:db8::4", 0).await.is_some());
        assert_eq!(fail(&lockout, "y", "2001:db8:0:1::1", 0).await, None);
        for address in [
            "192.0.2.9",
            "::ffff:192.0.2.9",
            "192.0.2.9",
            "::ffff:192.0.2.9",
        ] {
            assert_eq!(
                fail(&lockout, &format!("{address} z"), address, 0).await,
                None
            );
        }
        assert!(fail(&lockout, "z", "192.0.2.9", 0).await.is_some());
    });
}

#[test]
fn an_account_is_unlocked_by_name() {
    run(async {
        let lockout = lockout();
        for number in 0..5 {
            fail(&lockout, ALICE, &format!("192.0.2.{number}"), 0).await;
        }
        assert!(lockout.unlock(ALICE).await.unwrap());
        assert!(!lockout.unlock(ALICE).await.unwrap());
        assert_eq!(fail(&lockout, ALICE, "192.0.2.77", 1).await, None);
    });
}

#[test]
fn nothing_of_who_tried_is_in_a_name() {
    let shown = format!(
        "{:?} {:?}",
        account_name(ALICE),
        origin_name(from("192.0.2.1"))
    );
    assert_eq!(shown, "Name(lockout-account:..) Name(lockout-address:..)");
    let attempt = run(lockout().begin(ALICE, from("192.0.2.1"), at(0)));
    assert!(!format!("{attempt:?}").contains("alice"));
}
