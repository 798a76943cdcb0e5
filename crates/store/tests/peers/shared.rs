//! What nodes share: in one process, and on a server that goes away and comes back.

use std::{sync::Arc, time::Duration};

use control::{Clock, Secret, SystemClock, clock::FixedClock};
use store::{
    Address, Roots, StoreError,
    address::Kind,
    shared::{MEMBERS_LIMIT, Name, Rate, Shared, Turns, VALUE_LIMIT, redis::Options},
};
use tokio::runtime::Runtime;

use crate::{at, authority::Authority, redis_server::RedisServer};

const LONG: Duration = Duration::from_secs(600);

/// A runtime of services, as a node has one.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn options(runtime: &Runtime, url: &str) -> Options {
    let url = Secret::new(url.as_bytes().to_vec());
    let address = Address::parse(Kind::Redis, &url).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Options::new(address, "test", clock, runtime.handle().clone())
}

fn name(text: &str) -> Name {
    Name::new("test", text).unwrap()
}

/// Runs `behaviour` on either, with two handles where there is something to share between nodes.
fn on_both(behaviour: impl AsyncFn(Shared, Shared)) {
    let runtime = runtime();
    let memory = Shared::in_process(Arc::new(SystemClock::new()));
    runtime.block_on(behaviour(memory.clone(), memory));
    let server = RedisServer::start();
    let node = || {
        runtime
            .block_on(Shared::connect(options(&runtime, &server.url())))
            .unwrap()
    };
    let (one, other) = (node(), node());
    runtime.block_on(behaviour(one, other));
}

