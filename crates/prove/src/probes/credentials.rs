//! Asking without a credential, with a wrong one, or with one in the wrong place.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Guard, RouteFact, TargetError},
    sheet::Met,
};

use super::{
    draft::Draft,
    keys::{CHECKSUM, wide_key},
    method_of, named_route, passing, sessions,
};

/// Attacks `auth.enforced`: every guarded route at and below the named one.
pub(super) struct Enforced;

/// Attacks `auth.header-only`: a genuine key where keys may not travel.
pub(super) struct HeaderOnly;

/// Keys that look right to a careless eye.
const GARBAGE: &[&str] = &[
    "",
    "vsk_",
    "vsk_000000000000_0000000000000000000000000000000000000000000000000",
    "null",
    "' or 1=1 --",
];

/// Asks a route for programs without a certificate, bare and with words that claim one. No proof has one that
/// a listener believes: the twin is a request that passes elsewhere.
fn without_a_certificate(
    at: &dyn Target,
    route: &RouteFact,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let plain = Draft::new(at, method_of(route), &route.path);
    for (shown, draft) in [
        ("without a certificate", plain.clone()),
        (
            "with a field that claims a certificate",
            plain.field("X-SSL-Client-Verify", "SUCCESS"),
        ),
    ] {
        let attack = draft.ticketed(at)?.send(at)?;
        let twin = match passing(at, sheet)? {
            Some(fine) => Met::status(&fine.ticketed(at)?.send(at)?, &[200]),
            None => Met::inconclusive("nothing passes"),
        };
        let attempt = format!("{} {shown}", route.path);
        sheet.pair(attempt, Met::status(&attack, &[403]), twin);
    }
    Ok(())
}

impl Probe for Enforced {
    fn promise(&self) -> &'static str {
        "auth.enforced"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let top = named_route(at, asked, "route")?;
        for route in below(at, top) {
            let roles: &[String] = match &route.guard {
                Guard::Key(roles) => roles,
                Guard::Open(_) => &[],
                Guard::Token(_) => {
                    without_a_token(at, route, sheet)?;
                    continue;
                }
                Guard::Session(_) => {
                    sessions::none_passes_without(at, route, sheet)?;
                    continue;
                }
                Guard::Certificate(_) => {
                    without_a_certificate(at, route, sheet)?;
                    continue;
                }
                Guard::Webhook(_) => continue,
            };
            let path = &route.path;
            let key = wide_key(at, roles)?;
            let plain = Draft::new(at, method_of(route), path);
            let twin = || -> Result<Met, TargetError> {
                let draft = plain
                    .clone()
                    .field("Authorization", &format!("Bearer {key}"));
                Ok(Met::status(&draft.ticketed(at)?.send(at)?, &[200]))
            };
            tickets(at, &plain.clone().field("X-API-Key", &key), path, sheet)?;
            let attack = plain.clone().ticketed(at)?.send(at)?;
            sheet.pair(
                format!("{path} without a credential"),
                Met::status(&attack, &[401]),
                twin()?,
            );
            for garbage in GARBAGE {
                let draft = plain.clone().field("X-API-Key", garbage);
                let attack = draft.ticketed(at)?.send(at)?;
                let shown = if garbage.is_empty() {
                    "an empty key"
                } else {
                    "a key that is none"
                };
                sheet.pair(
                    format!("{path} with {shown}"),
                    Met::status(&attack, &[401]),
                    twin()?,
                );
            }
            let wrong = altered(&key);
            let draft = plain
                .clone()
                .field("Authorization", &format!("Bearer {wrong}"));
            let attack = draft.ticketed(at)?.send(at)?;
            sheet.pair(
                format!("{path} with one character changed"),
                Met::status(&attack, &[401]),
                twin()?,
            );
            let forged = spliced(&key, &wide_key(at, roles)?)?;
            let draft = plain.clone().field("X-API-Key", &forged);
            let attack = draft.ticketed(at)?.send(at)?;
            sheet.pair(
                format!("{path} with a known prefix and another secret"),
                Met::status(&attack, &[401]),
                twin()?,
            );
            let basic = format!(
                "Basic {}",
                seal::encode::base64(format!("user:{key}").as_bytes())
            );
            let attack = plain
                .clone()
                .field("Authorization", &basic)
                .ticketed(at)?
                .send(at)?;
            sheet.pair(
                format!("{path} with the key as a password"),
                Met::status(&attack, &[401]),
                twin()?,
            );
        }
        Ok(())
    }
}

/// A route for tokens alone: nothing opens it that is none, a good key included.
fn without_a_token(
    at: &dyn Target,
    route: &RouteFact,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    if !super::tokens::can_be_had(at, route, sheet) {
        return Ok(());
    }
    let path = &route.path;
    let plain = Draft::new(at, method_of(route), path);
    let key = wide_key(at, super::tokens::roles_of(route))?;
    let mut attacks = vec![
        (format!("{path} without a credential"), plain.clone()),
        (
            format!("{path} with a key"),
            plain.clone().field("X-API-Key", &key),
        ),
    ];
    attacks.extend(GARBAGE.iter().map(|garbage| {
        let draft = plain.clone();
        let draft = draft.field("Authorization", &format!("Bearer {garbage}"));
        (format!("{path} with a token that is none"), draft)
    }));
    for (attempt, attack) in attacks {
        let attack = attack.ticketed(at)?.send(at)?;
        let twin = super::tokens::opens(at, route, &plain)?;
        sheet.pair(attempt, Met::status(&attack, &[401]), twin);
    }
    Ok(())
}

