//! What can be asked of local accounts and of sessions.
//!
//! Owns the reading of each body and the ledger event of each change, which names a person by the id
//! that stands for them and never by name. Refuses a change whose event cannot be made durable: an
//! account that was made is taken back, one that was enabled is disabled again; what shuts somebody out
//! stays.

use control::Timestamp;
use identity::{
    Sessions, SessionsFault,
    account::{AccountFault, Accounts, Door, Made, NewAccount, person},
    keys::DEFAULT_TENANT,
    lockout::Origin,
};
use ledger::{Kind, Notice, PrincipalId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Instance, Said,
    ask::{bad, note, notice},
};

/// Where a link leads.
const CLAIM: &str = gate::stages::sign_in::CLAIM;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    tenant: Option<String>,
}

/// Somebody by the name of their account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    name: String,
}

/// Sessions: one, those of a person, or all.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// What one session is called by.
    #[serde(default)]
    id: Option<String>,
    /// The name of a local account.
    #[serde(default)]
    user: Option<String>,
    /// A person as lists name them.
    #[serde(default)]
    principal: Option<String>,
}

impl Which {
    /// Whose sessions are meant.
    fn principal(&self) -> Option<String> {
        let user = self.user.as_deref().map(str::to_ascii_lowercase);
        let user = user.map(|name| person(&name).as_str().to_owned());
        user.or_else(|| self.principal.clone())
    }
}

fn door(instance: &Instance) -> Result<&Door, Said> {
    let door = instance.door.as_ref();
    door.ok_or_else(|| {
        bad(
            "there are no local accounts here",
            "add an [accounts] table",
        )
    })
}

fn accounts(instance: &Instance) -> Result<&Accounts, Said> {
    door(instance).map(Door::accounts)
}

fn live(instance: &Instance) -> Result<&Sessions, Said> {
    let sessions = instance.sessions.as_ref();
    sessions.ok_or_else(|| {
        bad(
            "nobody logs in here",
            "add a [login] or an [accounts] table",
        )
    })
}

fn faulty(fault: AccountFault) -> Said {
    let hint = fault.hint();
    bad(fault, hint)
}

fn away(fault: SessionsFault) -> Said {
    let hint = fault.hint();
    bad(fault, hint)
}

/// An event about the person who has the account called `name`.
fn about(instance: &Instance, kind: Kind, name: &str) -> Notice {
    let mut notice = notice(instance, kind);
    notice.principal = PrincipalId::new(person(&name.to_ascii_lowercase()).as_str());
    notice
}

fn now(instance: &Instance) -> Timestamp {
    instance.clock().now()
}

/// The account and its link, which nobody sees again.
fn shown(instance: &Instance, made: &Made) -> Said {
    let site = instance.gate.site();
    let place = &site.deployment().public_url.text;
    Said::ok(json!({
        "name": made.name.as_str(),
        "principal": person(made.name.as_str()).as_str(),
        "link": format!("{place}{CLAIM}?link={}", made.link.expose()),
        "until": made.until.to_string(),
    }))
}

pub(super) fn list(instance: &Instance) -> Result<Said, Said> {
    let users = accounts(instance)?.list().map_err(faulty)?;
    note(instance, notice(instance, Kind::ACCOUNTS_LISTED))?;
    Ok(Said::ok(json!({ "users": users })))
}

pub(super) fn add(instance: &Instance, wish: Wish) -> Result<Said, Said> {
    let accounts = accounts(instance)?;
    let roles = wish.roles.clone();
    let tenant = wish.tenant.unwrap_or_else(|| DEFAULT_TENANT.to_owned());
    let new = NewAccount {
        name: wish.name,
        roles: wish.roles,
        tenant: tenant.clone(),
    };
    let made = accounts.add(new, now(instance), instance.rng());
    let made = made.map_err(faulty)?;
    let event = about(instance, Kind::ACCOUNT_CREATED, made.name.as_str());
    let event = event.list("roles", roles).text("tenant", tenant);
    noted_or_taken_back(instance, accounts, event, &made)?;
    Ok(shown(instance, &made))
}

fn noted_or_taken_back(
    instance: &Instance,
    accounts: &Accounts,
    event: Notice,
    made: &Made,
) -> Result<(), Said> {
    note(instance, event).inspect_err(|_| {
        // It may be that the store fails as well; nobody has seen the link then.
        let _ = accounts.take_back(made);
    })
}