#[test]
fn a_value_is_there_for_every_node_until_it_is_removed_or_ends() {
    on_both(async |one: Shared, other: Shared| {
        let bytes = [0, 255, b'\n', 7];
        assert_eq!(one.get(&name("a")).await, Ok(None));
        one.set(&name("a"), &bytes, LONG).await.unwrap();
        assert_eq!(other.get(&name("a")).await, Ok(Some(bytes.to_vec())));
        assert_eq!(other.get(&name("b")).await, Ok(None));
        assert_eq!(other.remove(&name("a")).await, Ok(true));
        assert_eq!(one.remove(&name("a")).await, Ok(false));
        assert_eq!(one.get(&name("a")).await, Ok(None));
        one.set(&name("a"), b"", Duration::from_millis(1))
            .await
            .unwrap();
        for _ in 0..5000 {
            if other.get(&name("a")).await.unwrap().is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the value does not end");
    });
}

#[test]
fn a_value_is_replaced_only_where_it_is_the_expected_one() {
    on_both(async |one: Shared, other: Shared| {
        let name = name("a");
        assert_eq!(one.replace(&name, Some(b""), b"1", LONG).await, Ok(false));
        assert_eq!(one.replace(&name, None, b"1", LONG).await, Ok(true));
        assert_eq!(other.replace(&name, None, b"2", LONG).await, Ok(false));
        assert_eq!(
            other.replace(&name, Some(b"=1"), b"2", LONG).await,
            Ok(false)
        );
        assert_eq!(other.replace(&name, Some(b"1"), b"", LONG).await, Ok(true));
        assert_eq!(one.replace(&name, None, b"3", LONG).await, Ok(false));
        assert_eq!(one.replace(&name, Some(b""), b"3", LONG).await, Ok(true));
        assert_eq!(other.get(&name).await, Ok(Some(b"3".to_vec())));
    });
}

#[test]
fn turns_are_granted_as_the_rate_says_and_counted_across_nodes() {
    on_both(async |one: Shared, other: Shared| {
        let rate = Rate::new(3, Duration::from_secs(10)).unwrap();
        let turn = async |node: &Shared, now| {
            let asked = [(name("a"), rate)];
            node.turns(&asked, at(now)).await.unwrap()
        };
        let wait = |seconds| Turns::Wait(0, Duration::from_secs(seconds));
        let granted = |seconds| Turns::Granted(vec![Duration::from_secs(seconds)]);
        for (node, ahead) in [(&one, 10), (&other, 20), (&one, 30)] {
            assert_eq!(turn(node, 1000).await, granted(ahead));
        }
        assert_eq!(turn(&other, 1000).await, wait(10));
        assert_eq!(turn(&one, 1004).await, wait(6));
        assert_eq!(turn(&one, 1010).await, granted(30));
        assert_eq!(turn(&other, 1010).await, wait(10));
        // A clock that was set back waits for a window at most.
        assert_eq!(turn(&one, 500).await, wait(10));
        assert_eq!(turn(&one, 2000).await, granted(10));
    });
}

#[test]
fn turns_that_are_asked_together_are_all_counted_or_none() {
    on_both(async |one: Shared, other: Shared| {
        let rate = |burst| Rate::new(burst, Duration::from_secs(10)).unwrap();
        let both = [(name("wide"), rate(3)), (name("narrow"), rate(1))];
        let seconds = Duration::from_secs;
        let granted = one.turns(&both, at(1000)).await.unwrap();
        assert_eq!(granted, Turns::Granted(vec![seconds(10), seconds(10)]));
        for _ in 0..3 {
            let refused = other.turns(&both, at(1000)).await.unwrap();
            assert_eq!(refused, Turns::Wait(1, seconds(10)));
        }
        // What was refused has not been counted for the other.
        let wide = [(name("wide"), rate(3))];
        let granted = one.turns(&wide, at(1000)).await.unwrap();
        assert_eq!(granted, Turns::Granted(vec![seconds(20)]));
    });
}

#[test]
fn a_set_has_the_members_that_were_put_in_and_have_not_ended() {
    on_both(async |one: Shared, other: Shared| {
        let set = Name::new("user", "u").unwrap();
        let members = async |now| {
            let mut found = other.members(&set, at(now)).await.unwrap();
            found.sort();
            found
        };
        assert_eq!(members(0).await, []);
        for (member, ends) in [("a", 100), ("b", 200), ("a", 150)] {
            let put = one.enlist(&set, &name(member), at(ends), at(10)).await;
            assert_eq!(put, Ok(true));
        }
        assert_eq!(members(149).await, [name("a"), name("b")]);
        assert_eq!(members(150).await, [name("b")]);
        assert_eq!(one.strike(&set, &name("b")).await, Ok(true));
        assert_eq!(other.strike(&set, &name("b")).await, Ok(false));
        assert_eq!(members(20).await, [name("a")]);
    });
}

#[test]
fn a_set_is_full_at_its_limit_until_a_member_ends() {
    on_both(async |one: Shared, _: Shared| {
        let set = name("set");
        for number in 0..MEMBERS_LIMIT {
            let member = name(&number.to_string());
            assert_eq!(one.enlist(&set, &member, at(100), at(10)).await, Ok(true));
        }
        assert_eq!(
            one.enlist(&set, &name("x"), at(100), at(10)).await,
            Ok(false)
        );
        assert_eq!(
            one.enlist(&set, &name("0"), at(200), at(10)).await,
            Ok(true)
        );
        assert_eq!(
            one.enlist(&set, &name("x"), at(200), at(100)).await,
            Ok(true)
        );
        assert_eq!(one.members(&set, at(100)).await.unwrap().len(), 2);
    });
}

#[test]
fn a_revision_changes_for_every_node_when_one_revises() {
    on_both(async |one: Shared, other: Shared| {
        let before = one.revision(&name("keys")).await.unwrap();
        assert_eq!(other.revision(&name("keys")).await, Ok(before));
        let after = other.revise(&name("keys")).await.unwrap();
        assert_ne!(before, after);
        assert_eq!(one.revision(&name("keys")).await, Ok(after));
        let own = one.revision(&name("sessions")).await.unwrap();
        one.revise(&name("keys")).await.unwrap();
        assert_eq!(one.revision(&name("sessions")).await, Ok(own));
    });
}

#[test]
fn a_server_remembers_since_its_start_even_if_it_reads_back_what_it_stored() {
    let (runtime, mut server) = (runtime(), RedisServer::start());
    server.kill();
    server.set("appendonly", "yes");
    server.set("appendfsync", "always");
    server.up();
    let connect = || {
        let shared = Shared::connect(options(&runtime, &server.url()));
        runtime.block_on(shared).unwrap()
    };
    let since = |shared: &Shared| runtime.block_on(shared.remembers_since()).unwrap().unwrap();
    let shared = connect();
    let first = since(&shared);
    assert_eq!(since(&connect()), first);
    runtime
        .block_on(shared.set(&name("a"), b"1", LONG))
        .unwrap();
    drop(shared);
    server.kill();
    server.up();
    let again = {
        let shared = Shared::connect(options(&runtime, &server.url()));
        runtime.block_on(shared).unwrap()
    };
    let kept = runtime.block_on(again.get(&name("a")));
    assert_eq!(kept, Ok(Some(b"1".to_vec())), "it was stored");
    assert!(since(&again) > first);
    let alone = Shared::in_process(Arc::new(SystemClock::new()));
    assert_eq!(runtime.block_on(alone.remembers_since()), Ok(None));
}

#[test]
fn values_that_are_too_long_are_refused() {
    on_both(async |one: Shared, _: Shared| {
        let longest = vec![b'a'; VALUE_LIMIT];
        assert_eq!(one.set(&name("a"), &longest, LONG).await, Ok(()));
        let longer = vec![b'a'; VALUE_LIMIT + 1];
        assert_eq!(
            one.set(&name("a"), &longer, LONG).await,
            Err(StoreError::TooLong)
        );
        let replaced = one.replace(&name("a"), Some(&longest), &longer, LONG).await;
        assert_eq!(replaced, Err(StoreError::TooLong));
    });
}

#[test]
fn deployments_on_one_server_do_not_see_each_other() {
    let (runtime, server) = (runtime(), RedisServer::start());
    let node = |deployment: &str| {
        let mut options = options(&runtime, &server.url());
        options.deployment = deployment.to_owned();
        runtime.block_on(Shared::connect(options)).unwrap()
    };
    let (one, other) = (node("one"), node("other"));
    runtime.block_on(async {
        one.set(&name("a"), b"1", LONG).await.unwrap();
        assert_eq!(other.get(&name("a")).await, Ok(None));
        assert_eq!(one.get(&name("a")).await, Ok(Some(b"1".to_vec())));
    });
}

#[test]
fn a_server_that_is_away_is_an_error_and_asked_again_after_a_pause() {
    let (runtime, mut server) = (runtime(), RedisServer::start());
    let clock = FixedClock::at(at(1));
    let mut options = options(&runtime, &server.url());
    options.clock = Arc::new(clock.clone());
    let longest = options.patience.longest;
    let shared = runtime.block_on(Shared::connect(options)).unwrap();
    let set = || runtime.block_on(shared.set(&name("a"), b"1", LONG));
    let revision = || runtime.block_on(shared.revision(&name("keys")));
    assert_eq!(set(), Ok(()));
    let before = revision().unwrap();
    server.kill();
    let first = set().unwrap_err();
    assert!(
        ["store.lost", "store.unreachable"].contains(&first.code()),
        "{first}"
    );
    let then = set().unwrap_err();
    assert_eq!(then.code(), "store.unreachable", "{then}");
    server.up();
    assert_eq!(set().unwrap_err(), then, "the pause is not over");
    clock.advance(longest);
    assert_eq!(runtime.block_on(shared.get(&name("a"))), Ok(None));
    assert_eq!(set(), Ok(()));
    // It has lost its memory, and says so.
    assert_ne!(revision().unwrap(), before);
}

#[test]
fn a_server_that_hangs_is_given_up_in_time() {
    let (runtime, server) = (runtime(), RedisServer::start());
    let mut options = options(&runtime, &server.url());
    options.patience.statement = Duration::from_millis(300);
    options.patience.connect = Duration::from_millis(300);
    options.patience.first = Duration::from_millis(1);
    options.patience.longest = Duration::from_millis(1);
    let shared = runtime.block_on(Shared::connect(options)).unwrap();
    server.hang(true);
    let waited = runtime.block_on(shared.ping()).unwrap_err();
    assert_eq!(waited.code(), "store.slow", "{waited}");
    assert_eq!(
        runtime.block_on(shared.ping()).unwrap_err().code(),
        "store.unreachable"
    );
    server.hang(false);
    for _ in 0..1000 {
        if runtime.block_on(shared.ping()).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the server does not come back");
}

#[test]
fn servers_that_cannot_be_trusted_to_keep_values_are_refused() {
    let (runtime, mut server) = (runtime(), RedisServer::start());
    let connect = |url: &str| {
        runtime
            .block_on(Shared::connect(options(&runtime, url)))
            .map(drop)
    };
    let url = server.url();
    assert_eq!(connect(&url), Ok(()));
    for wrong in [
        url.replace("p%40ss", "s3cret"),
        url.replace("vouchsafe:p%40ss%2Fw%3Ard@", ""),
    ] {
        let error = connect(&wrong).unwrap_err();
        assert_eq!(error.code(), "store.denied", "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
    server.kill();
    server.set("maxmemory", "100mb");
    server.set("maxmemory-policy", "allkeys-lru");
    server.up();
    assert_eq!(connect(&url).unwrap_err().code(), "store.forgetful");
    server.kill();
    server.set("maxmemory-policy", "noeviction");
    server.up();
    assert_eq!(connect(&url), Ok(()));
}

#[test]
fn only_a_redis_with_the_right_certificate_is_told_the_password() {
    let (runtime, ours, other) = (runtime(), Authority::new(), Authority::new());
    let (certificate, key) = ours.sign("localhost");
    let server = RedisServer::with_tls(&certificate, &key);
    let connect = |host: &str, authority: &Authority| {
        let url = format!(
            "rediss://vouchsafe:p%40ss%2Fw%3Ard@{host}:{}/1",
            server.port()
        );
        let mut options = options(&runtime, &url);
        options.roots = Some(Roots::from_pem(authority.pem().as_bytes()).unwrap());
        runtime.block_on(async { Shared::connect(options).await?.ping().await })
    };
    assert_eq!(connect("localhost", &ours), Ok(()));
    for refused in [connect("localhost", &other), connect("127.0.0.1", &ours)] {
        let error = refused.unwrap_err();
        assert_eq!(error.code(), "store.untrusted", "{error}");
    }
    // Plain text to a server of TLS leads nowhere.
    let plain = runtime.block_on(Shared::connect(options(&runtime, &server.url())));
    assert_eq!(plain.unwrap_err().code(), "store.unreachable");
}
