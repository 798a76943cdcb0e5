use std::{net::IpAddr, sync::Arc, time::Duration};

use control::{Rng, Secret, SystemClock, Timestamp, rng::CountingRng};
use store::{Store, shared::Shared};

use super::{service::PROBE_LIFE, *};
use crate::{
    lockout::{Lockout, Origin, Rules, Subject},
    password::{Documented, Weakness, hash::Cost},
};

const GOOD: &str = "copper lantern walks slowly";
/// How long a link is good here, in seconds.
const LINK: i64 = 3600;
const OTHER: &str = "tram-violin-october-sand";

struct House {
    accounts: Accounts,
    door: Door,
    lockout: Lockout,
    rng: Arc<dyn Rng>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds)
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn terms(place: &[&str]) -> Terms {
    Terms {
        link: Duration::from_secs(3600),
        shortest: 12,
        documented: Documented::default(),
        place: place.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn client(address: &str) -> Origin {
    Origin::Client(address.parse::<IpAddr>().unwrap())
}

impl House {
    fn new(cost: Cost) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("vouchsafe.db")).unwrap();
        let rng: Arc<dyn Rng> = Arc::new(CountingRng::from_seed(3));
        let accounts = Accounts::new(store, cost, terms(&["Helpline Zuid"]));
        let shared = Shared::in_process(Arc::new(SystemClock::new()));
        let lockout = Lockout::new(shared, Rules::default(), Rules::default());
        Self {
            door: Door::new(accounts.clone(), lockout.clone(), Arc::clone(&rng)),
            accounts,
            lockout,
            rng,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            _folder: folder,
        }
    }

    fn add(&self, name: &str) -> Made {
        let wish = NewAccount {
            name: name.to_owned(),
            roles: vec!["supervisor".to_owned()],
            tenant: "default".to_owned(),
        };
        self.accounts.add(wish, at(0), &*self.rng).unwrap()
    }

    fn claim(&self, made: &Made, password: &str, now: i64) -> Result<AccountName, ClaimRefusal> {
        let link = secret(made.link.expose());
        let (owner, now) = (Owner::Person, at(now));
        self.accounts.claim(&link, password, owner, now, &*self.rng)
    }

    fn sign_in(&self, name: &str, password: &str, address: &str) -> Result<SignedIn, Refused> {
        let signing_in = self.door.sign_in(name, password, client(address), at(10));
        self.runtime.block_on(signing_in)
    }

    /// The reason of a refusal.
    fn refused(&self, name: &str, password: &str, address: &str) -> SignInRefusal {
        self.sign_in(name, password, address).unwrap_err().refusal
    }
}

#[test]
fn an_account_is_made_claimed_and_signed_in_to() {
    let house = House::new(Cost::least());
    let made = house.add("Ann@Helpline.example");
    assert_eq!(made.name.as_str(), "ann@helpline.example");
    assert_eq!(
        house.refused("ann@helpline.example", GOOD, "192.0.2.1"),
        SignInRefusal::Unclaimed
    );
    assert_eq!(house.claim(&made, GOOD, 5).unwrap(), made.name);
    let signed_in = house
        .sign_in("ANN@helpline.example", GOOD, "192.0.2.1")
        .unwrap();
    assert_eq!(&*signed_in.name, "ann@helpline.example");
    assert_eq!(
        (signed_in.roles, signed_in.tenant.as_str()),
        (vec!["supervisor".to_owned()], "default")
    );
    let listed = house.accounts.list().unwrap();
    assert_eq!(
        listed[0].changed.as_deref(),
        Some(at(5).to_string().as_str())
    );
    assert_eq!(listed[0].claimable, None);
    assert!(listed[0].principal.starts_with("p_"));
}

#[test]
fn a_link_is_good_once_and_in_time_and_stays_good_when_the_password_was_at_fault() {
    let house = House::new(Cost::least());
    let made = house.add("ann");
    for (password, weak) in [
        ("short", Weakness::Short(12)),
        ("982374982374982", Weakness::Numeric),
        ("password1234", Weakness::Common),
        ("helpline zuid", Weakness::Similar),
    ] {
        let refused = house.claim(&made, password, 5);
        assert_eq!(refused, Err(ClaimRefusal::Weak(vec![weak])), "{password}");
    }
    let late = LINK;
    assert_eq!(house.claim(&made, GOOD, late), Err(ClaimRefusal::Link));
    assert!(house.claim(&made, GOOD, late - 1).is_ok());
    assert_eq!(house.claim(&made, OTHER, 6), Err(ClaimRefusal::Link));
    for link in ["", "x", &"a".repeat(43)] {
        let claimed = house
            .accounts
            .claim(&secret(link), GOOD, Owner::Person, at(1), &*house.rng);
        assert_eq!(claimed, Err(ClaimRefusal::Link), "{link}");
    }
    assert!(house.sign_in("ann", GOOD, "192.0.2.1").is_ok());
}

