//! What a key may do, for how long, and who can read it.

use std::time::{Duration, Instant};

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, KeyWish, MintedKey, Reply, RouteFact, TargetError},
    sheet::Met,
};

use super::{draft::Draft, first_route, method_of};
use crate::search::Needle;

/// Attacks `key.scoped`.
pub(super) struct Scoped;
/// Attacks `key.revocable`.
pub(super) struct Revocable;
/// Attacks `key.digest-only`.
pub(super) struct DigestOnly;
/// Attacks `key.prefix-entropy`.
pub(super) struct PrefixEntropy;

/// Any method under any path: what a twin needs where scopes are not the question.
pub(super) const EVERYTHING: &str = "GET,HEAD,POST,PUT,PATCH,DELETE /";

/// Between two requests with a revoked key.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it is asked with: for some minutes.
const MOST_ASKED: usize = 10_000;

/// A canary key that passes any route with one of `roles`.
pub(super) fn wide_key(at: &dyn Target, roles: &[String]) -> Result<String, TargetError> {
    mint(at, EVERYTHING, roles).map(|minted| minted.key)
}

pub(super) fn mint(
    at: &dyn Target,
    scope: &str,
    roles: &[String],
) -> Result<MintedKey, TargetError> {
    let roles = roles.iter().take(1).cloned().collect();
    at.mint_key(&KeyWish {
        scopes: vec![scope.to_owned()],
        roles,
    })
}

/// The part of a key that nobody but its holder may know: what follows the public prefix.
fn secret_part(key: &str) -> &str {
    key.rsplit_once('_').map_or(key, |(_, secret)| secret)
}

pub(super) fn guarded(at: &dyn Target) -> Result<(&RouteFact, &[String]), TargetError> {
    let route = first_route(at, |guard| matches!(guard, Guard::Key(_)))
        .ok_or_else(|| TargetError::new("find a route", "no route asks for a key"))?;
    match &route.guard {
        Guard::Key(roles) => Ok((route, roles)),
        Guard::Open(_)
        | Guard::Token(_)
        | Guard::Session(_)
        | Guard::Certificate(_)
        | Guard::Webhook(_) => Ok((route, &[])),
    }
}

fn ask(at: &dyn Target, method: &str, target: &str, key: &str) -> Result<Reply, TargetError> {
    Draft::new(at, method, target)
        .field("X-API-Key", key)
        .ticketed(at)?
        .send(at)
}

impl Probe for Scoped {
    fn promise(&self) -> &'static str {
        "key.scoped"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let (route, roles) = guarded(at)?;
        let method = method_of(route);
        let base = route.path.trim_end_matches('/');
        let (inside, outside) = (format!("{base}/vsc-a"), format!("{base}/vsc-b"));
        let key = mint(at, &format!("{method} {inside}"), roles)?.key;
        let twin = || -> Result<Met, TargetError> {
            Ok(Met::status(&ask(at, method, &inside, &key)?, &[200]))
        };
        for (name, target, statuses) in [
            ("a path beside its own", outside.clone(), &[403_u16][..]),
            ("the path above its own", route.path.clone(), &[403]),
            ("a longer name", format!("{inside}b"), &[403]),
            ("its path in capitals", format!("{base}/VSC-A"), &[403]),
            (
                "a way up and down again",
                format!("{inside}/../vsc-b"),
                &[400],
            ),
            (
                "an encoded way up",
                format!("{inside}/%2e%2e/vsc-b"),
                &[400],
            ),
            ("an encoded slash", format!("{inside}%2f..%2fvsc-b"), &[400]),
            ("a double slash", format!("{base}//vsc-b"), &[400, 403]),
            (
                "a path parameter",
                format!("{base}/vsc-b;/vsc-a"),
                &[400, 403],
            ),
        ] {
            let attack = ask(at, method, &target, &key)?;
            sheet.pair(name, Met::status(&attack, statuses), twin()?);
        }
        // Another method on its own path, where the route itself would take it.
        let takes =
            |other: &str| route.methods.is_empty() || route.methods.iter().any(|m| m == other);
        if let Some(other) = ["POST", "GET", "DELETE"]
            .into_iter()
            .find(|m| *m != method && takes(m))
        {
            let attack = ask(at, other, &inside, &key)?;
            sheet.pair(
                format!("its path with {other}"),
                Met::status(&attack, &[403]),
                twin()?,
            );
        }
        if !roles.is_empty() {
            let bare = mint(at, EVERYTHING, &[])?.key;
            let attack = ask(at, method, &inside, &bare)?;
            sheet.pair(
                "a key without the role",
                Met::status(&attack, &[403]),
                twin()?,
            );
        }
        let none = at.mint_key(&KeyWish {
            scopes: Vec::new(),
            roles: roles.to_vec(),
        });
        if let Ok(none) = none {
            let attack = ask(at, method, &inside, &none.key)?;
            sheet.pair(
                "a key without any scope",
                Met::status(&attack, &[403]),
                twin()?,
            );
        }
        Ok(())
    }
}

