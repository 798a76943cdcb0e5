//! Others whose tokens are believed.
//!
//! Owns `[[issuer]]`. Refuses an issuer without a pinned algorithm, an audience or keys, two that go by
//! one name, the deployment's own, roles that are not ours, and a shared secret of less than 256 bits.
//! Keys in a file are read with the configuration: a reload takes up new ones. Published ones are
//! asked for while the gate runs.

use std::{io::Read as _, path::Path, time::Duration};

use config::{
    Fault, Found, Table,
    secret::{Mode, Sources},
};
use identity::{
    RoleTable,
    token::{
        Issuer, Published, Rules, Tenancy,
        rules::{LONGEST_EVER, MOST_SKEW},
    },
};
use seal::jws::{Algorithm, Jwk, TokenKey, read_set};

use super::{desks::role, roles};

/// Most issuers of a site.
const MOST: usize = 16;

/// How far an issuer's clock may be off where nothing is said.
const SKEW: Duration = Duration::from_secs(30);

/// The longest life of a token where nothing is said.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Reads every `[[issuer]]`.
pub(super) fn read(
    root: &mut Table<'_>,
    sources: &Sources,
    public_url: &str,
    roles: Option<&RoleTable>,
) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::new();
    for mut table in root.tables("issuer") {
        let Some(issuer) = one(&mut table, sources, roles) else {
            continue;
        };
        let name = &issuer.rules().issuer;
        let twice = issuers.iter().any(|other| other.rules().issuer == *name);
        if twice || **name == *public_url || issuers.len() == MOST {
            table.fault(
                Fault::new(
                    "issuer.ambiguous",
                    format!("{name} is named twice, is this deployment, or is one of too many"),
                )
                .at(table.span())
                .hint("let each [[issuer]] be another, and none the public_url"),
            );
            continue;
        }
        issuers.push(issuer);
    }
    issuers
}

fn one(table: &mut Table<'_>, sources: &Sources, known: Option<&RoleTable>) -> Option<Issuer> {
    let issuer = table.required_parse("issuer", "what its tokens say in iss", claim_text);
    let algorithms = table.parse_each("algorithms", "an algorithm such as EdDSA", |name| {
        Algorithm::named(name).ok_or("is not one of HS256, RS256, PS256, ES256 and EdDSA")
    });
    let algorithms: Vec<Algorithm> = algorithms
        .into_iter()
        .flatten()
        .map(|found| found.value)
        .collect();
    let audience = table.parse_each("audience", "what its tokens say in aud", claim_text);
    let audience: Vec<Box<str>> = audience.into_iter().flatten().map(|it| it.value).collect();
    if algorithms.is_empty() || audience.is_empty() {
        table.fault(
            Fault::new(
                "issuer.unpinned",
                "an issuer needs its algorithms and the audience of its tokens",
            )
            .at(table.span())
            .hint("write algorithms = [\"EdDSA\"] and audience = [\"...\"]"),
        );
    }
    let skew = table.duration_in("skew", Duration::ZERO..=MOST_SKEW);
    let longest = table.duration_in("longest", Duration::from_secs(60)..=LONGEST_EVER);
    let role_claim = table.parse("role_claim", "a claim such as groups", claim_text);
    let ours = |table: &Table<'_>, found: &Found<Box<str>>| roles::known(table, known, found);
    let roles = pairs(table, "roles", role, ours);
    let required = pairs(table, "required", claim_text, |_, _| ());
    let tenant = tenancy(table);
    let once = table.flag("once", false);
    let keys = keys(table, sources, &algorithms)?;
    let rules = Rules {
        issuer: issuer?.value,
        audience,
        required,
        skew: skew.map_or(SKEW, |skew| skew.value),
        longest: longest.map_or(LONGEST, |longest| longest.value),
        role_claim: role_claim.map(|claim| claim.value),
        roles,
        tenant: tenant?,
        once,
    };
    Some(match keys {
        Keys::Known(keys) => Issuer::new(rules, algorithms, keys),
        Keys::Published(place) => Issuer::publishing(rules, algorithms, place),
    })
}

