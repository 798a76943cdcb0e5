//! Whom client certificates stand for, as the file says it.
//!
//! Owns `[[certificate]]`. Refuses an entry that no certificate could be known by, two that one certificate
//! could be known by, names that the ledger cannot keep, roles and scopes that are none, and entries where
//! no listener asks for certificates.

use std::collections::BTreeSet;

use config::{Fault, Found, Table};
use identity::{
    RoleTable, Scopes,
    certificate::{Holder, Holders, LONGEST_NAME, MOST, Mark},
};

use super::{desks::role, listen::Listen, roles};

/// Reads every `[[certificate]]`.
pub(super) fn read(
    root: &mut Table<'_>,
    listeners: &[Listen],
    known: Option<&RoleTable>,
) -> Holders {
    let (mut holders, mut names, mut seen) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let asked = listeners
        .iter()
        .any(|it| it.tls.as_ref().is_some_and(|tls| tls.clients.is_some()));
    for (number, mut table) in root.tables("certificate").into_iter().enumerate() {
        if !asked || number >= MOST {
            table.fault(
                Fault::new(
                    "certificate.not-asked",
                    format!("no listener asks for certificates, or there are more than {MOST}"),
                )
                .at(table.span())
                .hint("add clients = { roots = \"ca.pem\" } to the tls of a [[listen]] table"),
            );
        }
        let name = table.required_parse("name", "a name such as billing", name_of);
        let marks = marks(&mut table, &mut seen);
        let roles = roles_of(&mut table, known);
        let scopes = scopes(&mut table);
        let tenant = table.parse("tenant", "a tenant such as north", role);
        let Some(name) = name else { continue };
        if !names.insert(name.value.clone()) {
            table.fault(
                Fault::new(
                    "certificate.name-twice",
                    format!("{} is named twice", name.value),
                )
                .at(name.span)
                .hint("let each [[certificate]] have a name of its own, and several marks"),
            );
        }
        let tenant = tenant.map_or_else(|| "default".into(), |it| it.value);
        holders.push(Holder::new(&name.value, roles, tenant, scopes, marks));
    }
    Holders::new(holders)
}

/// What the entry knows its certificates by.
fn marks(table: &mut Table<'_>, seen: &mut BTreeSet<Mark>) -> BTreeSet<Mark> {
    let mut marks = BTreeSet::new();
    let mut named = false;
    for (key, read) in [
        ("sha256", sha256 as fn(&str) -> Result<Mark, &'static str>),
        ("dns", dns),
        ("uri", uri),
        ("email", email),
    ] {
        named |= table.has(key);
        for found in table.one_or_more(key).into_iter().flatten() {
            match read(&found.value) {
                Ok(mark) => {
                    if !seen.insert(mark.clone()) {
                        table.fault(
                            Fault::new(
                                "certificate.twice",
                                format!("{} is how another entry knows its own", found.value),
                            )
                            .at(found.span)
                            .hint("a certificate stands for one entry: remove it from the other"),
                        );
                    }
                    marks.insert(mark);
                }
                Err(why) => wrong(table, key, &found, why),
            }
        }
    }
    if !named {
        table.fault(
            Fault::new(
                "certificate.unmarked",
                format!(
                    "{} says nothing that a certificate is known by",
                    table.title()
                ),
            )
            .at(table.span())
            .hint("add uri, dns, email or sha256, as the certificate has it"),
        );
    }
    marks
}

fn wrong(table: &Table<'_>, key: &str, found: &Found<String>, why: &str) {
    table.fault(
        Fault::new("certificate.mark", format!("this {key} {why}"))
            .at(found.span)
            .hint("openssl x509 -noout -ext subjectAltName -fingerprint -sha256 shows them"),
    );
}

fn roles_of(table: &mut Table<'_>, known: Option<&RoleTable>) -> Vec<Box<str>> {
    let found = table.parse_each("roles", "a role such as reader", role);
    let found = found.into_iter().flatten();
    let mut all = Vec::new();
    for one in found {
        roles::known(table, known, &one);
        all.push(one.value);
    }
    all
}

/// What it may do; what routes and roles allow, where nothing is said.
fn scopes(table: &mut Table<'_>) -> Scopes {
    let Some(texts) = table.texts("scopes") else {
        return match table.has("scopes") {
            true => Scopes::None,
            false => Scopes::All,
        };
    };
    let values: Vec<&str> = texts.iter().map(|it| it.value.as_str()).collect();
    Scopes::parse(&values).unwrap_or_else(|fault| {
        table.fault(
            Fault::new("certificate.scope", fault.to_string())
                .at(texts.first().map(|it| it.span))
                .hint("write scopes = [\"GET,POST /api\"], or leave it out"),
        );
        Scopes::None
    })
}

fn name_of(text: &str) -> Result<Box<str>, &'static str> {
    let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.into())
    } else {
        Err("is not 1 to 14 lower-case letters, digits and '-'")
    }
}

/// Hexadecimal, with or without colons between the bytes.
fn sha256(text: &str) -> Result<Mark, &'static str> {
    let plain: String = text.chars().filter(|c| *c != ':').collect();
    let bytes = seal::encode::unhex(plain.to_ascii_lowercase()).ok();
    let digest = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    digest
        .map(Mark::Sha256)
        .ok_or("is not 64 hexadecimal digits")
}

fn dns(text: &str) -> Result<Mark, &'static str> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
    if (1..=253).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(Mark::Dns(text.to_ascii_lowercase().into()))
    } else {
        Err("is not a name such as billing.internal, and a wildcard would be anybody")
    }
}

fn uri(text: &str) -> Result<Mark, &'static str> {
    let printable = text.bytes().all(|c| c.is_ascii_graphic());
    if printable && text.len() <= 2048 && text.find(':').is_some_and(|at| at > 0) {
        Ok(Mark::Uri(text.into()))
    } else {
        Err("is not a URI such as spiffe://school.example/billing")
    }
}

fn email(text: &str) -> Result<Mark, &'static str> {
    let printable = text.bytes().all(|c| c.is_ascii_graphic());
    if printable && text.len() <= 254 && text.find('@').is_some_and(|at| at > 0) {
        Ok(Mark::Email(text.into()))
    } else {
        Err("is not an address such as billing@school.example")
    }
}