/// A key of a proof opens nothing but the echo: it needs a ticket, and a ticket is good for once.
fn tickets(
    at: &dyn Target,
    draft: &Draft,
    path: &str,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let ticketed = draft.clone().ticketed(at)?;
    let twin = Met::status(&ticketed.send(at)?, &[200]);
    sheet.pair(
        format!("{path} with a ticket that was used"),
        Met::status(&ticketed.send(at)?, &[403]),
        twin.clone(),
    );
    sheet.pair(
        format!("{path} with a key of a proof and no ticket"),
        Met::status(&draft.send(at)?, &[403]),
        twin,
    );
    Ok(())
}

/// The route itself and those below its path.
fn below<'t>(at: &'t dyn Target, top: &'t RouteFact) -> impl Iterator<Item = &'t RouteFact> {
    let prefix = format!("{}/", top.path.trim_end_matches('/'));
    at.facts().routes.iter().filter(move |route| {
        route.path == top.path
            || (route.path.starts_with(&prefix) && !matches!(route.guard, Guard::Open(_)))
    })
}

/// The key with one character of its secret exchanged.
fn altered(key: &str) -> String {
    let at = key.len().saturating_sub(20);
    key.char_indices()
        .map(|(n, c)| match (n == at, c) {
            (true, 'a') => 'b',
            (true, _) => 'a',
            (false, c) => c,
        })
        .collect()
}

/// The public prefix of one key, the secret of another, and the checksum that belongs to both: what
/// a guesser sends who knows the format of keys and has seen a list of them.
fn spliced(prefix: &str, secret: &str) -> Result<String, TargetError> {
    let malformed = || TargetError::new("forge a key", "a minted key has another form");
    let (prefix, _) = prefix.rsplit_once('_').ok_or_else(malformed)?;
    let (_, secret) = secret.rsplit_once('_').ok_or_else(malformed)?;
    let secret = secret
        .get(..secret.len().saturating_sub(CHECKSUM))
        .ok_or_else(malformed)?;
    let body = format!("{prefix}_{secret}");
    let checksum = base62(crc32fast::hash(body.as_bytes()));
    Ok(body + &checksum)
}

/// Six digits, most significant first, of 0 to 9, A to Z and a to z.
fn base62(mut number: u32) -> String {
    let digit = |value: u32| match u8::try_from(value % 62).unwrap_or(0) {
        value @ 0..=9 => char::from(b'0' + value),
        value @ 10..=35 => char::from(b'A' + value - 10),
        value => char::from(b'a' + value - 36),
    };
    let mut digits = [' '; CHECKSUM];
    for place in digits.iter_mut().rev() {
        *place = digit(number);
        number /= 62;
    }
    digits.iter().collect()
}

impl Probe for HeaderOnly {
    fn promise(&self) -> &'static str {
        "auth.header-only"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "route")?;
        let Guard::Key(roles) = &route.guard else {
            return Err(TargetError::new("find the route", "it asks for no key"));
        };
        let key = wide_key(at, roles)?;
        let path = &route.path;
        let plain = |target: &str| Draft::new(at, method_of(route), target);
        let twin = || -> Result<Met, TargetError> {
            Ok(Met::status(
                &plain(path)
                    .field("X-API-Key", &key)
                    .ticketed(at)?
                    .send(at)?,
                &[200],
            ))
        };
        for name in ["api_key", "access_token", "key", "x-api-key"] {
            let attack = plain(&format!("{path}?{name}={key}"))
                .ticketed(at)?
                .send(at)?;
            sheet.pair(
                format!("the key in the query as {name}"),
                Met::status(&attack, &[401]),
                twin()?,
            );
        }
        for name in ["api_key", "session", "Authorization"] {
            let cookie = format!("{name}={key}");
            let attack = plain(path)
                .field("Cookie", &cookie)
                .ticketed(at)?
                .send(at)?;
            sheet.pair(
                format!("the key in a cookie called {name}"),
                Met::status(&attack, &[401]),
                twin()?,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spliced_key_has_the_checksum_of_its_parts() {
        let zeros = "0".repeat(43);
        let spliced = spliced(
            "vsk_000000000000_mine",
            &format!("vsk_abcdefghijkl_{zeros}XXXXXX"),
        );
        assert_eq!(spliced.unwrap(), format!("vsk_000000000000_{zeros}06uaNl"));
    }

    #[test]
    fn one_character_of_the_secret_is_exchanged() {
        let key = "vsk_abcdefghijkl_0123456789012345678901234567890123456789";
        let wrong = altered(key);
        assert_eq!(key.len(), wrong.len());
        assert_eq!(
            key.chars()
                .zip(wrong.chars())
                .filter(|(a, b)| a != b)
                .count(),
            1
        );
    }
}
