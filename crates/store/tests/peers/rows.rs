//! The rows of both tables and the rules they keep, on a file and on a server alike.

mod claims;

use store::{StoreError, Tenant, keys, keys::KeyRow};

use self::claims::{
    a_done_delivery_stays_done,
    a_lease_given_before_the_clock_was_set_back_holds_no_longer_than_a_new_one,
    a_lease_lost_in_a_crash_is_claimed_again_under_its_id,
    a_released_delivery_is_forwarded_again_under_its_id,
    a_second_delivery_waits_while_the_first_is_in_flight,
    an_attempt_that_lost_its_lease_cannot_release_the_next_but_can_say_done,
    an_expired_row_counts_as_gone_whether_or_not_it_was_swept,
    of_claims_at_the_same_moment_one_is_fresh,
    other_sources_and_other_digests_are_other_deliveries,
    rows_without_an_end_are_kept_until_their_source_is_forgotten,
};
use crate::{
    at,
    bench::{Bench, on_both},
    every, key,
};

on_both! {
    a_key_reads_back_as_it_was_written,
    an_id_is_given_once,
    the_first_revocation_is_the_one_that_counts,
    last_use_never_moves_back,
    only_keys_made_for_proofs_are_ever_removed,
    a_second_delivery_waits_while_the_first_is_in_flight,
    a_lease_given_before_the_clock_was_set_back_holds_no_longer_than_a_new_one,
    a_done_delivery_stays_done,
    a_released_delivery_is_forwarded_again_under_its_id,
    a_lease_lost_in_a_crash_is_claimed_again_under_its_id,
    an_attempt_that_lost_its_lease_cannot_release_the_next_but_can_say_done,
    other_sources_and_other_digests_are_other_deliveries,
    an_expired_row_counts_as_gone_whether_or_not_it_was_swept,
    rows_without_an_end_are_kept_until_their_source_is_forgotten,
    a_row_that_does_not_read_is_an_error,
    a_tenant_sees_and_changes_its_own_keys_and_no_others,
    a_change_by_another_changes_the_data_version_and_a_use_does_not,
    of_claims_at_the_same_moment_one_is_fresh,
}

fn a_key_reads_back_as_it_was_written(bench: &Bench<'_>) {
    let store = bench.open();
    let row = KeyRow {
        last_used: Some(at(5)),
        revoked: Some(at(6)),
        ..key("a", true, Some(9))
    };
    let expected = row.clone();
    let read = every(&store, move |within| {
        keys::insert(within, &row)?;
        keys::get(within, "a")
    });
    assert_eq!(read, Ok(Some(expected)));
    assert_eq!(every(&store, |within| keys::get(within, "b")), Ok(None));
}

fn an_id_is_given_once(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        assert!(keys::insert(within, &key("a", false, None))?);
        assert!(!keys::insert(within, &key("a", false, Some(9)))?);
        assert_eq!(keys::get(within, "a")?.unwrap().expires, None);
        Ok(())
    })
    .unwrap();
}

fn the_first_revocation_is_the_one_that_counts(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        keys::insert(within, &key("a", false, None))?;
        keys::insert(within, &key("b", false, None))?;
        assert!(keys::revoke(within, "a", at(5))?);
        assert!(keys::revoke(within, "a", at(9))?);
        assert!(!keys::revoke(within, "c", at(9))?);
        assert_eq!(keys::get(within, "a")?.unwrap().revoked, Some(at(5)));
        assert_eq!(keys::get(within, "b")?.unwrap().revoked, None);
        Ok(())
    })
    .unwrap();
}

fn last_use_never_moves_back(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        keys::insert(within, &key("a", false, None))?;
        for (used, last) in [(5, 5), (9, 9), (7, 9)] {
            assert!(keys::touch(within, "a", at(used))?);
            assert_eq!(keys::get(within, "a")?.unwrap().last_used, Some(at(last)));
        }
        assert!(!keys::touch(within, "b", at(9))?);
        Ok(())
    })
    .unwrap();
}

fn only_keys_made_for_proofs_are_ever_removed(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        keys::insert(within, &key("real", false, Some(5)))?;
        keys::insert(within, &key("revoked", false, None))?;
        keys::insert(within, &key("ended", true, Some(5)))?;
        keys::insert(within, &key("running", true, Some(6)))?;
        keys::revoke(within, "revoked", at(4))?;
        let count = |probe| keys::count(within, probe);
        assert_eq!((count(false)?, count(true)?), (1, 2));
        assert_eq!(keys::sweep_probes(within, at(5))?, 1);
        assert_eq!((count(false)?, count(true)?), (1, 1));
        keys::revoke(within, "running", at(5))?;
        assert_eq!(keys::sweep_probes(within, at(5))?, 1);
        let left: Vec<_> = keys::list(within)?.into_iter().map(|row| row.id).collect();
        assert_eq!(left, ["real", "revoked"]);
        Ok(())
    })
    .unwrap();
}

fn a_row_that_does_not_read_is_an_error(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        keys::insert(within, &key("a", false, None))
    })
    .unwrap();
    assert_eq!(every(&store, keys::list).unwrap().len(), 1);
    bench.meddle("UPDATE api_key SET scopes = 'GET /api'");
    assert_eq!(
        every(&store, keys::list),
        Err(StoreError::Unreadable { table: "api_key" })
    );
}

fn a_tenant_sees_and_changes_its_own_keys_and_no_others(bench: &Bench<'_>) {
    let store = bench.open();
    let of = |id: &str, tenant: &str| KeyRow {
        tenant: tenant.to_owned(),
        ..key(id, true, Some(5))
    };
    let (one, two) = (of("1", "school-1"), of("2", "school-2"));
    let ids = |rows: Vec<KeyRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    store
        .run(move |access| {
            let (first, second) = (
                Tenant::named("school-1").unwrap(),
                Tenant::named("school-2"),
            );
            let within = access.within(&first)?;
            assert!(keys::insert(&within, &one)?);
            let refused = keys::insert(&within, &two);
            assert_eq!(refused, Err(StoreError::OtherTenant { table: "api_key" }));
            let second = second.unwrap();
            assert!(keys::insert(&access.within(&second)?, &two)?);
            let within = access.within(&first)?;
            assert_eq!(ids(keys::list(&within)?), ["1"]);
            assert_eq!(keys::get(&within, "2")?, None);
            assert_eq!(keys::count(&within, true)?, 1);
            assert!(!keys::revoke(&within, "2", at(4))?);
            assert!(!keys::touch(&within, "2", at(4))?);
            assert!(keys::revoke(&within, "1", at(4))? && keys::touch(&within, "1", at(4))?);
            assert_eq!(keys::sweep_probes(&within, at(9))?, 1);
            let everyone = Tenant::every();
            assert_eq!(ids(keys::list(&access.within(&everyone)?)?), ["2"]);
            Ok(())
        })
        .unwrap();
}

fn a_change_by_another_changes_the_data_version_and_a_use_does_not(bench: &Bench<'_>) {
    let store = bench.open();
    every(&store, |within| {
        keys::insert(within, &key("a", false, None))
    })
    .unwrap();
    let before = store.data_version().wait().unwrap();
    assert_eq!(store.data_version().wait().unwrap(), before);
    every(&store, |within| keys::touch(within, "a", at(5))).unwrap();
    assert_eq!(store.data_version().wait().unwrap(), before);
    bench.meddle("UPDATE api_key SET revoked = 5");
    assert_ne!(store.data_version().wait().unwrap(), before);
}