#[test]
fn names_are_given_once_and_wishes_are_judged() {
    let house = House::new(Cost::least());
    house.add("ann");
    let wish = |name: &str, roles: &[&str], tenant: &str| {
        let wish = NewAccount {
            name: name.to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            tenant: tenant.to_owned(),
        };
        house.accounts.add(wish, at(0), &*house.rng).map(drop)
    };
    assert_eq!(wish("ANN", &[], "default"), Err(AccountFault::Taken));
    assert_eq!(wish("an\nn", &[], "default"), Err(AccountFault::Name));
    assert_eq!(
        wish("ben", &["a", "B"], "default"),
        Err(AccountFault::Role { at: 2 })
    );
    assert_eq!(
        wish("ben", &["a"; 33], "default"),
        Err(AccountFault::Role { at: 33 })
    );
    for tenant in ["*", "probe"] {
        assert_eq!(wish("ben", &[], tenant), Err(AccountFault::Tenant));
    }
    assert_eq!(wish("ben", &["a"], "default"), Ok(()));
}

#[test]
fn a_reset_ends_the_password_and_gives_a_new_link() {
    let house = House::new(Cost::least());
    let first = house.add("ann");
    house.claim(&first, GOOD, 1).unwrap();
    let again = house.accounts.reset("Ann", at(2), &*house.rng).unwrap();
    assert_eq!(
        house.refused("ann", GOOD, "192.0.2.1"),
        SignInRefusal::Unclaimed
    );
    house.claim(&again, OTHER, 3).unwrap();
    assert_eq!(
        house.refused("ann", GOOD, "192.0.2.1"),
        SignInRefusal::Password
    );
    assert!(house.sign_in("ann", OTHER, "192.0.2.1").is_ok());
    let unknown = house.accounts.reset("ben", at(2), &*house.rng);
    assert_eq!(unknown.unwrap_err(), AccountFault::Unknown);
}

#[test]
fn a_password_that_stands_in_the_documentation_opens_nothing_whenever_it_was_set() {
    let mut house = House::new(Cost::least());
    for (name, password) in [("ann", GOOD), ("ben", OTHER)] {
        house.claim(&house.add(name), password, 1).unwrap();
    }
    let fresh = house.add("cas");
    assert!(house.sign_in("ann", GOOD, "192.0.2.1").is_ok());
    let mut terms = terms(&[]);
    terms.documented.add(GOOD).unwrap();
    let store = house.accounts.store().clone();
    house.accounts = Accounts::new(store, Cost::least(), terms);
    let (lockout, rng) = (house.lockout.clone(), Arc::clone(&house.rng));
    house.door = Door::new(house.accounts.clone(), lockout, rng);
    let refused = |name, password| house.refused(name, password, "192.0.2.1");
    assert_eq!(refused("ann", GOOD), SignInRefusal::Documented);
    // That it is the right one is nothing that a guess finds out.
    assert_eq!(refused("ann", OTHER), SignInRefusal::Password);
    assert_eq!(refused("ben", GOOD), SignInRefusal::Password);
    assert!(house.sign_in("ben", OTHER, "192.0.2.1").is_ok());
    let weak = ClaimRefusal::Weak(vec![Weakness::Documented]);
    assert_eq!(house.claim(&fresh, GOOD, 2).unwrap_err(), weak);
    assert!(house.claim(&fresh, OTHER, 2).is_ok());
}

#[test]
fn a_disabled_account_lets_nobody_in_until_it_is_enabled() {
    let house = House::new(Cost::least());
    let made = house.add("ann");
    house.claim(&made, GOOD, 1).unwrap();
    house.accounts.disable("ann", Some(at(2))).unwrap();
    assert_eq!(
        house.refused("ann", GOOD, "192.0.2.1"),
        SignInRefusal::Disabled
    );
    assert_eq!(
        house.refused("ann", OTHER, "192.0.2.1"),
        SignInRefusal::Password
    );
    house.accounts.disable("ann", None).unwrap();
    assert!(house.sign_in("ann", GOOD, "192.0.2.1").is_ok());
    assert_eq!(
        house.accounts.disable("ben", None),
        Err(AccountFault::Unknown)
    );
}

