//! Local accounts, on a file and on a server alike.

use store::{
    StoreError, Tenant,
    accounts::{self, AccountRow},
};

use crate::{
    at,
    bench::{Bench, on_both},
    every,
};

on_both! {
    an_account_reads_back_as_it_was_written,
    a_name_is_given_once,
    a_link_sets_one_password_once_and_in_time,
    of_two_with_one_link_at_the_same_moment_one_sets_the_password,
    a_reset_takes_the_password_and_the_earlier_link_away,
    a_password_is_stored_anew_only_where_it_is_still_the_same,
    an_account_is_disabled_and_enabled,
    an_account_is_removed_by_name_and_old_ones_of_one_tenant_by_age,
    a_tenant_sees_and_changes_its_own_accounts_and_no_others,
    an_account_that_does_not_read_is_an_error,
}

fn account(name: &str) -> AccountRow {
    AccountRow {
        name: name.to_owned(),
        password: None,
        claim: Some(([7; 32], at(100))),
        roles: vec!["admin".to_owned()],
        tenant: "default".to_owned(),
        created: at(1),
        changed: None,
        disabled: None,
    }
}

fn an_account_reads_back_as_it_was_written(bench: &Bench<'_>) {
    let store = bench.open();
    let full = AccountRow {
        password: Some("$argon2id$x".to_owned()),
        changed: Some(at(5)),
        disabled: Some(at(6)),
        claim: None,
        roles: vec![],
        ..account("b@a.example")
    };
    every(&store, move |within| {
        for row in [full, account("a")] {
            assert!(accounts::insert(within, &row)?);
            assert_eq!(accounts::get(within, &row.name)?, Some(row));
        }
        assert_eq!(accounts::get(within, "c")?, None);
        assert_eq!(accounts::count(within)?, 2);
        let listed = accounts::list(within, 10)?;
        let names: Vec<_> = listed.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["a", "b@a.example"]);
        assert_eq!(accounts::list(within, 1)?.len(), 1);
        Ok(())
    })
    .unwrap();
}

fn a_name_is_given_once(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        assert!(accounts::insert(within, &account("a"))?);
        let second = AccountRow {
            claim: None,
            ..account("a")
        };
        assert!(!accounts::insert(within, &second)?);
        Ok(())
    })
    .unwrap();
}

fn a_link_sets_one_password_once_and_in_time(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        accounts::insert(within, &account("a"))?;
        let other = AccountRow {
            claim: Some(([8; 32], at(100))),
            ..account("b")
        };
        accounts::insert(within, &other)?;
        assert_eq!(accounts::claimed_by(within, &[9; 32], at(50))?, None);
        assert_eq!(accounts::claimed_by(within, &[7; 32], at(100))?, None);
        let found = accounts::claimed_by(within, &[7; 32], at(99))?;
        assert_eq!(found.map(|row| row.name).as_deref(), Some("a"));
        assert!(!accounts::claim(within, &[9; 32], "hash", at(50))?);
        assert!(!accounts::claim(within, &[7; 32], "hash", at(100))?);
        assert!(accounts::claim(within, &[7; 32], "hash", at(99))?);
        assert!(!accounts::claim(within, &[7; 32], "other", at(99))?);
        let row = accounts::get(within, "a")?.unwrap();
        assert_eq!(
            (row.password.as_deref(), row.claim, row.changed),
            (Some("hash"), None, Some(at(99)))
        );
        assert_eq!(accounts::get(within, "b")?, Some(other));
        Ok(())
    })
    .unwrap();
}

fn of_two_with_one_link_at_the_same_moment_one_sets_the_password(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| accounts::insert(within, &account("a"))).unwrap();
    let set: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let store = &store;
                scope.spawn(move || {
                    every(store, move |within| {
                        accounts::claim(within, &[7; 32], &format!("hash {number}"), at(2))
                    })
                    .unwrap()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(set.iter().filter(|set| **set).count(), 1, "{set:?}");
}

fn a_reset_takes_the_password_and_the_earlier_link_away(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        accounts::insert(within, &account("a"))?;
        assert!(!accounts::reset(within, "b", &[8; 32], at(200))?);
        assert!(accounts::reset(within, "a", &[8; 32], at(200))?);
        assert!(!accounts::claim(within, &[7; 32], "hash", at(50))?);
        assert!(accounts::claim(within, &[8; 32], "hash", at(150))?);
        assert!(accounts::reset(within, "a", &[9; 32], at(300))?);
        let row = accounts::get(within, "a")?.unwrap();
        assert_eq!((row.password, row.changed), (None, None));
        assert_eq!(row.claim, Some(([9; 32], at(300))));
        Ok(())
    })
    .unwrap();
}

