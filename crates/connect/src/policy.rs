//! Where connections may go: the verdict on a whole destination, and the proof of it.
//!
//! Owns [`Policy`]: the ports, the names and listeners of this deployment, the NAT64 prefixes, the
//! exceptions and the denials. A destination is [`Policy::admit`]ted by scheme, port and name; then
//! every address of its answer is judged, and one that is refused fails the whole answer, because an
//! honest zone does not mix them. What comes out is [`Judged`]: it cannot be made elsewhere or
//! copied, and dialling takes nothing else. Refuses what nothing allows. Trusts the configuration,
//! and no answer.
//!
//! Of two settings about one address the more specific one counts, by host and by network; where
//! neither is, the denial does. The built-in ranges count as denials of every host, so that an
//! exception opens no range inside it that has a smaller row of its own.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use control::Timestamp;
use ipnet::IpNet;

use crate::{
    judge::judge,
    names::{NameRule, rule_of},
    nat64::Nat64,
    refused::Refused,
    resolve::{Answer, LookupFault, MOST_ALIASES, Resolve},
    target::{Destination, Host, Name},
};

/// The ports that public addresses are reached on.
pub const PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// The most addresses an answer may have.
pub const MOST_ADDRESSES: usize = 64;

/// A named host on a network that is otherwise refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The host, whole: a name or an address.
    pub host: Host,
    /// The network its addresses lie in; all of it within one range that exceptions may open.
    pub network: IpNet,
    /// A port beside those that are always allowed.
    pub port: Option<u16>,
    /// Why.
    pub reason: String,
    /// The moment from which it no longer counts.
    pub until: Timestamp,
}

/// A network that is refused although it is public or an exception opens more than it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The host it is about; every host where it names none.
    pub host: Option<Host>,
    /// The network.
    pub network: IpNet,
}

/// What is ours, and therefore no destination.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Names the deployment answers to.
    pub names: Vec<Name>,
    /// What it listens on; an unspecified address stands for every address of this machine.
    pub listeners: Vec<SocketAddr>,
    /// Addresses of this machine's interfaces.
    pub interfaces: Vec<IpAddr>,
}

/// Where connections may go. The default allows every public address on [`PORTS`].
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// NAT64 prefixes of the operator.
    pub nat64: Vec<Nat64>,
    /// Networks that are opened for one host.
    pub exceptions: Vec<Exception>,
    /// Networks that are closed.
    pub denials: Vec<Denial>,
    /// What is ours.
    pub own: Own,
}

/// A destination whose port and name are allowed, at one moment. What it resolves to is not yet.
#[derive(Debug)]
pub struct Admitted<'p> {
    policy: &'p Policy,
    destination: Destination,
    /// The exceptions for this host and port that count.
    exceptions: Vec<&'p Exception>,
    /// The rule about its name that only an exception opens.
    name: Option<&'static NameRule>,
}

/// An address that may be dialled, once, for the host it was judged for. Only
/// [`Admitted::addresses`] makes one.
pub struct Judged {
    address: SocketAddr,
    destination: Destination,
}

/// Why a destination leads to no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// It is refused.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// Its name could not be looked up.
    #[error(transparent)]
    Lookup(#[from] LookupFault),
}

impl Judged {
    /// The address and port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whom it was judged for.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Judged({} for {})", self.address, self.destination)
    }
}

impl Policy {
    /// Judges port and name, which must be done before anything is resolved.
    ///
    /// # Errors
    ///
    /// The rule that refuses them.
    pub fn admit(
        &self,
        destination: &Destination,
        now: Timestamp,
    ) -> Result<Admitted<'_>, Refused> {
        let port = destination.port();
        let exceptions: Vec<_> = self
            .exceptions
            .iter()
            .filter(|exception| {
                exception.host == *destination.host()
                    && now < exception.until
                    && (exception.port == Some(port) || PORTS.contains(&port))
            })
            .collect();
        let name = self.name_rule(destination.host());
        match (name, destination.host()) {
            (Some(rule), Host::Name(name)) if !rule.opens || exceptions.is_empty() => {
                return Err(Refused::Name {
                    name: name.to_string(),
                    rule,
                });
            }
            _ => {}
        }
        if !PORTS.contains(&port) && exceptions.is_empty() {
            return Err(Refused::Port(port));
        }
        Ok(Admitted {
            policy: self,
            destination: destination.clone(),
            exceptions,
            name,
        })
    }

    fn name_rule(&self, host: &Host) -> Option<&'static NameRule> {
        rule_of(host.name()?, &self.own.names)
    }

    /// The denial of `address` for `host` that no exception among `exceptions` outweighs.
    fn denial(&self, host: &Host, address: IpAddr, exceptions: &[&Exception]) -> Option<&Denial> {
        self.denials.iter().find(|denial| {
            let about = denial.host.as_ref().is_none_or(|named| named == host);
            about
                && denial.network.contains(&address)
                && !exceptions
                    .iter()
                    .any(|exception| outweighs(exception, denial, address))
        })
    }

    /// Whether `address` is one of this machine's own, by its interfaces or by what it listens on.
    fn is_own(&self, address: IpAddr) -> bool {
        let own = &self.own;
        own.interfaces.contains(&address)
            || own
                .listeners
                .iter()
                .any(|listener| listener.ip() == address)
    }

    /// Whether something of ours listens at `address`.
    fn listens_at(&self, address: SocketAddr) -> bool {
        let own = &self.own;
        let ip = address.ip();
        let here = ip.is_loopback() || own.interfaces.contains(&ip);
        own.listeners.iter().any(|listener| {
            listener.port() == address.port()
                && (listener.ip() == ip || listener.ip().is_unspecified() && here)
        })
    }
}

