//! Why we do not connect.
//!
//! Owns the closed set of refusals, each with its rule, its words and a hint. A refusal names hosts
//! and addresses and never a path, a query or user information: it may be logged.

use std::net::SocketAddr;

use crate::{judge::RefusedAddress, names::NameRule, target::UrlFault};

/// A destination that was refused. [`Refused::rule`] is stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The text is not a URL that we follow.
    #[error("{0}")]
    Url(#[from] UrlFault),
    /// The name is refused whatever it resolves to.
    #[error("{name} is refused by name ({})", rule.source)]
    Name {
        /// The name.
        name: String,
        /// The rule about it.
        rule: &'static NameRule,
    },
    /// The name is an alias of one that is refused.
    #[error("{name} is an alias of {alias}, which is refused by name ({})", rule.source)]
    Alias {
        /// The name.
        name: String,
        /// What it is an alias of.
        alias: String,
        /// The rule about that.
        rule: &'static NameRule,
    },
    /// The port is not among those that are allowed.
    #[error("port {0} is not among those that are allowed")]
    Port(u16),
    /// An address is refused.
    #[error("{0}")]
    Address(RefusedAddress),
    /// The configuration denies the network of an address.
    #[error("{address} lies in {network}, which the configuration denies")]
    Denied {
        /// The address.
        address: std::net::IpAddr,
        /// The network.
        network: ipnet::IpNet,
    },
    /// An address of this machine.
    #[error("{0} is an address of this machine")]
    OwnAddress(std::net::IpAddr),
    /// A listener of this deployment.
    #[error("{0} is a listener of this deployment")]
    OwnListener(SocketAddr),
    /// A name that resolves to more addresses than anybody needs.
    #[error("the answer has {0} addresses")]
    TooManyAddresses(usize),
    /// A chain of aliases longer than anybody needs, or a circle of them.
    #[error("the answer has more than {} aliases", crate::resolve::MOST_ALIASES)]
    TooManyAliases,
    /// An answer without an address.
    #[error("the answer has no address")]
    NoAddress,
}

impl Refused {
    /// The rule that refuses it: stable, for reports.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Url(fault) => fault.rule(),
            Self::Name { rule, .. } | Self::Alias { rule, .. } => rule.rule,
            Self::Port(_) => "port",
            Self::Address(refused) => refused.range.rule,
            Self::Denied { .. } => "address.denied",
            Self::OwnAddress(_) => "address.own",
            Self::OwnListener(_) => "address.own-listener",
            Self::TooManyAddresses(_) => "answer.too-many",
            Self::TooManyAliases => "answer.aliases",
            Self::NoAddress => "answer.empty",
        }
    }

    /// What to do where it was meant.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        const EXCEPTION: &str = "where it is meant, add a [[connect.exception]] for this host, with a \
                                 reason and an end";
        const NEVER: &str = "no setting opens this; check where the URL comes from";
        match self {
            Self::Url(UrlFault::LegacyAddress) => {
                "write an IPv4 address as four decimal numbers without leading zeros"
            }
            Self::Url(UrlFault::UserInfo) => "send credentials in a field, never in the URL",
            Self::Url(UrlFault::NonAscii) => {
                "write the host in its xn-- form and percent-encode the rest"
            }
            Self::Url(_) => "write the URL as http://host/path or https://host/path",
            Self::Name { rule, .. } | Self::Alias { rule, .. } if rule.opens => EXCEPTION,
            Self::Address(refused) if refused.opens() => EXCEPTION,
            Self::OwnAddress(_) => EXCEPTION,
            Self::Port(_) => "use port 80, 443, 8080 or 8443, or add a [[connect.exception]]",
            Self::Denied { .. } => "a [[connect.deny]] of the configuration says so",
            Self::TooManyAddresses(_) | Self::TooManyAliases | Self::NoAddress => {
                "ask whoever runs the name's zone"
            }
            Self::Name { .. } | Self::Alias { .. } | Self::Address(_) | Self::OwnListener(_) => {
                NEVER
            }
        }
    }
}