fn a_password_is_stored_anew_only_where_it_is_still_the_same(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        accounts::insert(within, &account("a"))?;
        accounts::claim(within, &[7; 32], "old", at(2))?;
        assert!(!accounts::rehash(within, "a", "another", "new")?);
        assert!(accounts::rehash(within, "a", "old", "new")?);
        let row = accounts::get(within, "a")?.unwrap();
        assert_eq!(row.password.as_deref(), Some("new"));
        assert_eq!(row.changed, Some(at(2)));
        Ok(())
    })
    .unwrap();
}

fn an_account_is_disabled_and_enabled(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        accounts::insert(within, &account("a"))?;
        assert!(!accounts::disable(within, "b", Some(at(9)))?);
        for disabled in [Some(at(9)), None] {
            assert!(accounts::disable(within, "a", disabled)?);
            let row = accounts::get(within, "a")?.unwrap();
            assert_eq!(row.disabled, disabled);
        }
        Ok(())
    })
    .unwrap();
}

fn a_tenant_sees_and_changes_its_own_accounts_and_no_others(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        accounts::insert(
            within,
            &AccountRow {
                tenant: "north".to_owned(),
                ..account("a")
            },
        )
    })
    .unwrap();
    let within = |tenant: &'static str, sees: bool| {
        store
            .run(move |access| {
                let tenant = Tenant::named(tenant).unwrap();
                let within = access.within(&tenant)?;
                assert_eq!(accounts::get(&within, "a")?.is_some(), sees);
                assert_eq!(accounts::list(&within, 10)?.len(), usize::from(sees));
                assert_eq!(accounts::disable(&within, "a", None)?, sees);
                assert_eq!(accounts::reset(&within, "a", &[1; 32], at(9))?, sees);
                assert_eq!(
                    accounts::claimed_by(&within, &[1; 32], at(2))?.is_some(),
                    sees
                );
                assert_eq!(accounts::claim(&within, &[1; 32], "x", at(2))?, sees);
                Ok(())
            })
            .unwrap();
    };
    within("south", false);
    within("north", true);
    let other = store.run(|access| {
        let tenant = Tenant::named("south").unwrap();
        let south = access.within(&tenant)?;
        let row = AccountRow {
            claim: None,
            ..account("b")
        };
        accounts::insert(&south, &row)
    });
    assert_eq!(other, Err(StoreError::OtherTenant { table: "account" }));
}

fn an_account_that_does_not_read_is_an_error(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| accounts::insert(within, &account("a"))).unwrap();
    bench.meddle("UPDATE account SET roles = 'admin'");
    let read = every(&store, |within| accounts::get(within, "a"));
    assert_eq!(read, Err(StoreError::Unreadable { table: "account" }));
}

fn an_account_is_removed_by_name_and_old_ones_of_one_tenant_by_age(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        for (name, tenant, created) in [("a", "p", 1), ("b", "p", 9), ("c", "default", 1)] {
            let row = AccountRow {
                tenant: tenant.to_owned(),
                created: at(created),
                claim: None,
                ..account(name)
            };
            assert!(accounts::insert(within, &row)?);
        }
        assert_eq!(accounts::sweep(within, at(100))?, 0, "bound to no tenant");
        Ok(())
    })
    .unwrap();
    let swept = store.run(|access| {
        let tenant = Tenant::named("p").unwrap();
        accounts::sweep(&access.within(&tenant)?, at(9))
    });
    assert_eq!(swept, Ok(1));
    every(&store, |within| {
        let listed = accounts::list(within, 10)?;
        let names: Vec<_> = listed.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["b", "c"]);
        assert!(accounts::remove(within, "c")?);
        assert!(!accounts::remove(within, "c")?);
        assert_eq!(accounts::count(within)?, 1);
        Ok(())
    })
    .unwrap();
}
