//! The store on a server that others use as well, that goes away and that comes back.

use std::{thread, time::Duration};

use control::clock::FixedClock;
use store::{Store, StoreError, keys, postgres::Patience, replay};

use crate::{at, cluster::Cluster, every, key, options};

/// How long a test lets the store wait.
const SHORT: Duration = Duration::from_millis(700);

fn insert(store: &Store, id: &str) -> Result<bool, StoreError> {
    let row = key(id, false, None);
    every(store, move |within| keys::insert(within, &row))
}

fn count(store: &Store) -> Result<u64, StoreError> {
    every(store, |within| keys::count(within, false))
}

/// Asks until the store answers; it may be in a pause between two attempts.
fn until_there(store: &Store) -> u64 {
    for _ in 0..500 {
        if let Ok(count) = count(store) {
            return count;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("the store does not come back: {:?}", count(store));
}

#[test]
fn nodes_that_start_together_bring_the_schema_forward_once() {
    let cluster = Cluster::start();
    let url = cluster.url("vouchsafe");
    let nodes: Vec<_> = (0..6)
        .map(|_| {
            let options = options(&url);
            thread::spawn(move || Store::connect(&options).map(drop))
        })
        .collect();
    for node in nodes {
        node.join().unwrap().unwrap();
    }
    let version = "SELECT version FROM vouchsafe.schema_version";
    // One node alone, on a database of its own.
    cluster.create("alone");
    drop(Store::connect(&options(&cluster.url_of("vouchsafe", "alone"))).unwrap());
    let alone = cluster.sql_in("alone", "postgres", version).unwrap();
    assert_eq!(cluster.sql(version), alone);
}

#[test]
fn databases_that_are_not_for_this_build_are_refused_and_left_alone() {
    let cluster = Cluster::start();
    let refused = || {
        let refused = Store::connect(&options(&cluster.url("vouchsafe")));
        refused.unwrap_err().code()
    };
    cluster.sql(
        "CREATE SCHEMA vouchsafe AUTHORIZATION vouchsafe; CREATE TABLE vouchsafe.theirs (a int)",
    );
    assert_eq!(refused(), "store.foreign");
    cluster.sql("DROP TABLE vouchsafe.theirs");
    drop(Store::connect(&options(&cluster.url("vouchsafe"))).unwrap());
    for (sql, mended, code) in [
        (
            "UPDATE vouchsafe.schema_version SET version = version + 1",
            "UPDATE vouchsafe.schema_version SET version = version - 1",
            "store.newer",
        ),
        (
            "UPDATE vouchsafe.schema_version SET application = 7",
            "UPDATE vouchsafe.schema_version SET application = 1450403429",
            "store.foreign",
        ),
        (
            "ALTER TABLE vouchsafe.api_key NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE vouchsafe.api_key FORCE ROW LEVEL SECURITY",
            "store.unguarded",
        ),
        (
            "ALTER ROLE vouchsafe BYPASSRLS",
            "ALTER ROLE vouchsafe NOBYPASSRLS",
            "store.unbound",
        ),
    ] {
        cluster.sql(sql);
        assert_eq!(refused(), code);
        cluster.sql(mended);
        assert!(
            Store::connect(&options(&cluster.url("vouchsafe"))).is_ok(),
            "{mended}"
        );
    }
}

#[test]
fn who_is_not_let_in_is_told_why_without_the_password() {
    let cluster = Cluster::start();
    let right = cluster.url("vouchsafe");
    for (url, code) in [
        (right.replace("p%40ss", "wrong"), "store.denied"),
        (right.replace("/vouchsafe", "/nowhere"), "store.denied"),
        (right.replace(":p%40ss%2Fw%3Ard@", "@"), "store.denied"),
        (right.replace("%2Ftmp", "%2Fnowhere"), "store.unreachable"),
        (cluster.url("root"), "store.unbound"),
    ] {
        let error = Store::connect(&options(&url)).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let said = format!("{error} {error:?} {}", error.hint());
        assert!(!said.contains("wrong") && !said.contains("p@ss"), "{said}");
    }
    assert!(Store::connect(&options(&right)).is_ok());
}

#[test]
fn row_level_security_holds_where_no_statement_names_a_tenant() {
    let cluster = Cluster::start();
    let store = Store::connect(&options(&cluster.url("vouchsafe"))).unwrap();
    insert(&store, "a").unwrap();
    // The owner of the table, who is bound as well.
    let ask = |sql: &str| {
        let sql = format!("SET search_path = vouchsafe; {sql}");
        cluster.sql_as("vouchsafe", &sql)
    };
    let count = "SELECT count(*) FROM api_key";
    assert_eq!(ask(count).unwrap(), "0");
    let bound = |tenant: &str, sql: &str| ask(&format!("SET vouchsafe.tenant = '{tenant}'; {sql}"));
    assert_eq!(bound("default", count).unwrap(), "1");
    assert_eq!(bound("other", count).unwrap(), "0");
    assert_eq!(bound("*", count).unwrap(), "1");
    let moved = bound("default", "UPDATE api_key SET tenant = 'other'");
    assert!(moved.unwrap_err().contains("row-level security"));
    assert!(bound("default", "UPDATE api_key SET tenant = 'default'").is_ok());
}

#[test]
fn what_binds_one_transaction_does_not_bind_the_next() {
    let cluster = Cluster::start();
    let mut options = options(&cluster.url("vouchsafe"));
    options.connections = std::num::NonZero::new(1).unwrap();
    let store = Store::connect(&options).unwrap();
    insert(&store, "a").unwrap();
    assert_eq!(every(&store, keys::list).unwrap().len(), 1);
    let other = store::Tenant::named("other").unwrap();
    let seen = store.run(move |access| keys::list(&access.within(&other)?));
    assert_eq!(seen, Ok(vec![]));
    assert_eq!(every(&store, keys::list).unwrap().len(), 1);
}

#[test]
fn a_user_who_owns_nothing_works_and_cannot_take_the_guard_off() {
    let cluster = Cluster::start();
    let mut gate = options(&cluster.url("gate"));
    let alone = Store::connect(&gate).unwrap_err();
    assert_eq!(alone.code(), "store.older", "{alone}");
    gate.owner = Some(options(&cluster.url("vouchsafe")).address);
    let store = Store::connect(&gate).unwrap();
    assert_eq!(insert(&store, "a"), Ok(true));
    assert_eq!(store.data_version().wait(), Ok(1));
    for sql in [
        "ALTER TABLE vouchsafe.api_key DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON vouchsafe.api_key",
        "TRUNCATE vouchsafe.api_key",
        "UPDATE vouchsafe.schema_version SET version = 9",
    ] {
        assert!(cluster.sql_as("gate", sql).is_err(), "{sql}");
    }
    // With the schema there, the owner is no longer needed.
    gate.owner = None;
    assert_eq!(count(&Store::connect(&gate).unwrap()), Ok(1));
}

#[test]
fn a_transaction_with_a_failed_statement_is_never_called_committed() {
    let cluster = Cluster::start();
    let store = Store::connect(&options(&cluster.url("vouchsafe"))).unwrap();
    cluster.sql("REVOKE ALL ON vouchsafe.replay FROM vouchsafe");
    let row = key("a", false, None);
    let swallowed = every(&store, move |within| {
        keys::insert(within, &row)?;
        Ok(())
    });
    assert_eq!(swallowed, Ok(()));
    let row = key("b", false, None);
    let swallowed = store.run(move |access| {
        keys::insert(&access.within(&store::Tenant::every())?, &row)?;
        let _ = replay::sweep(access, at(1));
        Ok(())
    });
    assert_eq!(swallowed.unwrap_err().code(), "store.denied");
    assert_eq!(count(&store), Ok(1));
}

#[test]
fn a_line_that_died_while_nobody_used_it_is_made_anew() {
    let cluster = Cluster::start();
    let store = Store::connect(&options(&cluster.url("vouchsafe"))).unwrap();
    for round in 0..6 {
        let ended = cluster.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name = 'vouchsafe'",
        );
        assert_eq!(ended == "0", round == 0, "{ended}");
        assert_eq!(insert(&store, &format!("{round}")), Ok(true));
    }
    assert_eq!(store.failing(), None);
}

#[test]
fn a_server_that_is_away_is_an_error_at_once_and_asked_again_after_a_pause() {
    let mut cluster = Cluster::start();
    let clock = FixedClock::at(at(1));
    let mut options = options(&cluster.url("vouchsafe"));
    options.clock = std::sync::Arc::new(clock.clone());
    let store = Store::connect(&options).unwrap();
    assert_eq!(insert(&store, "a"), Ok(true));
    cluster.kill();
    for _ in 0..3 {
        let error = insert(&store, "b").unwrap_err();
        assert_eq!(error.code(), "store.unreachable", "{error}");
        assert_eq!(store.failing(), Some(error));
    }
    cluster.up();
    // Nobody has asked the server since: the pause is not over.
    assert_eq!(insert(&store, "b").unwrap_err().code(), "store.unreachable");
    clock.advance(Patience::default().longest);
    assert_eq!(insert(&store, "b"), Ok(true));
    assert_eq!((store.failing(), count(&store)), (None, Ok(2)));
}

#[test]
fn a_server_that_hangs_is_given_up_in_time_and_holds_nothing_back_later() {
    let cluster = Cluster::start();
    let mut options = options(&cluster.url("vouchsafe"));
    options.patience.statement = SHORT;
    options.patience.connect = SHORT;
    options.patience.longest = Duration::from_millis(100);
    options.connections = std::num::NonZero::new(1).unwrap();
    let store = Store::connect(&options).unwrap();
    assert_eq!(insert(&store, "a"), Ok(true));
    cluster.hang(true);
    // A line in use is given up; then no new one comes about.
    let first = insert(&store, "b").unwrap_err().code();
    assert!(
        ["store.slow", "store.unreachable"].contains(&first),
        "{first}"
    );
    let then = insert(&store, "b").unwrap_err().code();
    assert_eq!(then, "store.unreachable");
    cluster.hang(false);
    until_there(&store);
    assert_eq!(insert(&store, "c"), Ok(true));
}

#[test]
fn whoever_waits_too_long_for_a_row_is_told_that_others_hold_it() {
    let cluster = Cluster::start();
    let mut options = options(&cluster.url("vouchsafe"));
    options.patience.statement = SHORT;
    let store = Store::connect(&options).unwrap();
    assert_eq!(insert(&store, "a"), Ok(true));
    // Another node, which takes its time.
    options.patience.statement = Duration::from_secs(60);
    let other = Store::connect(&options).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (entered, inside) = std::sync::mpsc::channel();
    let holder = other.submit(move |access| {
        let every = store::Tenant::every();
        keys::revoke(&access.within(&every)?, "a", at(5))?;
        entered.send(()).unwrap();
        let _ = held.recv();
        Ok(())
    });
    inside.recv().unwrap();
    let waited = every(&store, |within| keys::revoke(within, "a", at(6)));
    let code = waited.unwrap_err().code();
    assert!(["store.contended", "store.slow"].contains(&code), "{code}");
    drop(release);
    holder.wait().unwrap();
    let row = every(&store, |within| keys::get(within, "a"));
    assert_eq!(row.unwrap().unwrap().revoked, Some(at(5)));
}

#[test]
fn a_server_that_takes_no_writes_is_named() {
    let cluster = Cluster::start();
    let store = Store::connect(&options(&cluster.url("vouchsafe"))).unwrap();
    cluster.sql("ALTER ROLE vouchsafe SET default_transaction_read_only = on");
    cluster.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'vouchsafe'",
    );
    assert_eq!(insert(&store, "a").unwrap_err().code(), "store.read-only");
    cluster.sql("ALTER ROLE vouchsafe RESET default_transaction_read_only");
    assert_eq!(insert(&store, "a"), Ok(true));
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_server_is_killed_in_the_middle() {
    let mut cluster = Cluster::durable();
    let store = Store::connect(&options(&cluster.url("vouchsafe"))).unwrap();
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let store = store.clone();
            thread::spawn(move || {
                let ids = (0..100_000).map(|number| format!("{writer}-{number:05}"));
                ids.take_while(|id| insert(&store, id) == Ok(true))
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    for _ in 0..1000 {
        if store.commits() > 60 {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    cluster.kill();
    let kept = writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap());
    let mut kept: Vec<String> = kept.collect();
    assert!(kept.len() > 60, "{}", kept.len());
    cluster.up();
    until_there(&store);
    let rows = every(&store, keys::list).unwrap();
    let mut stored: Vec<String> = rows.into_iter().map(|row| row.id).collect();
    stored.sort();
    kept.sort();
    kept.retain(|id| stored.binary_search(id).is_err());
    assert_eq!(kept, Vec::<String>::new());
}
