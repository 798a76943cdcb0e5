//! Names asked of name servers.
//!
//! Owns [`Dns`]: the servers of `/etc/resolv.conf` and nothing else of that file. Names are asked as
//! they were typed: no search domains, no completion, `/etc/hosts` only where the configuration says
//! so. The chain of aliases is followed here, from the name to its addresses, so that an address
//! that a server puts beside them is not taken. Refuses to wait longer than [`LIMIT`]. Trusts no
//! answer: the policy judges it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    Resolver, TokioResolver,
    config::{
        ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
        ResolverOpts,
    },
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name as DnsName, RData, Record, RecordType},
    system_conf::read_system_conf,
};
use tokio::time::timeout;

use super::{Answer, Looking, LookupFault, MOST_ALIASES, Resolve};
use crate::target::Name;

/// The longest that a name is looked up, both families together.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Asks name servers.
#[derive(Debug)]
pub struct Dns(TokioResolver);

impl Dns {
    /// Asks the name servers of this machine.
    ///
    /// # Errors
    ///
    /// When `/etc/resolv.conf` cannot be read or names no server.
    pub fn of_system(hosts_file: bool) -> io::Result<Self> {
        let (system, _) = read_system_conf().map_err(io::Error::other)?;
        Self::with(system.name_servers().to_vec(), hosts_file)
    }

    /// Asks these name servers.
    ///
    /// # Errors
    ///
    /// Those of the library.
    pub fn of_servers(servers: &[SocketAddr]) -> io::Result<Self> {
        let servers = servers.iter().map(|server| {
            let mut udp = ConnectionConfig::udp();
            let mut tcp = ConnectionConfig::tcp();
            udp.port = server.port();
            tcp.port = server.port();
            NameServerConfig::new(server.ip(), true, vec![udp, tcp])
        });
        Self::with(servers.collect(), false)
    }

    fn with(servers: Vec<NameServerConfig>, hosts_file: bool) -> io::Result<Self> {
        let config = ResolverConfig::from_name_servers(servers);
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = Duration::from_secs(2);
        options.attempts = 1;
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.preserve_intermediates = true;
        options.try_tcp_on_error = true;
        options.use_hosts_file = if hosts_file {
            ResolveHosts::Always
        } else {
            ResolveHosts::Never
        };
        builder.build().map(Self).map_err(io::Error::other)
    }

    async fn look(&self, name: &Name) -> Result<Answer, LookupFault> {
        // The final dot makes it whole, so that nothing is appended to it.
        let question = DnsName::from_ascii(format!("{name}."))
            .map_err(|_| LookupFault::NoAddress(name.clone()))?;
        let families = async {
            tokio::join!(
                self.0.lookup(question.clone(), RecordType::A),
                self.0.lookup(question.clone(), RecordType::AAAA),
            )
        };
        let (v4, v6) = timeout(LIMIT, families)
            .await
            .map_err(|_| LookupFault::TimedOut(name.clone()))?;
        let mut answer = Answer::default();
        let mut failed = None;
        for family in [v4, v6] {
            match family {
                Ok(lookup) => answer.add(name, &question, lookup.answers())?,
                Err(fault) if fault.is_no_records_found() => {}
                Err(fault) => failed = Some(fault),
            }
        }
        match failed {
            _ if !answer.addresses.is_empty() => Ok(answer),
            None => Err(LookupFault::NoAddress(name.clone())),
            Some(fault) => Err(failure(name, &fault)),
        }
    }
}

fn failure(name: &Name, fault: &NetError) -> LookupFault {
    match fault {
        NetError::Timeout => LookupFault::TimedOut(name.clone()),
        _ => LookupFault::Failed {
            name: name.clone(),
            cause: fault.to_string(),
        },
    }
}

impl Answer {
    /// Adds what `records` say of `question`, along the chain of its aliases.
    fn add(
        &mut self,
        name: &Name,
        question: &DnsName,
        records: &[Record],
    ) -> Result<(), LookupFault> {
        let mut at = question;
        let mut aliases = Vec::new();
        let alias = |at: &DnsName| {
            records.iter().find_map(|record| match &record.data {
                RData::CNAME(alias) if record.name == *at => Some(&alias.0),
                _ => None,
            })
        };
        // One more than may be: the policy says no to that many, and a circle ends here.
        while let Some(next) = alias(at).filter(|_| aliases.len() <= MOST_ALIASES) {
            let text = next.to_ascii();
            aliases.push(Name::parse(&text).map_err(|_| LookupFault::BadAlias(name.clone()))?);
            at = next;
        }
        self.aliases.extend(
            aliases
                .into_iter()
                .filter(|alias| !self.aliases.contains(alias))
                .collect::<Vec<_>>(),
        );
        let addresses = records.iter().filter(|record| record.name == *at);
        self.addresses
            .extend(addresses.filter_map(|record| match &record.data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                _ => None,
            }));
        Ok(())
    }
}

impl Resolve for Dns {
    fn resolve<'a>(&'a self, name: &'a Name) -> Looking<'a> {
        Box::pin(self.look(name))
    }
}
