//! Sessions and logins under way, in the tables of a file, of a server and on Redis alike.

use std::{sync::Arc, time::Duration};

use control::SystemClock;
use store::{
    logins::LoginRow,
    sessions::{Bounds, Digest, Inserted, SessionRow},
    shared::Shared,
    visitors::{Ending, Visitors},
};

use crate::{
    at,
    bench::Bench,
    cluster::Cluster,
    people::{WIDE, digests, login, session},
    redis_server::RedisServer,
    shared::{options, runtime},
};

/// Runs `behaviour` on each, with two handles as two nodes have them.
fn on_all(behaviour: impl AsyncFn(Visitors, Visitors)) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let alone = || Shared::in_process(Arc::new(SystemClock::new()));
    let bench = Bench::File(folder);
    let node = |bench: &Bench<'_>| Visitors::new(bench.open(), alone());
    let file = node(&bench);
    runtime.block_on(behaviour(file.clone(), file));
    let cluster = Cluster::start();
    cluster.create("visitors");
    let server = Bench::Server(&cluster, "visitors");
    runtime.block_on(behaviour(node(&server), node(&server)));
    let server = RedisServer::start();
    let node = || {
        let options = options(&runtime, &server.url());
        let shared = runtime.block_on(Shared::connect(options)).unwrap();
        Visitors::new(bench.open(), shared)
    };
    let (one, other) = (node(), node());
    runtime.block_on(behaviour(one, other));
}

async fn insert(at_place: &Visitors, row: SessionRow) -> (Inserted, Vec<Digest>) {
    at_place.insert(row, None, WIDE, at(10)).await.unwrap()
}

async fn get(at_place: &Visitors, number: u8) -> Option<SessionRow> {
    at_place
        .get(vec![[number; 32]])
        .await
        .unwrap()
        .pop()
        .unwrap()
}

#[test]
fn a_session_reads_back_on_every_node_and_its_names_are_given_once() {
    on_all(async |one: Visitors, other: Visitors| {
        let full = SessionRow {
            display: Some(vec![0, 159, 146, 150]),
            sid: Some([9; 32]),
            roles: vec![],
            probe: true,
            ..session(1, "p_a")
        };
        let made = (Inserted::Made(vec![]), vec![]);
        assert_eq!(insert(&one, full.clone()).await, made);
        assert_eq!(insert(&one, session(2, "p_a")).await, made);
        assert_eq!(get(&other, 1).await, Some(full));
        assert_eq!(get(&other, 2).await, Some(session(2, "p_a")));
        let many = other.get(vec![[3; 32], [2; 32]]).await.unwrap();
        assert_eq!(many, [None, Some(session(2, "p_a"))]);
        let same_id = SessionRow {
            handle: "other".to_owned(),
            ..session(1, "p_b")
        };
        let same_handle = SessionRow {
            digest: [3; 32],
            ..session(1, "p_b")
        };
        for row in [same_id, same_handle] {
            assert_eq!(insert(&other, row).await.0, Inserted::Taken);
        }
        assert_eq!(digests(other.list(None, 10).await.unwrap()), [2, 1]);
    });
}

#[test]
fn sessions_have_bounds_and_make_room_for_one_another() {
    on_all(async |one: Visitors, other: Visitors| {
        let bounds = Bounds { all: 4, of_one: 2 };
        let made = |gone: &[u8]| Inserted::Made(gone.iter().map(|n| [*n; 32]).collect());
        for (number, principal, inserted) in [
            (1, "p_a", made(&[])),
            (2, "p_b", made(&[])),
            (3, "p_a", made(&[])),
            (4, "p_a", made(&[1])),
            (5, "p_b", made(&[])),
            (6, "p_c", Inserted::Full),
        ] {
            let node = if number % 2 == 0 { &one } else { &other };
            let row = session(number, principal);
            let (met, _) = node.insert(row, None, bounds, at(10)).await.unwrap();
            assert_eq!(met, inserted, "{number}");
        }
        let of = one.list(Some("p_a".to_owned()), 10).await.unwrap();
        assert_eq!(digests(of), [4, 3]);
        // A login in the browser of another session takes its place.
        let replaced = one.insert(session(7, "p_c"), Some([5; 32]), bounds, at(10));
        let (met, gone) = replaced.await.unwrap();
        assert!(matches!(met, Inserted::Made(_)), "{met:?}");
        assert_eq!(gone, [[5; 32]]);
        assert_eq!(get(&other, 5).await, None);
    });
}