/// A table whose keys are values of theirs and whose values are read.
fn pairs<E: std::fmt::Display>(
    table: &mut Table<'_>,
    key: &str,
    read: impl Fn(&str) -> Result<Box<str>, E>,
    check: impl Fn(&Table<'_>, &Found<Box<str>>),
) -> Vec<(Box<str>, Box<str>)> {
    let Some(mut inner) = table.optional_table(key) else {
        return Vec::new();
    };
    let names = inner.keys();
    let pair = |name: Found<String>| {
        let found = inner.required_parse(&name.value, "a text", &read)?;
        check(&inner, &found);
        Some((name.value.into(), found.value))
    };
    let pairs = names.into_iter().filter_map(pair).collect();
    inner.done();
    pairs
}

fn tenancy(table: &mut Table<'_>) -> Option<Tenancy> {
    let fixed = table.parse("tenant", "a tenant such as default", role);
    let claim = table.parse("tenant_claim", "a claim such as org", claim_text);
    match (fixed, claim) {
        (None, Some(claim)) => Some(Tenancy::Claim(claim.value)),
        (Some(fixed), None) => Some(Tenancy::Fixed(fixed.value)),
        (None, None) => Some(Tenancy::Fixed(identity::keys::DEFAULT_TENANT.into())),
        (Some(_), Some(claim)) => {
            table.fault(
                Fault::new(
                    "issuer.two-tenants",
                    "the tenant is fixed or in a claim, not both",
                )
                .at(claim.span)
                .hint("remove tenant or tenant_claim"),
            );
            None
        }
    }
}

/// Where its keys come from.
enum Keys {
    /// They are in the configuration; none where nothing is to be read.
    Known(Vec<Jwk>),
    /// The issuer is asked for them.
    Published(Published),
}

fn keys(table: &mut Table<'_>, sources: &Sources, accepted: &[Algorithm]) -> Option<Keys> {
    let mut place = table.required_table("keys");
    let file = place.text("file");
    let secret = place.secret("secret");
    let url = place.parse(
        "url",
        "where the keys are, such as https://login.example/jwks.json",
        Published::read,
    );
    let wrong = |what: String, span| {
        place.fault(Fault::new("issuer.keys", what).at(span).hint(
            "write keys = { url = \"https://...\" }, keys = { file = \"jwks.json\" } or \
                     keys = { secret = \"env:NAME\" }",
        ));
        None
    };
    let shared = accepted.contains(&Algorithm::Hs256);
    match (file, secret, url) {
        (None, None, Some(url)) if !shared => Some(Keys::Published(url.value)),
        (Some(file), None, None) if !shared => {
            if sources.mode() == Mode::Unresolved {
                return Some(Keys::Known(Vec::new()));
            }
            match set(&sources.locate(Path::new(&file.value)), accepted) {
                Ok(keys) if !keys.is_empty() => Some(Keys::Known(keys)),
                Ok(_) => wrong(
                    "the file has no key of these algorithms".to_owned(),
                    Some(file.span),
                ),
                Err(what) => wrong(format!("the key file: {what}"), Some(file.span)),
            }
        }
        (None, Some(secret), None) if accepted == [Algorithm::Hs256] => {
            if sources.mode() == Mode::Unresolved {
                return Some(Keys::Known(Vec::new()));
            }
            let bytes = place.resolve(&secret, sources)?;
            match TokenKey::shared(bytes.expose()) {
                Ok(key) => Some(Keys::Known(vec![Jwk { id: None, key }])),
                Err(fault) => wrong(fault.to_string(), Some(secret.span)),
            }
        }
        (file, secret, url) => {
            let span = file.map(|it| it.span).or(secret.map(|it| it.span));
            let span = span.or(url.map(|it| it.span));
            let what =
                "HS256 alone takes a secret, every other algorithm public keys from one place";
            wrong(what.to_owned(), span.or(place.span()))
        }
    }
}

fn set(path: &Path, accepted: &[Algorithm]) -> Result<Vec<Jwk>, String> {
    let file = config::files::open_regular(path).map_err(|cause| cause.to_string())?;
    let most = u64::try_from(seal::jws::jwk::SET_LIMIT).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut text)
        .map_err(|cause| cause.to_string())?;
    read_set(&text, accepted).map_err(|fault| fault.to_string())
}

/// A name or value of a claim.
fn claim_text(text: &str) -> Result<Box<str>, &'static str> {
    if (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(text.into())
    } else {
        Err("is not 1 to 1,024 characters that show")
    }
}
