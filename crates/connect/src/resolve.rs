//! Names to addresses.
//!
//! Owns the trait that connections ask, and [`Fixed`], which knows what it was told and asks nobody.
//! [`Dns`] asks name servers. Answers are not judged here, and an address in a URL is never resolved: it goes to the judge as it
//! is.

mod dns;

use std::{collections::BTreeMap, future::Future, net::IpAddr, pin::Pin};

pub use dns::{Dns, LIMIT};

use crate::target::Name;

/// The most aliases between a name and its addresses.
pub const MOST_ALIASES: usize = 8;

/// What a name resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The names it is an alias of, in order.
    pub aliases: Vec<Name>,
    /// Every address, of both families.
    pub addresses: Vec<IpAddr>,
}

impl Answer {
    /// An address that was not resolved but named.
    pub(crate) fn literal(address: IpAddr) -> Self {
        Self {
            aliases: Vec::new(),
            addresses: vec![address],
        }
    }
}

/// Why a name did not resolve. Nothing was refused: nothing could be asked or answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupFault {
    /// The name does not exist or has no address.
    #[error("{0} has no address")]
    NoAddress(Name),
    /// The name is an alias of something that is no plain name.
    #[error("{0} is an alias of what is no plain name")]
    BadAlias(Name),
    /// The name servers did not answer in time.
    #[error("the name servers did not answer about {0} in time")]
    TimedOut(Name),
    /// The name servers failed, or there are none.
    #[error("{name} cannot be looked up: {cause}")]
    Failed {
        /// The name.
        name: Name,
        /// What the library says.
        cause: String,
    },
    /// Nobody was told about the name, and nothing may be looked up.
    #[error("nothing is said about {0}")]
    Unknown(Name),
}

impl LookupFault {
    /// What to do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoAddress(_) | Self::BadAlias(_) => "check the name",
            Self::TimedOut(_) | Self::Failed { .. } => "check the name servers in /etc/resolv.conf",
            Self::Unknown(_) => {
                "give it with --resolve as well, or leave --resolve out to look names up"
            }
        }
    }
}

/// The answer to come.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<Answer, LookupFault>> + Send + 'a>>;

/// Resolves names.
pub trait Resolve: Send + Sync {
    /// Every address of `name`.
    fn resolve<'a>(&'a self, name: &'a Name) -> Looking<'a>;
}

/// Names with given addresses, and no others.
#[derive(Clone, Debug, Default)]
pub struct Fixed(BTreeMap<Name, Vec<IpAddr>>);

impl Fixed {
    /// Adds addresses of a name.
    pub fn add(&mut self, name: Name, addresses: impl IntoIterator<Item = IpAddr>) {
        self.0.entry(name).or_default().extend(addresses);
    }
}

impl Resolve for Fixed {
    fn resolve<'a>(&'a self, name: &'a Name) -> Looking<'a> {
        let answer = self
            .0
            .get(name)
            .map(|addresses| Answer {
                aliases: Vec::new(),
                addresses: addresses.clone(),
            })
            .ok_or_else(|| LookupFault::Unknown(name.clone()));
        Box::pin(std::future::ready(answer))
    }
}
