//! What a check costs: the path of every request with a key allocates nothing.

use control::{Timestamp, rng::CountingRng};
use identity::{
    ApiKey, KeyTable, LiveKeys, RoleTable,
    roles::{Effect, Rule},
};
use store::keys::KeyRow;

#[test]
fn checking_a_key_allocates_nothing_whether_it_is_good_or_not() {
    let key = ApiKey::generate(&CountingRng::from_seed(1)).unwrap();
    let stranger = ApiKey::generate(&CountingRng::from_seed(2)).unwrap();
    let secret = key.expose().get(17..60).unwrap();
    let row = KeyRow {
        id: key.id().to_string(),
        digest: seal::sha256(secret.as_bytes()),
        name: "name".to_owned(),
        scopes: vec!["GET,POST /api".to_owned()],
        roles: vec!["mentor".to_owned()],
        tenant: "default".to_owned(),
        created: Timestamp::from_seconds(1),
        expires: Some(Timestamp::from_seconds(1000)),
        last_used: None,
        revoked: None,
        probe: false,
    };
    let live = LiveKeys::new(KeyTable::new(&[row]).unwrap());
    let now = Timestamp::from_seconds(500);
    let roles = ["admin".to_owned(), "mentor".to_owned()];
    let allowed = Rule {
        role: "mentor".into(),
        effect: Effect::Allow,
        scope: "POST /api".parse().unwrap(),
        line: 0,
    };
    let table = RoleTable::new(Vec::new(), vec![allowed]).unwrap();
    let ask = |key: &str, path: &str| {
        let verified = live.authenticate(key.as_bytes(), now).ok()?;
        verified.authorise("POST", path, &roles, Some(&table)).ok()
    };
    // The first use of a thread sets up what it keeps for itself.
    assert!(ask(key.expose(), "/api/students").is_some());
    for (key, path, good) in [
        (key.expose(), "/api/students", true),
        (key.expose(), "/other", false),
        (stranger.expose(), "/api/students", false),
        ("not a key", "/api/students", false),
    ] {
        let mut passed = None;
        let cost = allocation_counter::measure(|| passed = Some(ask(key, path).is_some()));
        assert_eq!((passed, cost.count_total), (Some(good), 0), "{path}");
    }
}
