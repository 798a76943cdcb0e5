//! The rules of claims on deliveries.

use std::time::Duration;

use store::replay::{self, Claim, Claimed};

use crate::{at, bench::Bench};

fn wish(now: i64) -> Claim {
    Claim {
        source: "/webhook".to_owned(),
        digest: [1; 32],
        candidate: [u8::try_from(now).unwrap(); 16],
        now: at(now),
        lease: Duration::from_secs(70),
        expires: Some(at(1000)),
    }
}

fn fresh(id: u8, attempt: i64) -> Claimed {
    Claimed::Fresh {
        delivery: [id; 16],
        attempt,
    }
}

pub(super) fn a_second_delivery_waits_while_the_first_is_in_flight(bench: &Bench<'_>) {
    let store = bench.open();
    let claimed = store.run(|access| {
        Ok([
            replay::claim(access, &wish(1))?,
            replay::claim(access, &wish(2))?,
            replay::claim(access, &wish(70))?,
        ])
    });
    let waiting = Claimed::InFlight {
        delivery: [1; 16],
        until: at(71),
    };
    assert_eq!(claimed, Ok([fresh(1, 1), waiting, waiting]));
}

pub(super) fn a_lease_given_before_the_clock_was_set_back_holds_no_longer_than_a_new_one(
    bench: &Bench<'_>,
) {
    let store = bench.open();
    let waiting = |until| Claimed::InFlight {
        delivery: [200; 16],
        until: at(until),
    };
    let claimed = store.run(|access| {
        Ok([
            replay::claim(access, &wish(200))?,
            replay::claim(access, &wish(1))?,
            replay::claim(access, &wish(70))?,
            replay::claim(access, &wish(71))?,
        ])
    });
    assert_eq!(
        claimed,
        Ok([fresh(200, 1), waiting(71), waiting(71), fresh(200, 2)])
    );
}

pub(super) fn a_done_delivery_stays_done(bench: &Bench<'_>) {
    let store = bench.open();
    let claimed = store.run(|access| {
        replay::claim(access, &wish(1))?;
        assert!(replay::done(access, "/webhook", &[1; 32], at(2))?);
        assert!(!replay::done(access, "/webhook", &[1; 32], at(3))?);
        assert!(!replay::release(access, "/webhook", &[1; 32], 1)?);
        replay::claim(access, &wish(100))
    });
    assert_eq!(
        claimed,
        Ok(Claimed::Done {
            delivery: [1; 16],
            at: at(2)
        })
    );
}

pub(super) fn a_released_delivery_is_forwarded_again_under_its_id(bench: &Bench<'_>) {
    let store = bench.open();
    let claimed = store.run(|access| {
        replay::claim(access, &wish(1))?;
        assert!(replay::release(access, "/webhook", &[1; 32], 1)?);
        replay::claim(access, &wish(2))
    });
    assert_eq!(claimed, Ok(fresh(1, 2)));
}

pub(super) fn a_lease_lost_in_a_crash_is_claimed_again_under_its_id(bench: &Bench<'_>) {
    let store = bench.open();
    let claimed = store.run(|access| replay::claim(access, &wish(1)));
    assert_eq!(claimed, Ok(fresh(1, 1)));
    drop(store);
    let store = bench.open();
    let early = store.run(|access| replay::claim(access, &wish(70)));
    assert!(matches!(early, Ok(Claimed::InFlight { .. })));
    let later = store.run(|access| replay::claim(access, &wish(71)));
    assert_eq!(later, Ok(fresh(1, 2)));
}

pub(super) fn an_attempt_that_lost_its_lease_cannot_release_the_next_but_can_say_done(
    bench: &Bench<'_>,
) {
    let store = bench.open();
    store
        .run(|access| {
            replay::claim(access, &wish(1))?;
            assert_eq!(replay::claim(access, &wish(80))?, fresh(1, 2));
            assert!(!replay::release(access, "/webhook", &[1; 32], 1)?);
            assert!(matches!(
                replay::claim(access, &wish(81))?,
                Claimed::InFlight { .. }
            ));
            assert!(replay::done(access, "/webhook", &[1; 32], at(82))?);
            assert!(matches!(
                replay::claim(access, &wish(83))?,
                Claimed::Done { .. }
            ));
            Ok(())
        })
        .unwrap();
}

pub(super) fn other_sources_and_other_digests_are_other_deliveries(bench: &Bench<'_>) {
    let store = bench.open();
    let claimed = store.run(|access| {
        let mut other_source = wish(2);
        other_source.source = "/other".to_owned();
        let mut other_digest = wish(3);
        other_digest.digest = [2; 32];
        Ok([
            replay::claim(access, &wish(1))?,
            replay::claim(access, &other_source)?,
            replay::claim(access, &other_digest)?,
        ])
    });
    assert_eq!(claimed, Ok([fresh(1, 1), fresh(2, 1), fresh(3, 1)]));
}

pub(super) fn an_expired_row_counts_as_gone_whether_or_not_it_was_swept(bench: &Bench<'_>) {
    let store = bench.open();
    for swept in [false, true] {
        store
            .run(|access| replay::forget(access, "/webhook"))
            .unwrap();
        let claimed = store.run(move |access| {
            let mut short = wish(1);
            short.expires = Some(at(90));
            replay::claim(access, &short)?;
            replay::done(access, "/webhook", &[1; 32], at(2))?;
            assert_eq!(replay::sweep(access, at(89))?, 0);
            assert!(matches!(
                replay::claim(access, &wish(89))?,
                Claimed::Done { .. }
            ));
            if swept {
                assert_eq!(replay::sweep(access, at(90))?, 1);
            }
            replay::claim(access, &wish(90))
        });
        assert_eq!(claimed, Ok(fresh(90, 1)));
    }
}

pub(super) fn rows_without_an_end_are_kept_until_their_source_is_forgotten(bench: &Bench<'_>) {
    let store = bench.open();
    store
        .run(|access| {
            let mut endless = wish(1);
            endless.expires = None;
            replay::claim(access, &endless)?;
            assert_eq!(replay::sweep(access, at(i64::MAX / 1000))?, 0);
            assert_eq!(replay::forget(access, "/other")?, 0);
            assert_eq!(replay::forget(access, "/webhook")?, 1);
            Ok(())
        })
        .unwrap();
}

pub(super) fn of_claims_at_the_same_moment_one_is_fresh(bench: &Bench<'_>) {
    // A file has one store; a server has as many as there are nodes.
    let stores = match bench {
        Bench::File(_) => vec![bench.open()],
        Bench::Server(..) => vec![bench.open(), bench.open(), bench.open()],
    };
    for round in 0..20 {
        let waiting: Vec<_> = (0..12)
            .zip(stores.iter().cycle())
            .map(|(asker, store)| {
                let mut wish = wish(1);
                wish.digest = [round; 32];
                wish.candidate = [asker; 16];
                store.submit(move |access| replay::claim(access, &wish))
            })
            .collect();
        let answers = waiting.into_iter().map(|pending| pending.wait().unwrap());
        let answers: Vec<Claimed> = answers.collect();
        let winners = answers.iter().filter_map(|claimed| match claimed {
            Claimed::Fresh { delivery, attempt } => Some((*delivery, *attempt)),
            _ => None,
        });
        let winners: Vec<_> = winners.collect();
        let [(winner, 1)] = winners.as_slice() else {
            panic!("{answers:?}");
        };
        let waits = Claimed::InFlight {
            delivery: *winner,
            until: at(71),
        };
        assert_eq!(
            answers.iter().filter(|claimed| **claimed == waits).count(),
            11
        );
    }
}