pub(super) fn reset(instance: &Instance, who: &Who) -> Result<Said, Said> {
    let made = accounts(instance)?.reset(&who.name, now(instance), instance.rng());
    let made = made.map_err(faulty)?;
    end_of(instance, made.name.as_str())?;
    note(
        instance,
        about(instance, Kind::ACCOUNT_RESET, made.name.as_str()),
    )?;
    Ok(shown(instance, &made))
}

pub(super) fn disable(instance: &Instance, who: &Who) -> Result<Said, Said> {
    let disabled = accounts(instance)?.disable(&who.name, Some(now(instance)));
    disabled.map_err(faulty)?;
    let ended = end_of(instance, &who.name)?;
    note(instance, about(instance, Kind::ACCOUNT_DISABLED, &who.name))?;
    Ok(Said::ok(json!({ "sessions_ended": ended })))
}

pub(super) fn enable(instance: &Instance, who: &Who) -> Result<Said, Said> {
    let accounts = accounts(instance)?;
    accounts.disable(&who.name, None).map_err(faulty)?;
    note(instance, about(instance, Kind::ACCOUNT_ENABLED, &who.name)).inspect_err(|_| {
        let _ = accounts.disable(&who.name, Some(now(instance)));
    })?;
    Ok(Said::ok(json!({})))
}

pub(super) fn unlock(instance: &Instance, who: &Who) -> Result<Said, Said> {
    let lockout = door(instance)?.lockout();
    note(instance, about(instance, Kind::ACCOUNT_UNLOCKED, &who.name))?;
    let name = who.name.to_ascii_lowercase();
    let unlocked = instance.service.block_on(lockout.unlock(&name));
    let was_locked = unlocked.map_err(|fault| {
        let hint = fault.hint();
        bad(fault, hint)
    })?;
    Ok(Said::ok(json!({ "had_failures": was_locked })))
}

/// Ends every session of the account called `name`.
fn end_of(instance: &Instance, name: &str) -> Result<usize, Said> {
    let principal = person(&name.to_ascii_lowercase());
    let ending = live(instance)?.end_of(principal.as_str());
    instance.service.block_on(ending).map_err(away)
}

pub(super) fn sessions(instance: &Instance, which: &Which) -> Result<Said, Said> {
    let principal = which.principal();
    let listing = live(instance)?.list(principal.as_deref());
    let listed = instance.service.block_on(listing).map_err(away)?;
    note(instance, notice(instance, Kind::SESSIONS_LISTED))?;
    Ok(Said::ok(json!({ "sessions": listed })))
}

pub(super) fn end(instance: &Instance, which: &Which) -> Result<Said, Said> {
    let sessions = live(instance)?;
    let ended = match (&which.id, which.principal()) {
        (Some(id), None) => {
            let ended = instance.service.block_on(sessions.end_called(id));
            usize::from(ended.map_err(away)?)
        }
        (None, Some(principal)) => {
            let ended = instance.service.block_on(sessions.end_of(&principal));
            ended.map_err(away)?
        }
        _ => {
            return Err(bad(
                "which sessions are meant is not clear",
                "name one, or a person",
            ));
        }
    };
    let count = i64::try_from(ended).unwrap_or(i64::MAX);
    let mut event = notice(instance, Kind::SESSIONS_ENDED).count("sessions", count);
    event.principal = which.principal().and_then(|it| PrincipalId::new(&it));
    note(instance, event)?;
    Ok(Said::ok(json!({ "ended": ended })))
}

/// An account for a proof, nobody's and for a minute.
pub(super) fn probe(instance: &Instance) -> Result<Said, Said> {
    let accounts = accounts(instance)?;
    let made = accounts.add_probe(now(instance), instance.rng());
    let made = made.map_err(faulty)?;
    let event = notice(instance, Kind::PROBE_MINTED).text("what", "account");
    noted_or_taken_back(instance, accounts, event, &made)?;
    let link: Value = made.link.expose().into();
    Ok(Said::ok(
        json!({ "name": made.name.as_str(), "link": link }),
    ))
}

/// Removes it, with what it and the proof's address have against them.
pub(super) fn remove_probe(instance: &Instance, who: &Who) -> Result<Said, Said> {
    let door = door(instance)?;
    let removed = door.accounts().remove_probe(&who.name).map_err(faulty)?;
    end_of(instance, &who.name)?;
    let forgiven = instance.service.block_on(async {
        if removed {
            door.lockout().unlock(&who.name).await?;
        }
        door.lockout().forgive(Origin::Proof).await
    });
    forgiven.map_err(|fault| {
        let hint = fault.hint();
        bad(fault, hint)
    })?;
    Ok(Said::ok(json!({ "removed": removed })))
}
