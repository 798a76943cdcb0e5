//! Sessions and logins under way, on a file and on a server alike.

use store::{
    Tenant,
    logins::{self, LoginRow},
    sessions::{self, Bounds, Inserted, SessionRow, Which},
};

use crate::{
    at,
    bench::{Bench, on_both},
    every,
};

on_both! {
    a_session_reads_back_as_it_was_written,
    a_session_id_and_a_handle_are_given_once,
    sessions_are_bounded_and_the_oldest_of_a_person_makes_room,
    sessions_end_one_by_one_by_person_and_by_the_providers_name,
    a_tenant_sees_and_ends_its_own_sessions_and_no_others,
    ended_and_idle_sessions_are_swept_and_used_ones_are_not,
    a_session_that_does_not_read_is_an_error,
    a_login_is_taken_once_and_by_the_browser_that_began_it,
    of_answers_to_a_login_at_the_same_moment_one_counts,
    logins_are_bounded_and_expire,
}

pub(crate) const WIDE: Bounds = Bounds {
    all: 100,
    of_one: 100,
};

pub(crate) fn session(number: u8, principal: &str) -> SessionRow {
    SessionRow {
        digest: [number; 32],
        handle: format!("handle-{number}"),
        principal: principal.to_owned(),
        issuer: "https://id.test".to_owned(),
        subject: format!("subject of {principal}"),
        display: None,
        roles: vec!["sales".to_owned()],
        tenant: "default".to_owned(),
        created: at(1),
        last_seen: at(number.into()),
        idle: 1_800_000,
        ends: at(28_800),
        sid: None,
        probe: false,
    }
}

pub(crate) fn login(number: u8, began: i64) -> LoginRow {
    LoginRow {
        state: [number; 32],
        binding: [100; 32],
        return_to: "/page?of=1".to_owned(),
        began: at(began),
        expires: at(began + 600),
    }
}

pub(crate) fn digests(rows: Vec<SessionRow>) -> Vec<u8> {
    rows.into_iter().map(|row| row.digest[0]).collect()
}

fn a_session_reads_back_as_it_was_written(bench: &Bench<'_>) {
    let store = bench.open();
    let full = SessionRow {
        display: Some(vec![0, 159, 146, 150]),
        sid: Some([9; 32]),
        roles: vec![],
        probe: true,
        ..session(1, "p_a")
    };
    for row in [full, session(2, "p_a")] {
        let expected = row.clone();
        let read = every(&store, move |within| {
            assert_eq!(
                sessions::insert(within, &row, WIDE)?,
                Inserted::Made(vec![])
            );
            sessions::get(within, &row.digest)
        });
        assert_eq!(read, Ok(Some(expected)));
    }
    let absent = every(&store, |within| sessions::get(within, &[3; 32]));
    assert_eq!(absent, Ok(None));
}

fn a_session_id_and_a_handle_are_given_once(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        sessions::insert(within, &session(1, "p_a"), WIDE)?;
        let same_id = SessionRow {
            handle: "other".to_owned(),
            ..session(1, "p_b")
        };
        let same_handle = SessionRow {
            digest: [2; 32],
            ..session(1, "p_b")
        };
        for row in [same_id, same_handle] {
            assert_eq!(sessions::insert(within, &row, WIDE)?, Inserted::Taken);
        }
        let left = sessions::list(within, None, 10)?;
        assert_eq!(left, [session(1, "p_a")]);
        Ok(())
    })
    .unwrap();
}

fn sessions_are_bounded_and_the_oldest_of_a_person_makes_room(bench: &Bench<'_>) {
    let store = bench.open();
    let bounds = Bounds { all: 4, of_one: 2 };
    every(&store, move |within| {
        let made = |gone: &[u8]| Inserted::Made(gone.iter().map(|n| [*n; 32]).collect());
        for (number, principal, inserted) in [
            (1, "p_a", made(&[])),
            (2, "p_b", made(&[])),
            (3, "p_a", made(&[])),
            (4, "p_a", made(&[1])),
            (5, "p_b", made(&[])),
            (6, "p_c", Inserted::Full),
        ] {
            let row = session(number, principal);
            assert_eq!(sessions::insert(within, &row, bounds)?, inserted);
        }
        assert_eq!(digests(sessions::list(within, Some("p_a"), 10)?), [4, 3]);
        assert_eq!(sessions::count(within)?, 4);
        assert_eq!(sessions::list(within, None, 3)?.len(), 3);
        Ok(())
    })
    .unwrap();
}

fn sessions_end_one_by_one_by_person_and_by_the_providers_name(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        for (number, principal) in [(1, "p_a"), (2, "p_a"), (3, "p_b"), (4, "p_b"), (5, "p_c")] {
            let row = SessionRow {
                sid: (number >= 4).then_some([number; 32]),
                ..session(number, principal)
            };
            sessions::insert(within, &row, WIDE)?;
        }
        for (which, gone) in [
            (Which::Sid(&[4; 32]), &[4][..]),
            (Which::Sid(&[4; 32]), &[]),
            (Which::Sid(&[9; 32]), &[]),
            (Which::Digest(&[3; 32]), &[3]),
            (Which::Digest(&[3; 32]), &[]),
            (Which::Handle("handle-5"), &[5]),
            (Which::Handle("handle"), &[]),
            (Which::Principal("p_%"), &[]),
            (Which::Principal("p_a"), &[1, 2]),
        ] {
            let mut removed = sessions::remove(within, which)?;
            removed.sort_unstable();
            let expected: Vec<_> = gone.iter().map(|n| [*n; 32]).collect();
            assert_eq!(removed, expected, "{which:?}");
        }
        assert_eq!(sessions::count(within)?, 0);
        Ok(())
    })
    .unwrap();
}