#[test]
fn sessions_end_one_by_one_by_person_and_by_the_providers_name() {
    on_all(async |one: Visitors, other: Visitors| {
        for (number, principal) in [(1, "p_a"), (2, "p_a"), (3, "p_b"), (4, "p_b"), (5, "p_c")] {
            let row = SessionRow {
                sid: (number >= 4).then_some([number; 32]),
                ..session(number, principal)
            };
            insert(&one, row).await;
        }
        for (ending, gone) in [
            (Ending::Sid([4; 32]), &[4][..]),
            (Ending::Sid([4; 32]), &[]),
            (Ending::Digest([3; 32]), &[3]),
            (Ending::Digest([3; 32]), &[]),
            (Ending::Handle("handle-5".to_owned()), &[5]),
            (Ending::Handle("handle".to_owned()), &[]),
            (Ending::Principal("p_*".to_owned()), &[]),
            (Ending::Principal("p_a".to_owned()), &[1, 2]),
        ] {
            let mut removed = other.remove(ending.clone()).await.unwrap();
            removed.sort_unstable();
            let expected: Vec<_> = gone.iter().map(|n| [*n; 32]).collect();
            assert_eq!(removed, expected, "{ending:?}");
        }
        assert_eq!(one.list(None, 10).await.unwrap(), []);
        // Nothing of what they were called by is left behind.
        let again = SessionRow {
            sid: Some([4; 32]),
            ..session(4, "p_b")
        };
        assert_eq!(insert(&one, again).await.0, Inserted::Made(vec![]));
    });
}

#[test]
fn a_person_is_logged_out_of_what_had_begun() {
    on_all(async |one: Visitors, other: Visitors| {
        for (number, principal, created) in
            [(1, "p_a", 5), (2, "p_a", 6), (3, "p_a", 7), (4, "p_b", 5)]
        {
            let row = SessionRow {
                created: at(created),
                ..session(number, principal)
            };
            insert(&one, row).await;
        }
        let ending = Ending::Begun("p_a".to_owned(), at(6));
        let mut removed = other.remove(ending.clone()).await.unwrap();
        removed.sort_unstable();
        assert_eq!(removed, [[1; 32], [2; 32]]);
        // Said once more, it is true of nothing that began since.
        assert_eq!(other.remove(ending).await.unwrap(), [[0; 32]; 0]);
        let mut left = digests(one.list(None, 10).await.unwrap());
        left.sort_unstable();
        assert_eq!(left, [3, 4]);
    });
}

#[test]
fn uses_move_forward_alone_and_what_has_ended_goes() {
    on_all(async |one: Visitors, other: Visitors| {
        insert(&one, session(1, "p_a")).await;
        for (seen, last) in [(1000, 1000), (900, 1000)] {
            let uses = vec![([1; 32], at(seen)), ([3; 32], at(5))];
            other.touch(uses, at(1000)).await.unwrap();
            assert_eq!(get(&one, 1).await.unwrap().last_seen, at(last));
        }
        let short = SessionRow {
            ends: at(10).plus(Duration::from_millis(40)),
            ..session(2, "p_a")
        };
        insert(&one, short).await;
        for _ in 0..1000 {
            one.sweep(at(11), 30_000).await.unwrap();
            if get(&other, 2).await.is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(get(&other, 2).await, None);
        assert!(get(&other, 1).await.is_some());
        let listed = other.list(Some("p_a".to_owned()), 10).await.unwrap();
        assert_eq!(digests(listed), [1]);
    });
}

#[test]
fn a_login_is_taken_once_in_its_browser_and_in_time() {
    on_all(async |one: Visitors, other: Visitors| {
        assert_eq!(one.begin(login(1, 5), 3).await, Ok(true));
        assert_eq!(other.begin(login(2, 6), 3).await, Ok(true));
        assert_eq!(other.begin(login(2, 7), 3).await, Ok(false), "it is new");
        let take = async |node: &Visitors, state: u8, binding: u8, now| {
            node.take([state; 32], [binding; 32], at(now))
                .await
                .unwrap()
        };
        assert_eq!(take(&other, 1, 101, 10).await, None);
        assert_eq!(take(&other, 1, 100, 10).await, Some(login(1, 5)));
        assert_eq!(take(&one, 1, 100, 10).await, None);
        assert_eq!(take(&one, 2, 100, 606).await, None, "too late");
        for (number, begun) in [(3, true), (4, true), (5, true), (6, false)] {
            let met = one.begin(login(number, 700), 3).await;
            assert_eq!(met, Ok(begun), "{number}");
        }
        let both = [&one, &other, &one, &other].map(|node| node.take([3; 32], [100; 32], at(701)));
        let [a, b, c, d] = both;
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        let taken: Vec<LoginRow> = [a, b, c, d]
            .into_iter()
            .filter_map(Result::unwrap)
            .collect();
        assert_eq!(taken, [login(3, 700)]);
    });
}