#[test]
fn five_wrong_passwords_lock_an_account_also_for_the_right_one() {
    let house = House::new(Cost::least());
    for name in ["ann", "ben"] {
        house.claim(&house.add(name), GOOD, 1).unwrap();
    }
    for number in 1..=5 {
        let refused = house
            .sign_in("ann", OTHER, &format!("192.0.2.{number}"))
            .unwrap_err();
        assert_eq!(refused.refusal, SignInRefusal::Password);
        let locks = refused.locks.map(|locks| locks.subject);
        assert_eq!(locks, (number == 5).then_some(Subject::Account), "{number}");
    }
    assert_eq!(
        house.refused("ann", GOOD, "192.0.2.9"),
        SignInRefusal::AccountLocked
    );
    assert!(house.sign_in("ben", GOOD, "192.0.2.9").is_ok());
    // What does not exist is locked as well, so that nobody finds out by trying.
    for number in 11..=15 {
        let refused = house.refused("nobody", OTHER, &format!("192.0.2.{number}"));
        assert_eq!(refused, SignInRefusal::Unknown);
    }
    assert_eq!(
        house.refused("nobody", OTHER, "192.0.2.16"),
        SignInRefusal::AccountLocked
    );
    assert!(house.runtime.block_on(house.lockout.unlock("ann")).unwrap());
    assert!(house.sign_in("ann", GOOD, "192.0.2.9").is_ok());
}

#[test]
fn an_address_that_failed_too_often_is_locked_whatever_it_tries() {
    let house = House::new(Cost::least());
    house.claim(&house.add("ann"), GOOD, 1).unwrap();
    for (number, name) in ["x", "y", "a\u{430}", "z\n", "ann"].into_iter().enumerate() {
        let refused = house.sign_in(name, OTHER, "192.0.2.1").unwrap_err();
        let locks = refused.locks.map(|locks| locks.subject);
        assert_eq!(locks, (number == 4).then_some(Subject::Address), "{number}");
    }
    assert_eq!(
        house.refused("ann", GOOD, "192.0.2.1"),
        SignInRefusal::AddressLocked
    );
    assert!(house.sign_in("ann", GOOD, "192.0.2.2").is_ok());
}

#[test]
fn right_passwords_are_never_locked_however_often_they_come() {
    let house = House::new(Cost::least());
    house.claim(&house.add("ann"), GOOD, 1).unwrap();
    for _ in 0..20 {
        assert!(house.sign_in("ann", GOOD, "192.0.2.1").is_ok());
    }
}

#[test]
fn what_was_stored_at_another_cost_is_stored_anew_when_it_is_at_hand() {
    let cheap = House::new(Cost::least());
    cheap.claim(&cheap.add("ann"), GOOD, 1).unwrap();
    let dear = Accounts::new(cheap.accounts.store().clone(), Cost::OURS, terms(&[]));
    let stored = || {
        let row = cheap
            .accounts
            .every(|within| store::accounts::get(within, "ann"));
        row.unwrap().unwrap().password.unwrap()
    };
    let before = stored();
    assert!(before.contains("m=8,"));
    let door = Door::new(dear, cheap.lockout.clone(), Arc::clone(&cheap.rng));
    let signing_in = door.sign_in("ann", GOOD, client("192.0.2.1"), at(10));
    cheap.runtime.block_on(signing_in).unwrap();
    assert!(stored().contains("m=19456,"));
}

#[test]
fn attempts_that_wait_too_long_for_their_turn_are_not_let_in() {
    let house = House::new(Cost::least());
    house.claim(&house.add("ann"), GOOD, 1).unwrap();
    let turns = house.door.turns();
    let all = u32::try_from(Door::AT_ONCE).unwrap();
    house.runtime.block_on(async {
        tokio::time::pause();
        let held = Arc::clone(&turns).acquire_many_owned(all).await.unwrap();
        let address = client("192.0.2.1");
        // More often than one may fail: who was not judged has not failed.
        for _ in 0..6 {
            let waited = house.door.sign_in("ann", GOOD, address, at(10)).await;
            let waited = waited.unwrap_err();
            assert_eq!((waited.refusal, waited.locks), (SignInRefusal::Away, None));
        }
        drop(held);
        tokio::time::resume();
        assert!(
            house
                .door
                .sign_in("ann", GOOD, address, at(10))
                .await
                .is_ok()
        );
    });
}

