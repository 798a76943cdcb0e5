//! What passing a check is worth.
//!
//! Owns two tokens. [`Verified`] says that a credential was checked, [`Authorised`] that its owner
//! may do this, here. Neither can be made or copied outside this crate, so code that takes one
//! cannot be reached without the check: leaving the check out does not compile. Both are the same for
//! every kind of credential, and so is the judgement between them.

use std::sync::Arc;

use crate::{
    AccessRefusal, RoleTable,
    principal::{Principal, Standing},
    roles::Ruling,
    token::marks::Tenure,
};

/// Proof that a credential was checked and is good.
#[derive(Debug)]
#[must_use = "who asks is known, but not yet whether they may"]
pub struct Verified {
    principal: Principal,
    tenure: Option<Tenure>,
}

impl Verified {
    /// `tenure` is how long the credential itself stands, where it says so.
    pub(crate) const fn new(principal: Principal, tenure: Option<Tenure>) -> Self {
        Self { principal, tenure }
    }

    /// Whose credential it was.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Checks that whoever asks may use `method` on `path` and has one of `roles`, where any are
    /// named. A key must also name both in its scope, as must a certificate's entry, and where there is a `table`, it must allow both
    /// to one of the roles and deny them to none.
    ///
    /// `path` is the canonical path of the request. Scope, roles and table are checked in this order.
    /// Uses this proof up; take what a refusal is to be recorded with from [`Verified::principal`]
    /// before.
    pub fn authorise<R: AsRef<str>>(
        self,
        method: &str,
        path: &str,
        roles: &[R],
        table: Option<&RoleTable>,
    ) -> Result<Authorised, AccessRefusal> {
        if let Principal::Key(key) = &self.principal
            && !key.scopes().cover(method, path)
        {
            return Err(AccessRefusal::Scope);
        }
        if let Principal::Certificate(shown) = &self.principal
            && !shown.holder().scopes().cover(method, path)
        {
            return Err(AccessRefusal::Scope);
        }
        if !self.principal.has_one_of(roles) {
            return Err(AccessRefusal::Role);
        }
        if let Some(table) = table {
            match table.judge(self.principal.roles(), method, path) {
                Ruling::Allowed => {}
                Ruling::Denied => return Err(AccessRefusal::Denied),
                Ruling::Absent => return Err(AccessRefusal::Absent),
            }
        }
        Ok(Authorised(self))
    }
}

/// Proof that whoever asks may do what they ask for. For one request: it was made for its method,
/// its path and its route.
#[derive(Debug)]
#[must_use = "the request may pass, but nothing was done with it"]
pub struct Authorised(Verified);

impl Authorised {
    /// In whose name the request goes on.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// What must go on being so for as long as the request lasts.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let (mut key, mut session, mut certificate) = (None, None, None);
        match &self.0.principal {
            Principal::Key(its) => key = Some(its.id()),
            Principal::Bearer(_) => {}
            Principal::Session(its) => session = Some(Arc::clone(its)),
            Principal::Certificate(its) => certificate = Some(its.clone()),
        }
        Standing {
            key,
            session,
            certificate,
            tenure: self.0.tenure,
        }
    }
}
