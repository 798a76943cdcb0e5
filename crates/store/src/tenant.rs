//! Whose rows a query may touch.
//!
//! Owns the type without which no table that carries tenants can be asked. Refuses names that could
//! be taken for every tenant.

use crate::{Access, StoreError, access::Value};

/// Longest name of a tenant in bytes.
pub const TENANT_LIMIT: usize = 64;

/// What a transaction is bound to where it acts for the deployment itself.
const EVERY: &str = "*";

/// The organisation whose rows a query may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(String);

impl Tenant {
    /// The tenant called `name`: 1 to 64 lower-case letters, digits, `.`, `_` and `-`. `None` for
    /// anything else.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let fits = (1..=TENANT_LIMIT).contains(&name.len()) && name.bytes().all(allowed);
        fits.then(|| Self(name.to_owned()))
    }

    /// Every tenant: for what the deployment does itself, such as reading all keys at its start.
    /// Never for what a request asks.
    #[must_use]
    pub fn every() -> Self {
        Self(EVERY.to_owned())
    }

    /// Whether a row of the tenant called `name` may be touched.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.0 == EVERY || self.0 == name
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// A transaction that is bound to a [`Tenant`]: the only way to tables that carry tenants.
///
/// Each statement names the tenant, and on a server row-level security holds it to that once more.
///
/// ```
/// fn all(access: &store::Access<'_>) -> Result<usize, store::StoreError> {
///     let tenant = store::Tenant::every();
///     store::keys::list(&access.within(&tenant)?).map(|keys| keys.len())
/// }
/// ```
///
/// Without a tenant there is no query:
///
/// ```compile_fail,E0308
/// fn all(access: &store::Access<'_>) -> Result<usize, store::StoreError> {
///     store::keys::list(access).map(|keys| keys.len())
/// }
/// ```
pub struct Within<'a> {
    pub(crate) access: &'a Access<'a>,
    pub(crate) tenant: &'a Tenant,
}

impl Within<'_> {
    pub(crate) fn value(&self) -> Value<'_> {
        Value::Text(self.tenant.text())
    }
}

impl Access<'_> {
    /// Binds this transaction to `tenant`, until it ends or is bound to another.
    pub fn within<'b>(&'b self, tenant: &'b Tenant) -> Result<Within<'b>, StoreError> {
        self.bind(tenant.text())?;
        Ok(Within {
            access: self,
            tenant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_mean_more_than_one_tenant_is_refused() {
        for name in ["", "*", "a b", "School", "a'", "ä", &"a".repeat(65)] {
            assert_eq!(Tenant::named(name), None, "{name}");
        }
        for name in ["default", "probe", "school-7.b_c", &"a".repeat(64)] {
            assert_eq!(Tenant::named(name).unwrap().text(), name);
        }
    }
}
