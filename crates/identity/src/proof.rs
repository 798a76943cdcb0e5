//! What passing a check is worth.
//!
//! Owns two tokens. [`Verified`] says that a credential was checked, [`Authorised`] that its owner
//! may do this, here. Neither can be made or copied outside this crate, so code that takes one
//! cannot be reached without the check: leaving the check out does not compile.

use std::sync::Arc;

use crate::{AccessRefusal, Key};

/// Proof that a credential was checked and is good; `T` is whose it is.
#[derive(Debug)]
#[must_use = "who asks is known, but not yet whether they may"]
pub struct Verified<T>(Arc<T>);

impl<T> Verified<T> {
    pub(crate) const fn new(subject: Arc<T>) -> Self {
        Self(subject)
    }

    /// Whose credential it was.
    #[must_use]
    pub fn subject(&self) -> &T {
        &self.0
    }
}

impl Verified<Key> {
    /// Checks that the key may use `method` on `path` and has one of `roles`, where any are named.
    ///
    /// `path` is the canonical path of the request. The scope is checked first. Uses this proof up;
    /// take what a refusal is to be recorded with from [`Verified::subject`] before.
    pub fn authorise<R: AsRef<str>>(
        self,
        method: &str,
        path: &str,
        roles: &[R],
    ) -> Result<Authorised, AccessRefusal> {
        if !self.0.scopes().cover(method, path) {
            return Err(AccessRefusal::Scope);
        }
        let has = |wanted: &R| self.0.roles().iter().any(|role| **role == *wanted.as_ref());
        if !roles.is_empty() && !roles.iter().any(has) {
            return Err(AccessRefusal::Role);
        }
        Ok(Authorised(self.0))
    }
}

/// Proof that whoever asks may do what they ask for. For one request: it was made for its method,
/// its path and its route.
#[derive(Debug)]
#[must_use = "the request may pass, but nothing was done with it"]
pub struct Authorised(Arc<Key>);

impl Authorised {
    /// The key in whose name the request goes on.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.0
    }
}