impl Probe for Revocable {
    fn promise(&self) -> &'static str {
        "key.revocable"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let (route, roles) = guarded(at)?;
        let (method, path) = (method_of(route), route.path.as_str());
        let within = asked
            .value("within")
            .and_then(config::quantity::duration)
            .ok_or_else(|| TargetError::new("read the anchor", "within is not a duration"))?;
        let (kept, revoked) = (mint(at, EVERYTHING, roles)?, mint(at, EVERYTHING, roles)?);
        let before = Met::status(&ask(at, method, path, &revoked.key)?, &[200]);
        at.revoke_key(&revoked.id)?;
        let start = now();
        let ask_revoked = || ask(at, method, path, &revoked.key);
        let met = match until_refused(within, || now() - start, ask_revoked)? {
            Ended::Refused(sent) => Met::when(
                true,
                format!("refused when asked {} ms later", sent.as_millis()),
            ),
            Ended::Open(last) => Met::status(&last, &[401]),
        };
        sheet.pair("a revoked key", met, before);
        let other = Met::status(&ask(at, method, path, &kept.key)?, &[200]);
        let last = Met::status(&ask(at, method, path, &revoked.key)?, &[401]);
        sheet.pair("the revoked key once more, beside another", last, other);
        Ok(())
    }
}

/// How the asking with a revoked key or token ended.
pub(super) enum Ended {
    /// With 401, for a request sent so long after the revocation.
    Refused(Duration),
    /// With this answer to a request sent when the key should have been dead.
    Open(Reply),
}

/// Asks again and again until the answer is 401, or a request sent `within` or more after the
/// revocation is answered otherwise. What counts is when a request was sent, not when its answer came:
/// a slow machine makes no key live longer.
pub(super) fn until_refused(
    within: Duration,
    since_revoked: impl Fn() -> Duration,
    mut ask: impl FnMut() -> Result<Reply, TargetError>,
) -> Result<Ended, TargetError> {
    for _ in 0..MOST_ASKED {
        let sent = since_revoked();
        let last = ask()?;
        if last.answer().is_some_and(|answer| answer.status == 401) {
            return Ok(Ended::Refused(sent));
        }
        if sent >= within {
            return Ok(Ended::Open(last));
        }
        std::thread::sleep(PAUSE.min(within / 10));
    }
    Err(TargetError::new(
        "wait for the end of what was revoked",
        "within is longer than a proof waits; it is refused within milliseconds",
    ))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch around real requests"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Probe for DigestOnly {
    fn promise(&self) -> &'static str {
        "key.digest-only"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let (route, roles) = guarded(at)?;
        let minted = mint(at, EVERYTHING, roles)?;
        let used = Met::status(
            &ask(at, method_of(route), &route.path, &minted.key)?,
            &[200],
        );
        let places = at.storage()?;
        let walk = |value: &str| -> Result<_, TargetError> {
            Needle::new(value)
                .ok_or_else(|| TargetError::new("search", "the value is too short"))?
                .walk(&places)
                .map_err(|fault| TargetError::new("search the storage", fault))
        };
        // The search must be able to find what is there: the public id of the same key.
        let id = walk(&minted.id)?;
        let found_id = || {
            Met::when(
                !id.hits.is_empty(),
                format!("its public id in {} files", id.hits.len()),
            )
        };
        // What is stored in part is stored.
        let secret = secret_part(&minted.key);
        let (first, second) = secret
            .split_at_checked(secret.len() / 2)
            .unwrap_or_default();
        for (part, value) in [("first", first), ("second", second)] {
            let walk = walk(value)?;
            let saw = match walk.hits.first() {
                Some(hit) => format!("found in {hit}"),
                None => format!("0 hits in {} files, {} bytes", walk.files, walk.bytes),
            };
            sheet.pair(
                format!("search everything stored for the {part} half of the key"),
                Met::when(walk.hits.is_empty(), saw),
                found_id(),
            );
        }
        let listed = at.list_keys()?.to_string();
        let shown = listed.contains(secret_part(&minted.key));
        let saw = if shown {
            "the key is shown again"
        } else {
            "the key is not shown again"
        };
        let in_list = Met::when(listed.contains(&minted.id), "its public id is listed");
        sheet.pair("list the keys", Met::when(!shown, saw), in_list);
        sheet.pair("the key works all the same", used.clone(), used);
        Ok(())
    }
}

