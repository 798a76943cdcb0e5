//! Where a server is, read from a URL that may hold a password.
//!
//! Owns the one reading of `postgres://` and `rediss://` URLs. Refuses whatever it does not know,
//! every form of "TLS if it happens to work", and plain text to anything but this machine. Never
//! repeats a part of the URL that could be a secret: not in faults, not in `Debug`.

mod fault;

use std::{fmt, net::IpAddr, path::PathBuf};

use control::Secret;

pub use self::fault::AddressFault;
use crate::Place;

/// Longest URL in bytes.
pub const URL_LIMIT: usize = 2048;

/// What kind of server a URL must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `postgres://` or `postgresql://`.
    Postgres,
    /// `redis://` or `rediss://`, which Valkey speaks as well.
    Redis,
}

/// A server, how to get in, and what to ask for there.
#[derive(Clone)]
pub struct Address {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    /// A database of PostgreSQL, or the number of one of Redis; empty for the server's default.
    pub(crate) database: String,
    pub(crate) tls: bool,
}

/// The machine a server is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A name or an IP address.
    Name(String),
    /// The folder of a Unix socket.
    Folder(PathBuf),
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis or Valkey",
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Postgres => "postgres://user:password@host:5432/database",
            Self::Redis => "rediss://user:password@host:6379/0",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Redis => 6379,
        }
    }
}

impl Address {
    /// Reads `url`.
    pub fn parse(kind: Kind, url: &Secret) -> Result<Self, AddressFault> {
        let url = url.expose();
        if url.len() > URL_LIMIT {
            return Err(AddressFault::TooLong);
        }
        let url = std::str::from_utf8(url).map_err(|_| AddressFault::NotText)?;
        if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(AddressFault::NotText);
        }
        let (scheme, rest) = url.split_once("://").ok_or(AddressFault::Scheme(kind))?;
        let encrypted = match (kind, scheme) {
            (Kind::Postgres, "postgres" | "postgresql") => None,
            (Kind::Redis, "redis") => Some(false),
            (Kind::Redis, "rediss") => Some(true),
            _ => return Err(AddressFault::Scheme(kind)),
        };
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (user, password) = credentials(login)?;
        let (host, port) = host_and_port(place)?;
        let parameters = Parameters::read(kind, query)?;
        let host = parameters.place(host)?;
        let address = Self {
            tls: match encrypted {
                Some(encrypted) => encrypted,
                None => parameters.verified || !host.is_here(),
            },
            host,
            port: port.unwrap_or_else(|| kind.port()),
            user,
            password,
            database: unescape(database)?,
        };
        parameters.judge(&address)?;
        address.fits(kind)?;
        Ok(address)
    }

    /// Rules that hold for the address as a whole.
    fn fits(&self, kind: Kind) -> Result<(), AddressFault> {
        match kind {
            Kind::Postgres if self.user.is_none() => Err(AddressFault::User),
            // A / or @ here is more likely to come out of a password that was not escaped.
            Kind::Postgres
                if self.database.is_empty()
                    || self.database.len() > 63
                    || self.database.contains(['/', '@']) =>
            {
                Err(AddressFault::Database)
            }
            Kind::Redis if !self.database.is_empty() && self.number().is_none() => {
                Err(AddressFault::Database)
            }
            _ if !self.tls && !self.host.is_here() => Err(AddressFault::Plain),
            _ => Ok(()),
        }
    }

    /// The number of a database of Redis.
    pub(crate) fn number(&self) -> Option<i64> {
        if self.database.is_empty() {
            return Some(0);
        }
        self.database
            .parse()
            .ok()
            .filter(|number| (0..=1_000_000).contains(number))
    }

    /// Whether the server must prove who it is, so that a `ca` is needed.
    #[must_use]
    pub const fn needs_ca(&self) -> bool {
        self.tls
    }

    /// The address as people may see it.
    #[must_use]
    pub fn place(&self) -> Place {
        let database = &self.database;
        Place::Server(match &self.host {
            Host::Folder(folder) => format!("{}/{database}", folder.display()),
            Host::Name(name) if name.contains(':') => format!("[{name}]:{}/{database}", self.port),
            Host::Name(name) => format!("{name}:{}/{database}", self.port),
        })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.place())
    }
}