#[test]
fn nothing_of_a_person_is_shown() {
    let house = House::new(Cost::least());
    let made = house.add("ann");
    house.claim(&made, GOOD, 1).unwrap();
    let signed_in = house.sign_in("ann", GOOD, "192.0.2.1").unwrap();
    let shown = format!(
        "{made:?} {signed_in:?} {:?} {:?}",
        house.accounts, house.door
    );
    for hidden in ["ann,", "\"ann\"", made.link.expose()] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn a_proof_has_accounts_of_its_own_and_no_others() {
    let house = House::new(Cost::least());
    house.claim(&house.add("ann"), GOOD, 1).unwrap();
    let probe = house.accounts.add_probe(at(1), &*house.rng).unwrap();
    let link = || secret(probe.link.expose());
    let password = || secret(GOOD);
    let claim = |owner| {
        let claiming = house.door.claim(link(), password(), owner, at(2));
        house.runtime.block_on(claiming)
    };
    let claimable = |owner, seconds| {
        let link = link();
        let asking = house.door.claimable(&link, owner, at(seconds));
        house.runtime.block_on(asking)
    };
    assert_eq!(claimable(Owner::Person, 2), Err(ClaimRefusal::Link));
    assert_eq!(claimable(Owner::Proof, 2), Ok(probe.name.clone()));
    assert_eq!(claim(Owner::Person), Err(ClaimRefusal::Link));
    assert_eq!(claim(Owner::Proof), Ok(probe.name.clone()));
    let sign_in = |name: &str, origin, seconds| {
        let signing_in = house.door.sign_in(name, GOOD, origin, at(seconds));
        let signed_in = house.runtime.block_on(signing_in);
        signed_in.map(drop).map_err(|refused| refused.refusal)
    };
    let (name, address) = (probe.name.as_str(), client("192.0.2.1"));
    assert_eq!(sign_in(name, Origin::Proof, 10), Ok(()));
    assert_eq!(sign_in("ann", address, 10), Ok(()));
    assert_eq!(sign_in(name, address, 10), Err(SignInRefusal::Unknown));
    let asked = sign_in("ann", Origin::Proof, 10);
    assert_eq!(asked, Err(SignInRefusal::Unknown));
    // Its time is over.
    let life = i64::try_from(PROBE_LIFE.as_secs()).unwrap();
    let asked = sign_in(name, Origin::Proof, life + 1);
    assert_eq!(asked, Err(SignInRefusal::Unknown));
    assert_eq!(house.accounts.sweep(at(life)), Ok(0));
    assert_eq!(house.accounts.sweep(at(life + 2)), Ok(1));
    let again = house.accounts.add_probe(at(1), &*house.rng).unwrap();
    assert_eq!(house.accounts.remove_probe("ann"), Ok(false));
    assert_eq!(house.accounts.remove_probe(again.name.as_str()), Ok(true));
    assert!(house.sign_in("ann", GOOD, "192.0.2.1").is_ok());
}

#[test]
fn a_proof_that_fails_locks_no_address_but_its_own() {
    let house = House::new(Cost::least());
    house.claim(&house.add("ann"), GOOD, 1).unwrap();
    let failing = |name: &str| {
        let signing_in = house.door.sign_in(name, OTHER, Origin::Proof, at(10));
        let refused = house.runtime.block_on(signing_in).unwrap_err();
        refused.refusal
    };
    for number in 0..5 {
        assert_eq!(failing(&format!("x{number}")), SignInRefusal::Unknown);
    }
    assert_eq!(failing("y"), SignInRefusal::AddressLocked);
    assert!(house.sign_in("ann", GOOD, "192.0.2.1").is_ok());
    let forgiving = house.lockout.forgive(Origin::Proof);
    assert!(house.runtime.block_on(forgiving).unwrap());
    assert_eq!(failing("y"), SignInRefusal::Unknown);
}

#[test]
fn an_account_stands_until_it_is_disabled_or_reset() {
    let house = House::new(Cost::least());
    let made = house.add("ann");
    house.claim(&made, GOOD, 1).unwrap();
    let signed_in = house.sign_in("ann", GOOD, "192.0.2.1").unwrap();
    let stands = || house.runtime.block_on(house.door.stands(&signed_in));
    assert_eq!(stands(), Ok(true));
    house.accounts.disable("ann", Some(at(2))).unwrap();
    assert_eq!(stands(), Ok(false));
    house.accounts.disable("ann", None).unwrap();
    assert_eq!(stands(), Ok(true));
    let again = house.accounts.reset("ann", at(3), &*house.rng).unwrap();
    assert_eq!(stands(), Ok(false));
    house.claim(&again, GOOD, 4).unwrap();
    assert_eq!(stands(), Ok(false), "another password was set since");
    house.accounts.take_back(&again).unwrap();
    assert_eq!(stands(), Ok(false));
}

#[test]
fn only_the_owner_of_an_account_is_named_to_the_ledger() {
    let house = House::new(Cost::least());
    house.claim(&house.add("ann"), GOOD, 1).unwrap();
    let tried = |name: &str| house.sign_in(name, OTHER, "192.0.2.1").unwrap_err().tried;
    assert_eq!(tried("Ann"), Some(person("ann")));
    assert_eq!(tried("hunter2"), None);
    assert_eq!(tried("no name"), None);
}
