//! `egress check`: says whether a URL would be connected to, and by which rule not.
//!
//! Owns the reading of arguments and the two renderings. Exit codes: 0 allowed, 1 refused with the
//! rule, 2 nothing to say, because a name could not be looked up or the configuration has faults.
//! Nothing is dialled, and no path or query is printed.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use connect::{
    Dns, Fixed, LookupFault, Name, Own, Policy, Resolve, Section, check::Verdict, resolve::Looking,
};
use control::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::Format;
use crate::{
    failure::{Failure, io},
    load::{self, Loaded},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Say whether a URL would be connected to: exit 0 allowed, 1 refused, 2 nothing to say
    Check(Check),
}

#[derive(clap::Args)]
pub(crate) struct Check {
    /// The URL
    url: String,
    /// Configuration with the exceptions that count; without one, none do
    #[arg(long)]
    config: Option<PathBuf>,
    /// Addresses of a host, `HOST=IP,IP`; repeat it. With it, nothing is looked up
    #[arg(long = "resolve", value_parser = Given::read)]
    resolve: Vec<Given>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A host and what it resolves to.
#[derive(Clone)]
struct Given {
    name: Name,
    addresses: Vec<IpAddr>,
}

impl Given {
    fn read(text: &str) -> Result<Self, String> {
        let (name, addresses) = text.split_once('=').ok_or("write it as HOST=IP,IP")?;
        let name = Name::parse(name).map_err(|fault| format!("{name}: {fault}"))?;
        let read = |text: &str| {
            text.parse()
                .map_err(|_| format!("{text} is not an address"))
        };
        let addresses = addresses.split(',').map(read).collect::<Result<_, _>>()?;
        Ok(Self { name, addresses })
    }
}

/// No name servers: a URL that needs none is judged all the same.
struct Nobody(String);

impl Resolve for Nobody {
    fn resolve<'a>(&'a self, name: &'a Name) -> Looking<'a> {
        Box::pin(std::future::ready(Err(LookupFault::Failed {
            name: name.clone(),
            cause: self.0.clone(),
        })))
    }
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check(args) => check(args),
    }
}

fn check(args: &Check) -> Result<ExitCode, Failure> {
    let (policy, section) = match &args.config {
        Some(path) => {
            let loaded = load::unresolved(path)?;
            (policy(&loaded)?, loaded.connect)
        }
        None => (Policy::default(), Section::default()),
    };
    let now = SystemClock::new().now();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io("start", "try again"))?;
    let names = resolver(&args.resolve, section.hosts_file);
    let verdict = runtime
        .block_on(connect::check::check(
            &args.url,
            &policy,
            names.as_ref(),
            now,
        ))
        .map_err(|fault: LookupFault| Failure::new(fault.to_string(), fault.hint()))?;
    let text = match args.format {
        Format::Json => format!("{}\n", as_json(&verdict)),
        Format::Text => as_text(&verdict),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::from(u8::from(verdict.refused.is_some())))
}

/// What was given, or the name servers where nothing was.
fn resolver(given: &[Given], hosts_file: bool) -> Box<dyn Resolve> {
    if given.is_empty() {
        return match Dns::of_system(hosts_file) {
            Ok(dns) => Box::new(dns),
            Err(cause) => Box::new(Nobody(cause.to_string())),
        };
    }
    let mut names = Fixed::default();
    for given in given {
        names.add(given.name.clone(), given.addresses.iter().copied());
    }
    Box::new(names)
}

/// The policy of a configuration, with what is its own.
pub(crate) fn policy(loaded: &Loaded) -> Result<Policy, Failure> {
    let texts = |pointer: &str| -> Vec<String> {
        match loaded.tree.pointer(pointer) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(all)) => all
                .iter()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    };
    let public = texts("/deployment/public_url");
    let public = public
        .iter()
        .filter_map(|url| connect::Target::parse(url).ok())
        .filter_map(|target| target.destination().host().name().cloned());
    let hosts = texts("/deployment/hosts");
    let hosts = hosts.iter().filter_map(|host| Name::parse(host).ok());
    let listeners = loaded.tree.get("listen").and_then(Value::as_array);
    let listeners: Vec<SocketAddr> = listeners
        .into_iter()
        .flatten()
        .filter_map(|listen| listen.get("address")?.as_str()?.parse().ok())
        .collect();
    let interfaces = nix::ifaddrs::getifaddrs()
        .map_err(|cause| {
            Failure::new(
                format!("list the addresses of this machine: {cause}"),
                "run it where the gate runs",
            )
        })?
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
        })
        .collect();
    Ok(loaded.connect.policy(Own {
        names: public.chain(hosts).collect(),
        listeners,
        interfaces,
    }))
}

fn as_json(verdict: &Verdict) -> Value {
    let addresses: Vec<Value> = verdict
        .addresses
        .iter()
        .map(|(address, refused)| {
            json!({
                "address": address.to_string(),
                "rule": refused.as_ref().map(connect::Refused::rule),
            })
        })
        .collect();
    let refused = verdict.refused.as_ref();
    json!({
        "destination": verdict.destination.as_ref().map(ToString::to_string),
        "verdict": if refused.is_some() { "refused" } else { "allowed" },
        "rule": refused.map(connect::Refused::rule),
        "why": refused.map(ToString::to_string),
        "addresses": addresses,
        "mixed": verdict.is_mixed(),
    })
}

fn as_text(verdict: &Verdict) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = match (&verdict.destination, &verdict.refused) {
        (Some(destination), None) => writeln!(text, "allowed: {destination}"),
        (_, None) => Ok(()),
        (Some(destination), Some(refused)) => {
            writeln!(
                text,
                "refused: {destination}\nrule:    {}\nwhy:     {refused}",
                refused.rule()
            )
        }
        (None, Some(refused)) => {
            writeln!(
                text,
                "refused\nrule:    {}\nwhy:     {refused}",
                refused.rule()
            )
        }
    };
    for (address, refused) in &verdict.addresses {
        let rule = refused.as_ref().map_or("public", connect::Refused::rule);
        let _ = writeln!(text, "address: {address}  {rule}");
    }
    if verdict.is_mixed() {
        text.push_str(
            "mixed:   public addresses stand beside refused ones, as where a name is rebound\n",
        );
    }
    if let Some(refused) = &verdict.refused {
        let _ = writeln!(text, "hint:    {}", refused.hint());
    }
    text
}