impl Host {
    /// Whether nothing outside this machine can be meant. What `localhost` resolves to is looked at
    /// once more when it is dialled.
    pub(crate) fn is_here(&self) -> bool {
        match self {
            Self::Folder(_) => true,
            Self::Name(name) => name
                .parse::<IpAddr>()
                .map_or(name == "localhost", |address| address.is_loopback()),
        }
    }
}

/// What stands behind the `?`.
#[derive(Default)]
struct Parameters {
    folder: Option<PathBuf>,
    verified: bool,
    weak: Option<&'static str>,
}

impl Parameters {
    fn read(kind: Kind, query: Option<&str>) -> Result<Self, AddressFault> {
        let mut found = Self::default();
        let pairs = query.into_iter().flat_map(|query| query.split('&'));
        for pair in pairs {
            match (kind, pair.split_once('=')) {
                (Kind::Postgres, Some(("sslmode", mode))) => match mode {
                    "verify-full" => found.verified = true,
                    _ => found.weak = Some(weak(mode)?),
                },
                (Kind::Postgres, Some(("host", folder))) if found.folder.is_none() => {
                    let folder = unescape(folder)?;
                    if !folder.starts_with('/') {
                        return Err(AddressFault::Host);
                    }
                    found.folder = Some(PathBuf::from(folder));
                }
                _ => return Err(AddressFault::Parameter),
            }
        }
        Ok(found)
    }

    /// The host, which stands either before the path or behind the `?`.
    fn place(&self, host: Option<Host>) -> Result<Host, AddressFault> {
        match (host, &self.folder) {
            (Some(host), None) => Ok(host),
            (None, Some(folder)) => Ok(Host::Folder(folder.clone())),
            _ => Err(AddressFault::Host),
        }
    }

    /// Only to this machine may a URL say that it wants no TLS; a mode that takes what comes is
    /// refused everywhere.
    fn judge(&self, address: &Address) -> Result<(), AddressFault> {
        match self.weak {
            Some("disable") if address.host.is_here() && !self.verified => Ok(()),
            Some(mode) => Err(AddressFault::WeakTls(mode)),
            None => Ok(()),
        }
    }
}

/// A mode of libpq that does not prove who the server is.
fn weak(mode: &str) -> Result<&'static str, AddressFault> {
    ["disable", "allow", "prefer", "require", "verify-ca"]
        .into_iter()
        .find(|known| *known == mode)
        .ok_or(AddressFault::Parameter)
}

fn credentials(login: Option<&str>) -> Result<(Option<String>, Option<Secret>), AddressFault> {
    let Some(login) = login else {
        return Ok((None, None));
    };
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (login, None),
    };
    let user = Some(unescape(user)?).filter(|user| !user.is_empty());
    let password = password
        .map(|password| unescape(password).map(|text| Secret::new(text.into_bytes())))
        .transpose()?;
    Ok((user, password))
}

fn host_and_port(place: &str) -> Result<(Option<Host>, Option<u16>), AddressFault> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(AddressFault::Host)?;
            if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
                return Err(AddressFault::Host);
            }
            match port.strip_prefix(':') {
                None if port.is_empty() => (host.to_owned(), None),
                Some(port) => (host.to_owned(), Some(port)),
                None => return Err(AddressFault::Host),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) => (unescape(host)?, Some(port)),
            None => (unescape(place)?, None),
        },
    };
    let port = port
        .map(|port| {
            let digits = port.bytes().all(|c| c.is_ascii_digit());
            let number = port.parse().ok().filter(|port| *port > 0 && digits);
            number.ok_or(AddressFault::Port)
        })
        .transpose()?;
    if host.is_empty() {
        return Ok((None, port));
    }
    if host.starts_with('/') {
        return Ok((Some(Host::Folder(PathBuf::from(host))), port));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.len() > 253 || !host.chars().all(fits) {
        return Err(AddressFault::Host);
    }
    Ok((Some(Host::Name(host.to_ascii_lowercase())), port))
}

/// Takes the escapes out of a part of a URL.
fn unescape(part: &str) -> Result<String, AddressFault> {
    let mut bytes = part.bytes();
    let mut plain = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(digit).ok()
        };
        let (high, low) = (digit(), digit());
        let (Some(high), Some(low)) = (high, low) else {
            return Err(AddressFault::Escape);
        };
        plain.push(high << 4 | low);
    }
    let text = String::from_utf8(plain).map_err(|_| AddressFault::Escape)?;
    if text.contains(char::is_control) {
        return Err(AddressFault::Escape);
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
