//! Where people log in, and for how long.
//!
//! Owns `[login]`. Refuses a provider that is not https, sessions without an end, and a public address
//! under which no browser would keep the cookie of a session.

use std::{ops::RangeInclusive, time::Duration};

use config::{Fault, Table};
use identity::{
    RoleTable,
    oidc::{Settings, settings::read_issuer},
    session::{IDLE, LONGEST},
    token::Tenancy,
};

use super::{Surroundings, deployment::PublicUrl};
use crate::stages::login::CALLBACK;

/// The bounds of `idle`.
pub(super) const IDLE_BOUNDS: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(86_400);

/// The bounds of `longest`.
pub(super) const LONGEST_BOUNDS: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);

/// The tenant of people where none is named.
const TENANT: &str = "default";

/// Reads `[login]`, where it is there.
pub(super) fn read(
    root: &mut Table<'_>,
    url: Option<&PublicUrl>,
    surroundings: &Surroundings<'_>,
    known: Option<&RoleTable>,
) -> Option<Settings> {
    let mut table = root.optional_table("login")?;
    let issuer = table.required_parse(
        "issuer",
        "the issuer of the provider, such as https://login.school.example",
        read_issuer,
    );
    let client_id = table.required_text("client_id");
    let secret = table.secret("client_secret");
    let client_secret = secret.and_then(|it| table.resolve(&it, surroundings.sources));
    let scopes = table.parse_each("scopes", "a scope such as email", word);
    let domains = table.parse_each("domains", "a domain such as school.example", domain);
    let role_claim = table.text("role_claim");
    let tenant = table.parse("tenant", "a tenant such as default", name);
    let idle = table.duration_in("idle", IDLE_BOUNDS);
    let longest = table.duration_in("longest", LONGEST_BOUNDS);
    let roles = roles(&mut table, known);
    if role_claim.is_none() && !roles.is_empty() {
        table.fault(
            Fault::new(
                "login.roles-without-claim",
                "no claim says which roles a person has",
            )
            .at(table.span())
            .hint("add role_claim = \"groups\", or the claim that your provider writes"),
        );
    }
    refuse_open_address(&table, "login.open-address", url);
    table.done();
    let base = url?.text.clone();
    Some(Settings {
        issuer: issuer?.value,
        client_id: client_id?.value.into(),
        client_secret,
        redirect_uri: format!("{base}{CALLBACK}").into(),
        home: format!("{base}/").into(),
        scopes: values(scopes),
        domains: values(domains),
        role_claim: role_claim.map(|claim| claim.value.into()),
        roles,
        tenant: Tenancy::Fixed(tenant.map_or_else(|| TENANT.into(), |tenant| tenant.value)),
        idle: idle.map_or(IDLE, |idle| idle.value),
        longest: longest.map_or(LONGEST, |longest| longest.value),
    })
}

/// Refuses people at an address under which no browser keeps the cookie of a session.
pub(super) fn refuse_open_address(table: &Table<'_>, code: &'static str, url: Option<&PublicUrl>) {
    if let Some(url) = url
        && !url.secure
        && !is_loopback(&url.host)
    {
        table.fault(
            Fault::new(code, "people log in at an address without https")
                .at(table.span())
                .hint("write public_url with https://: browsers keep no session without it"),
        );
    }
}

fn values(found: Option<Vec<config::Found<Box<str>>>>) -> Vec<Box<str>> {
    let found = found.unwrap_or_default();
    found.into_iter().map(|found| found.value).collect()
}

/// `[login.roles]`: what a value of the claim is called here.
fn roles(login: &mut Table<'_>, known: Option<&RoleTable>) -> Vec<(Box<str>, Box<str>)> {
    let Some(mut table) = login.optional_table("roles") else {
        return Vec::new();
    };
    let mut roles = Vec::new();
    for key in table.keys() {
        if let Some(role) = table.parse(&key.value, "a role such as mentor", name) {
            super::roles::known(&table, known, &role);
            roles.push((key.value.into(), role.value));
        }
    }
    table.done();
    roles
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn name(text: &str) -> Result<Box<str>, &'static str> {
    let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.into())
    } else {
        Err("is not 1 to 64 lower-case letters, digits, '.', '_' and '-'")
    }
}

fn word(text: &str) -> Result<Box<str>, &'static str> {
    let allowed = |c: u8| matches!(c, b'!' | b'#'..=b'[' | b']'..=b'~');
    if (1..=100).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.into())
    } else {
        Err("is not a scope")
    }
}

fn domain(text: &str) -> Result<Box<str>, &'static str> {
    let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    if text.len() <= 253 && text.contains('.') && text.bytes().all(allowed) {
        Ok(text.into())
    } else {
        Err("is not a domain in lower case")
    }
}