impl Probe for PrefixEntropy {
    fn promise(&self) -> &'static str {
        "key.prefix-entropy"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let bits: f64 = asked
            .value("bits")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| TargetError::new("read the anchor", "bits is not a number"))?;
        let (_, roles) = guarded(at)?;
        let minted = mint(at, EVERYTHING, roles)?;
        let listed = at.list_keys()?.to_string();
        let secret = secret_part(&minted.key);
        let shown = longest_shown(secret, &listed);
        // Letters and digits, less the checksum, which says nothing new of them.
        let hidden = secret.len().saturating_sub(CHECKSUM + shown);
        let left = f64::from(u32::try_from(hidden).unwrap_or(0)) * 62_f64.log2();
        let in_list = Met::when(listed.contains(&minted.id), "its public id is listed");
        sheet.pair(
            "what a list of keys shows of a secret",
            Met::when(
                left >= bits,
                format!(
                    "{shown} of {} characters, {left:.0} bits stay unknown",
                    secret.len()
                ),
            ),
            in_list,
        );
        Ok(())
    }
}

/// Characters at the end of a key that are computed from the rest.
pub(super) const CHECKSUM: usize = 6;

/// The longest run of `secret`, from 4 characters up, that stands in `listed`: shorter runs stand
/// there by chance.
fn longest_shown(secret: &str, listed: &str) -> usize {
    (4..=secret.len())
        .rev()
        .find(|length| {
            (0..=secret.len() - length)
                .filter_map(|from| secret.get(from..from + length))
                .any(|run| listed.contains(run))
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use control::probe::Answer;

    use super::*;

    #[test]
    fn the_longest_run_that_is_shown_is_found() {
        assert_eq!(longest_shown("abcdefghij", "nothing of it"), 0);
        assert_eq!(longest_shown("abcdefghij", "shows cdefgh here"), 6);
        assert_eq!(longest_shown("abcdefghij", "abcdefghij"), 10);
    }

    #[test]
    fn the_secret_of_a_key_is_what_follows_its_prefix() {
        assert_eq!(secret_part("vsk_abcdefghijkl_s3cr3t"), "s3cr3t");
    }

    /// Asks with a key that dies at `dead`, on a clock that moves by `step` with every request.
    fn asked_until(within: u64, dead: u64, step: u64) -> (Ended, u64) {
        let clock = std::cell::Cell::new(0);
        let mut asked = 0;
        let ended = until_refused(
            Duration::from_millis(within),
            || Duration::from_millis(clock.get()),
            || {
                let status = if clock.get() < dead { 200 } else { 401 };
                clock.set(clock.get() + step);
                asked += 1;
                Ok(Reply::Answer(Answer {
                    status,
                    ..Answer::default()
                }))
            },
        );
        (ended.unwrap(), asked)
    }

    #[test]
    fn a_key_that_dies_in_time_is_refused_however_slow_the_answers_are() {
        let (ended, asked) = asked_until(20, 10, 1);
        assert!(matches!(ended, Ended::Refused(sent) if sent == Duration::from_millis(10)));
        assert_eq!(asked, 11);
        let (ended, asked) = asked_until(20, 0, 5_000);
        assert!(matches!(ended, Ended::Refused(Duration::ZERO)));
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_key_that_is_answered_when_it_should_be_dead_is_open() {
        for (within, dead, step) in [(20, 21, 1), (20, 1_000_000, 1), (0, 1, 1)] {
            let (ended, _) = asked_until(within, dead, step);
            let Ended::Open(last) = ended else {
                panic!("refused");
            };
            assert_eq!(last.answer().unwrap().status, 200);
        }
    }

    #[test]
    fn a_time_that_no_proof_waits_for_is_an_error() {
        let answer = || Ok(Reply::Closed);
        let ended = until_refused(Duration::from_nanos(9), || Duration::ZERO, answer);
        assert!(ended.is_err());
    }
}
