//! Entry: from a name and a password to a session.
//!
//! Owns the check on the service runtime, a few at a time, what is told of a lock, and the session of
//! whoever has come in. Refuses a session to an account that was disabled in between. Says the same to
//! everybody who is refused, for the same length of time: the door sees to that.

use std::{sync::Arc, time::Duration};

use control::{Refusal, Secret};
use hooks::alerts::{Alert, What};
use identity::{
    PersonId,
    account::{Door, Refused, SignInRefusal, SignedIn, person},
    form,
    lockout::{Locked, Origin, Subject},
    oidc::ReturnTo,
    session::service::{BackDated, Begun, NewSession},
};
use ledger::{Kind, Notice, PrincipalId};
use tokio::{sync::oneshot, time::timeout};

use super::super::{exchange::Exchange, login, record::DISK_PATIENCE};
use crate::core::{Core, People};

/// How long a check may take with the wait for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was filled in. Passwords among it are wiped with it.
pub(in crate::stages) struct Fields(Vec<(String, String)>);

impl Drop for Fields {
    fn drop(&mut self) {
        for (_, value) in self.0.drain(..) {
            drop(Secret::new(value.into_bytes()));
        }
    }
}

impl Fields {
    /// Reads `text`, if it is the text of a form.
    pub(in crate::stages) fn read(text: &str) -> Option<Self> {
        form::read(text).map(Self)
    }

    /// What stands under `name`; nothing where it is not there.
    pub(in crate::stages) fn text(&self, name: &str) -> &str {
        form::value(&self.0, name).unwrap_or_default()
    }

    /// The same, wiped when it is dropped.
    pub(super) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.text(name).as_bytes().to_vec())
    }

    /// The page to go back to.
    pub(super) fn return_to(&self) -> Result<ReturnTo, Refusal> {
        match self.text("to") {
            "" => Ok(ReturnTo::home()),
            page => ReturnTo::parse(page).map_err(|_| login::ELSEWHERE),
        }
    }
}

/// Runs on the service runtime, and not for ever; `None` where it took too long.
pub(super) async fn on_service<T: Send + 'static>(
    core: &Core,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let done = timeout(PATIENCE, core.gate.service.spawn(work)).await;
    done.ok()?.ok()
}

/// Where people with a password come in.
pub(in crate::stages) struct Entry {
    people: People,
    pub(super) door: Door,
    origin: Origin,
}

impl Entry {
    /// For whoever asks from `origin`; none where nobody has a password here.
    pub(in crate::stages) fn of(core: &Core, origin: Origin) -> Option<Self> {
        let people = core.gate.people.get()?.clone();
        let door = people.door.clone()?;
        Some(Self {
            people,
            door,
            origin,
        })
    }

    /// Checks the name and the password that stand under `names`, and notes who it is.
    pub(in crate::stages) async fn check(
        &self,
        core: &Core,
        exchange: &mut Exchange,
        fields: Fields,
        names: (&'static str, &'static str),
    ) -> Result<SignedIn, Refusal> {
        let (origin, now, door) = (self.origin, exchange.at, self.door.clone());
        let checked = on_service(core, async move {
            let (name, password) = (fields.text(names.0), fields.text(names.1));
            door.sign_in(name, password, origin, now).await
        });
        let checked = checked.await.unwrap_or(Err(SignInRefusal::Away.into()));
        match checked {
            Ok(signed_in) => {
                exchange.principal = PrincipalId::new(person(&signed_in.name).as_str());
                Ok(signed_in)
            }
            Err(Refused {
                refusal,
                locks,
                tried,
            }) => {
                if let Some(locked) = locks {
                    let tried = tried.filter(|_| locked.subject == Subject::Account);
                    note_lock(core, exchange, locked, tried, origin).await;
                }
                Err(refusal.into())
            }
        }
    }

    /// Begins the session of somebody who has come in, that ends unused after the first limit and anyhow
    /// after the second.
    pub(in crate::stages) async fn begin(
        self,
        core: &Core,
        signed_in: SignedIn,
        (idle, longest): (Duration, Duration),
        replaces: Option<Vec<u8>>,
    ) -> Result<Begun, Refusal> {
        let new = NewSession {
            issuer: signed_in.issuer().to_owned(),
            subject: signed_in.name.to_string(),
            roles: signed_in.roles.clone(),
            tenant: signed_in.tenant.clone(),
            sid: None,
            idle,
            longest,
            replaces,
        };
        let Self {
            people,
            door,
            origin,
        } = self;
        let rng = Arc::clone(&core.gate.rng);
        let begun = on_service(core, async move {
            let sessions = people.sessions;
            let begun = match origin {
                Origin::Client(_) => sessions.begin(new, &*rng).await,
                Origin::Proof => sessions.begin_probe(new, BackDated::default(), &*rng).await,
            };
            let begun = begun.map_err(login::not_begun)?;
            if matches!(door.stands(&signed_in).await, Ok(true)) {
                return Ok(begun);
            }
            // Whoever disabled the account meanwhile has not seen this session.
            let _ = sessions.end_called(&begun.handle).await;
            Err(Refusal::from(SignInRefusal::Disabled))
        });
        let away = || Err(SignInRefusal::Away.into());
        begun.await.unwrap_or_else(away)
    }
}

/// Writes down what an attempt has locked, and tells the team. It is locked whether that can be done or
/// not.
async fn note_lock(
    core: &Core,
    exchange: &Exchange,
    locked: Locked,
    tried: Option<PersonId>,
    origin: Origin,
) {
    let what = match locked.subject {
        Subject::Account => What::AccountLocked,
        Subject::Address => What::AddressLocked,
    };
    let seconds = locked.wait.as_secs();
    let mut notice = Notice::new(exchange.at, Kind::ACCOUNT_LOCKED)
        .text("what", what.subject())
        .count("seconds", i64::try_from(seconds).unwrap_or(i64::MAX));
    notice.request = Some(exchange.id);
    notice.principal = tried.and_then(|tried| PrincipalId::new(tried.as_str()));
    if let Some(alerts) = core.gate.alerts.get() {
        let (address, proof) = match origin {
            Origin::Client(address) => (Some(address), false),
            Origin::Proof => (None, true),
        };
        alerts.raise(Alert {
            what,
            at: exchange.at,
            principal: tried.map(|tried| tried.as_str().to_owned()),
            request: exchange.id.0,
            seconds,
            address: address.filter(|_| locked.subject == Subject::Address),
            proof,
            count: 1,
        });
    }
    let gate = Arc::clone(&core.gate);
    let (tell, told) = oneshot::channel();
    core.gate.service.spawn_blocking(move || {
        let _ = tell.send(gate.ledger.note_blocking(notice));
    });
    let _ = timeout(DISK_PATIENCE, told).await;
}
