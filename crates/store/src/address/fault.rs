//! Why a URL cannot be used.

use super::{Kind, URL_LIMIT};

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
