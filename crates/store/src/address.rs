//! Where a server is, read from a URL that may hold a password.
//!
//! Owns the one reading of `postgres://` and `rediss://` URLs. Refuses whatever it does not know,
//! every form of "TLS if it happens to work", and plain text to anything but this machine. Never
//! repeats a part of the URL that could be a secret: not in faults, not in `Debug`.

use std::{fmt, net::IpAddr, path::PathBuf};

use control::Secret;

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

/// Why a URL cannot be used. None of them repeats it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Not UTF-8, or with control characters or spaces.
    #[error("the url is not plain text")]
    NotText,
    /// Longer than [`URL_LIMIT`].
    #[error("the url is longer than {URL_LIMIT} bytes")]
    TooLong,
    /// Another scheme than the kind of server has.
    #[error("the url is not one of {}", .0.name())]
    Scheme(Kind),
    /// A `%` that no two hexadecimal digits follow, or one that hides a control character.
    #[error("the url has a % that is no escape of a character")]
    Escape,
    /// No host, or one that is none.
    #[error("the url has no host that can be read")]
    Host,
    /// A port that is none.
    #[error("the port of the url is not a number from 1 to 65535")]
    Port,
    /// No user, where one is needed.
    #[error("the url names no user")]
    User,
    /// No database, or one that cannot be.
    #[error("the url names no database that can be read")]
    Database,
    /// A parameter we do not know.
    #[error("the url has a parameter that is not known")]
    Parameter,
    /// A mode that goes on without proof of who the server is.
    #[error("the url asks for sslmode={0}, which does not prove who the server is")]
    WeakTls(&'static str),
    /// No TLS to another machine.
    #[error("the url asks for plain text to another machine")]
    Plain,
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

impl AddressFault {
    /// A stable name for scripts and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotText => "store.url-text",
            Self::TooLong => "store.url-long",
            Self::Scheme(_) => "store.url-scheme",
            Self::Escape => "store.url-escape",
            Self::Host => "store.url-host",
            Self::Port => "store.url-port",
            Self::User => "store.url-user",
            Self::Database => "store.url-database",
            Self::Parameter => "store.url-parameter",
            Self::WeakTls(_) => "store.url-weak-tls",
            Self::Plain => "store.url-plain",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Scheme(kind) => format!("write it as {}", kind.example()),
            Self::NotText | Self::TooLong => {
                format!("write it as {}", Kind::Postgres.example())
            }
            Self::Escape => "write % as %25, @ as %40, / as %2F and : as %3A".to_owned(),
            Self::Host => "name the server, such as db.example or [::1]".to_owned(),
            Self::Port => "leave the port out for the usual one".to_owned(),
            Self::User => "put the user before an @: postgres://user@host/database".to_owned(),
            Self::Database => {
                "put the database behind the host: /database, or /0 of Redis".to_owned()
            }
            Self::Parameter => {
                "only sslmode and host are known; everything else belongs in [deployment]"
                    .to_owned()
            }
            Self::WeakTls(_) => {
                "leave sslmode out or say sslmode=verify-full, and name the authority with `ca`"
                    .to_owned()
            }
            Self::Plain => "write rediss:// and name the authority with `ca`".to_owned(),
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
mod tests {
    use super::*;

    fn read(kind: Kind, url: &str) -> Result<Address, AddressFault> {
        Address::parse(kind, &Secret::new(url.as_bytes().to_vec()))
    }

    fn postgres(url: &str) -> Result<Address, AddressFault> {
        read(Kind::Postgres, url)
    }

    #[test]
    fn each_part_is_read_and_escapes_are_taken_out() {
        let address = postgres("postgres://us%40er:p%3Aw%2F@DB.example:6543/da-ta").unwrap();
        assert_eq!(address.user.as_deref(), Some("us@er"));
        assert_eq!(address.password.as_ref().unwrap().expose(), b"p:w/");
        assert_eq!(address.host, Host::Name("db.example".to_owned()));
        assert_eq!((address.port, address.database.as_str()), (6543, "da-ta"));
        assert!(address.needs_ca());
        let short = postgres("postgresql://u@[2001:db8::1]/d").unwrap();
        assert_eq!((short.port, short.password.is_none()), (5432, true));
        assert_eq!(short.place().to_string(), "[2001:db8::1]:5432/d");
    }

    #[test]
    fn another_machine_always_has_to_prove_who_it_is() {
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            let url = format!("postgres://u@db.example/d?sslmode={mode}");
            assert_eq!(postgres(&url).unwrap_err(), AddressFault::WeakTls(mode));
        }
        for url in [
            "postgres://u@db.example/d",
            "postgres://u@db.example/d?sslmode=verify-full",
            "postgres://u@10.0.0.1/d",
            "postgres://u@127.0.0.1.example/d",
        ] {
            assert!(postgres(url).unwrap().needs_ca(), "{url}");
        }
    }

    #[test]
    fn this_machine_is_asked_for_proof_only_where_the_url_says_so() {
        for here in ["127.0.0.1", "[::1]", "localhost", "127.8.9.1"] {
            let url = format!("postgres://u@{here}/d");
            assert!(!postgres(&url).unwrap().needs_ca());
            assert!(
                !postgres(&format!("{url}?sslmode=disable"))
                    .unwrap()
                    .needs_ca()
            );
            assert!(
                postgres(&format!("{url}?sslmode=verify-full"))
                    .unwrap()
                    .needs_ca()
            );
            let half = postgres(&format!("{url}?sslmode=prefer"));
            assert_eq!(half.unwrap_err(), AddressFault::WeakTls("prefer"));
        }
        let both = postgres("postgres://u@localhost/d?sslmode=disable&sslmode=verify-full");
        assert_eq!(both.unwrap_err(), AddressFault::WeakTls("disable"));
    }

    #[test]
    fn a_unix_socket_is_named_in_either_way() {
        for url in [
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgres://u@/d?host=/run/postgresql",
        ] {
            let address = postgres(url).unwrap();
            assert_eq!(address.host, Host::Folder("/run/postgresql".into()));
            assert!(!address.needs_ca());
        }
        for url in [
            "postgres://u@h/d?host=/run",
            "postgres://u@/d?host=h",
            "postgres://u@/d",
        ] {
            assert_eq!(postgres(url).unwrap_err(), AddressFault::Host, "{url}");
        }
    }

    #[test]
    fn plain_text_to_another_redis_is_refused_and_there_is_no_way_around() {
        let redis = |url: &str| read(Kind::Redis, url);
        assert_eq!(
            redis("redis://cache.example").unwrap_err(),
            AddressFault::Plain
        );
        assert_eq!(
            redis("redis://cache.example?sslmode=disable").unwrap_err(),
            AddressFault::Parameter
        );
        assert!(!redis("redis://127.0.0.1:7000/3").unwrap().needs_ca());
        let far = redis("rediss://:pw@cache.example/3").unwrap();
        assert!(far.needs_ca() && far.user.is_none() && far.password.is_some());
        assert_eq!(far.number(), Some(3));
        for database in ["x", "-1", "99999999"] {
            let url = format!("redis://localhost/{database}");
            assert_eq!(redis(&url).unwrap_err(), AddressFault::Database);
        }
    }

    #[test]
    fn what_is_no_url_of_the_kind_is_refused_without_repeating_it() {
        let long = format!("postgres://u:{}@h/d", "s3cret".repeat(400));
        for (url, fault) in [
            ("mysql://u:s3cret@h/d", AddressFault::Scheme(Kind::Postgres)),
            ("s3cret", AddressFault::Scheme(Kind::Postgres)),
            ("postgres://u:s3cret @h/d", AddressFault::NotText),
            ("postgres://u:s3cret\n@h/d", AddressFault::NotText),
            ("postgres://u:s3cret%@h/d", AddressFault::Escape),
            ("postgres://u:s3cret%zz@h/d", AddressFault::Escape),
            ("postgres://u:s3cret%00@h/d", AddressFault::Escape),
            ("postgres://u:s3cret%ff@h/d", AddressFault::Escape),
            ("postgres://u:s3cret@h:0/d", AddressFault::Port),
            ("postgres://u:s3cret@h:70000/d", AddressFault::Port),
            ("postgres://u:s3cret@h:+1/d", AddressFault::Port),
            ("postgres://u:s3cret@h!/d", AddressFault::Host),
            ("postgres://u:s3cret@[::1/d", AddressFault::Host),
            ("postgres://u:s3cret@[h]/d", AddressFault::Host),
            ("postgres://u:s3cret@a,b/d", AddressFault::Host),
            ("postgres://h/d", AddressFault::User),
            ("postgres://u:s3cret@h", AddressFault::Database),
            ("postgres://u:s3cret@h/d?s3cret", AddressFault::Parameter),
            ("postgres://u@h/d?password=s3cret", AddressFault::Parameter),
            ("postgres://u:p/s3cret@h/d", AddressFault::Port),
            ("postgres://u@x:1/s3cret@h/d", AddressFault::Database),
            (&long, AddressFault::TooLong),
        ] {
            let found = postgres(url).unwrap_err();
            assert_eq!(found, fault, "{url}");
            let said = format!("{found} {found:?} {} {}", found.hint(), found.code());
            assert!(!said.contains("s3cret") && found.hint().len() > 10);
        }
    }

    #[test]
    fn debug_shows_no_password_and_no_user() {
        let address = postgres("postgres://someone:s3cret@h:1/d").unwrap();
        assert_eq!(format!("{address:?}"), "Address(h:1/d)");
    }
}