fn a_tenant_sees_and_ends_its_own_sessions_and_no_others(bench: &Bench<'_>) {
    let store = bench.open();
    let of = |number: u8, tenant: &str| SessionRow {
        tenant: tenant.to_owned(),
        ..session(number, "p_a")
    };
    let (one, two) = (of(1, "practice-1"), of(2, "practice-2"));
    store
        .run(move |access| {
            let first = Tenant::named("practice-1").unwrap();
            let within = access.within(&first)?;
            sessions::insert(&within, &one, WIDE)?;
            let refused = sessions::insert(&within, &two, WIDE);
            assert_eq!(
                refused,
                Err(store::StoreError::OtherTenant { table: "session" })
            );
            let second = Tenant::named("practice-2").unwrap();
            sessions::insert(&access.within(&second)?, &two, WIDE)?;
            let within = access.within(&first)?;
            assert_eq!(digests(sessions::list(&within, None, 9)?), [1]);
            assert_eq!(sessions::get(&within, &[2; 32])?, None);
            assert_eq!(sessions::count(&within)?, 1);
            assert!(!sessions::touch(&within, &[2; 32], at(4))?);
            for which in [Which::Digest(&[2; 32]), Which::Handle("handle-2")] {
                assert!(sessions::remove(&within, which)?.is_empty());
            }
            let removed = sessions::remove(&within, Which::Principal("p_a"))?;
            assert_eq!(removed, [[1; 32]]);
            assert_eq!(sessions::sweep(&within, at(99_999), 0)?, 0);
            let everyone = Tenant::every();
            let within = access.within(&everyone)?;
            assert_eq!(digests(sessions::list(&within, None, 9)?), [2]);
            Ok(())
        })
        .unwrap();
}

fn ended_and_idle_sessions_are_swept_and_used_ones_are_not(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        sessions::insert(within, &session(1, "p_a"), WIDE)?;
        sessions::insert(within, &session(2, "p_a"), WIDE)?;
        // Used later than was stored before, and never earlier.
        for (seen, last) in [(1000, 1000), (900, 1000)] {
            assert!(sessions::touch(within, &[2; 32], at(seen))?);
            let row = sessions::get(within, &[2; 32])?.unwrap();
            assert_eq!(row.last_seen, at(last));
        }
        assert!(!sessions::touch(within, &[3; 32], at(5))?);
        // The first is idle from 1801 on, and 30 s later the others know.
        for (now, swept) in [(1830, 0), (1831, 1), (2829, 0), (2830, 1)] {
            assert_eq!(sessions::sweep(within, at(now), 30_000)?, swept, "{now}");
        }
        let row = SessionRow {
            last_seen: at(28_799),
            ..session(4, "p_a")
        };
        sessions::insert(within, &row, WIDE)?;
        for (now, swept) in [(28_799, 0), (28_800, 1)] {
            assert_eq!(sessions::sweep(within, at(now), 30_000)?, swept, "{now}");
        }
        Ok(())
    })
    .unwrap();
}

fn a_session_that_does_not_read_is_an_error(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        sessions::insert(within, &session(1, "p_a"), WIDE)
    })
    .unwrap();
    assert!(every(&store, |within| sessions::get(within, &[1; 32])).is_ok());
    bench.meddle("UPDATE session SET roles = 'admin'");
    assert_eq!(
        every(&store, |within| sessions::get(within, &[1; 32])),
        Err(store::StoreError::Unreadable { table: "session" })
    );
}

fn a_login_is_taken_once_and_by_the_browser_that_began_it(bench: &Bench<'_>) {
    let store = bench.open();
    store
        .run(|access| {
            assert!(logins::begin(access, &login(1, 5), 10)?);
            assert!(logins::begin(access, &login(2, 5), 10)?);
            assert!(!logins::begin(access, &login(2, 6), 10)?, "a state is new");
            let take =
                |state: u8, binding: u8| logins::take(access, &[state; 32], &[binding; 32], at(10));
            assert_eq!(take(1, 101)?, None);
            assert_eq!(take(3, 100)?, None);
            assert_eq!(take(1, 100)?, Some(login(1, 5)));
            assert_eq!(take(1, 100)?, None);
            assert_eq!(take(2, 100)?, Some(login(2, 5)));
            Ok(())
        })
        .unwrap();
}

fn of_answers_to_a_login_at_the_same_moment_one_counts(bench: &Bench<'_>) {
    let stores = [bench.open(), bench.open()];
    let first = &stores[0];
    first
        .run(|access| logins::begin(access, &login(1, 5), 10))
        .unwrap();
    let waiting: Vec<_> = (0..12)
        .zip(stores.iter().cycle())
        .map(|(_, store)| store.submit(|access| logins::take(access, &[1; 32], &[100; 32], at(6))))
        .collect();
    let taken = waiting.into_iter().map(|pending| pending.wait().unwrap());
    assert_eq!(taken.flatten().count(), 1);
}

fn logins_are_bounded_and_expire(bench: &Bench<'_>) {
    let store = bench.open();
    store
        .run(|access| {
            assert!(logins::begin(access, &login(1, 0), 2)?);
            assert!(logins::begin(access, &login(2, 1), 2)?);
            assert!(!logins::begin(access, &login(3, 599), 2)?);
            assert!(logins::begin(access, &login(3, 600), 2)?, "one has expired");
            let take = |state: u8, now| logins::take(access, &[state; 32], &[100; 32], at(now));
            assert_eq!(take(2, 601)?, None);
            assert_eq!(logins::sweep(access, at(599))?, 0);
            assert_eq!(logins::sweep(access, at(600))?, 1);
            assert_eq!(take(3, 1199)?, Some(login(3, 600)));
            Ok(())
        })
        .unwrap();
}