/// Whether an exception for `address` is more specific than a denial: no less so by host and by
/// network, and more so by one of them.
fn outweighs(exception: &Exception, denial: &Denial, address: IpAddr) -> bool {
    let (mine, theirs) = (exception.network.prefix_len(), denial.network.prefix_len());
    exception.network.contains(&address)
        && mine >= theirs
        && (mine > theirs || denial.host.is_none())
}

impl Admitted<'_> {
    /// Whom it is about.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Resolves the name, where it is one, and judges every address. The address of a URL that
    /// names one is judged like any other.
    ///
    /// # Errors
    ///
    /// The first refusal, as one address that is refused fails the whole answer; or that nothing
    /// could be looked up.
    pub async fn addresses(&self, resolver: &dyn Resolve) -> Result<Vec<Judged>, Unreached> {
        let answer = self.answer(resolver).await?;
        Ok(self.judge(&answer)?)
    }

    /// What the host resolves to; an address is its own answer.
    pub(crate) async fn answer(&self, resolver: &dyn Resolve) -> Result<Answer, LookupFault> {
        match self.destination.host() {
            Host::Name(name) => resolver.resolve(name).await,
            Host::V4(address) => Ok(Answer::literal((*address).into())),
            Host::V6(address) => Ok(Answer::literal((*address).into())),
        }
    }

    /// Judges everything the host resolved to.
    pub(crate) fn judge(&self, answer: &Answer) -> Result<Vec<Judged>, Refused> {
        if answer.aliases.len() > MOST_ALIASES {
            return Err(Refused::TooManyAliases);
        }
        if answer.addresses.is_empty() {
            return Err(Refused::NoAddress);
        }
        if answer.addresses.len() > MOST_ADDRESSES {
            return Err(Refused::TooManyAddresses(answer.addresses.len()));
        }
        if self.exceptions.is_empty() {
            self.judge_aliases(answer)?;
        }
        answer
            .addresses
            .iter()
            .map(|address| self.judge_address(*address))
            .collect()
    }

    fn judge_aliases(&self, answer: &Answer) -> Result<(), Refused> {
        let refused = answer.aliases.iter().find_map(|alias| {
            let rule = rule_of(alias, &self.policy.own.names)?;
            Some((alias, rule))
        });
        match refused {
            None => Ok(()),
            Some((alias, rule)) => Err(Refused::Alias {
                name: self.destination.host().to_string(),
                alias: alias.to_string(),
                rule,
            }),
        }
    }

    /// Judges one address. Not for those outside: what stands beside it in its answer counts.
    pub(crate) fn judge_address(&self, given: IpAddr) -> Result<Judged, Refused> {
        let (host, port) = (self.destination.host(), self.destination.port());
        let verdict = judge(given, &self.policy.nat64);
        let address = verdict.map_or(given.to_canonical(), |public| public.address());
        let dialled = SocketAddr::new(address, port);
        if self.policy.listens_at(dialled) {
            return Err(Refused::OwnListener(dialled));
        }
        let excepted: Vec<_> = self
            .exceptions
            .iter()
            .copied()
            .filter(|exception| exception.network.contains(&address))
            .collect();
        let refusal = match verdict {
            Err(refused) if !refused.opens() => return Err(Refused::Address(refused)),
            Err(refused) => Some(Refused::Address(refused)),
            Ok(_) if self.policy.is_own(address) => Some(Refused::OwnAddress(address)),
            Ok(_) => self.public_refusal(),
        };
        if let Some(refusal) = refusal
            && excepted.is_empty()
        {
            return Err(refusal);
        }
        if let Some(denial) = self.policy.denial(host, address, &excepted) {
            return Err(Refused::Denied {
                address,
                network: denial.network,
            });
        }
        Ok(Judged {
            address: dialled,
            destination: self.destination.clone(),
        })
    }

    /// What an exception opened for this destination, and does not open for a public address.
    fn public_refusal(&self) -> Option<Refused> {
        let port = self.destination.port();
        match self.name {
            Some(rule) => Some(Refused::Name {
                name: self.destination.host().to_string(),
                rule,
            }),
            None if !PORTS.contains(&port) => Some(Refused::Port(port)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests;
