//! References to secrets, and the sources that resolve them.
//!
//! Owns the notation `env:NAME`, `dotenv:NAME`, `file:PATH`, `credential:NAME`, and every reason why
//! a secret cannot be had. Refuses values that are not references. No error holds a value.

mod sources;

use std::{fmt, path::PathBuf, str::FromStr};

use crate::files::FileFault;

pub use sources::{Mode, Sources};

/// Where a secret is to be found; never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretReference {
    /// An environment variable.
    Env(String),
    /// A variable of the dotenv file, unless the environment has one of that name.
    Dotenv(String),
    /// A file; relative to the configuration file.
    File(PathBuf),
    /// A credential that the service manager handed over in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// A secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretFault {
    /// The value is not a reference; perhaps it is the secret itself.
    #[error("a secret is written by reference, never into the file")]
    NotAReference,
    /// A reference without a usable name behind its colon.
    #[error("the reference has no usable name behind `{0}:`")]
    BadName(&'static str),
    /// These sources do not read secrets.
    #[error("secrets are not read here")]
    Unresolved,
    /// The variable is not set.
    #[error("the environment has no variable {0}")]
    NoVariable(String),
    /// Neither the environment nor the dotenv file has the variable.
    #[error("neither the environment nor {} has {name}", file.display())]
    NoDotenvVariable {
        /// The variable.
        name: String,
        /// The dotenv file.
        file: PathBuf,
    },
    /// The dotenv file is not of the accepted form.
    #[error("{}:{line}: {cause}", file.display())]
    Dotenv {
        /// The dotenv file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it; never its content.
        cause: &'static str,
    },
    /// No service manager handed credentials over.
    #[error("$CREDENTIALS_DIRECTORY is not set, so there is no credential {0}")]
    NoCredentials(String),
    /// The file cannot be read or must not be used.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The secret is empty or blank.
    #[error("the secret behind {0} is empty")]
    Empty(String),
}

impl SecretFault {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAReference | Self::BadName(_) => "config.secret-literal",
            Self::Unresolved => "config.secret-unresolved",
            Self::NoVariable(_) | Self::NoDotenvVariable { .. } | Self::NoCredentials(_) => {
                "config.secret-missing"
            }
            Self::Dotenv { .. } => "config.dotenv",
            Self::File(cause) => cause.code(),
            Self::Empty(_) => "config.secret-empty",
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotAReference | Self::BadName(_) => {
                "write \"env:NAME\", \"dotenv:NAME\", \"file:PATH\" or \"credential:NAME\"; if a \
                 secret stood here, replace it at its provider"
                    .to_owned()
            }
            Self::Unresolved => "run the command that needs the secret".to_owned(),
            Self::NoVariable(name) => {
                format!("set {name} in the environment of the process, or refer to a file")
            }
            Self::NoDotenvVariable { name, file } => {
                format!("add a line {name}=... to {}", file.display())
            }
            Self::Dotenv { .. } => {
                "each line is NAME=value, NAME='value', NAME=\"value\" or a # comment".to_owned()
            }
            Self::NoCredentials(name) => {
                format!("start it under systemd with LoadCredential={name}:PATH")
            }
            Self::File(cause) => cause.hint(),
            Self::Empty(reference) => format!("put a secret behind {reference}"),
        }
    }
}

impl FromStr for SecretReference {
    type Err = SecretFault;

    fn from_str(text: &str) -> Result<Self, SecretFault> {
        let (scheme, name) = text.split_once(':').ok_or(SecretFault::NotAReference)?;
        match scheme {
            "env" if is_variable(name) => Ok(Self::Env(name.to_owned())),
            "env" => Err(SecretFault::BadName("env")),
            "dotenv" if is_variable(name) => Ok(Self::Dotenv(name.to_owned())),
            "dotenv" => Err(SecretFault::BadName("dotenv")),
            "file" if is_path(name) => Ok(Self::File(PathBuf::from(name))),
            "file" => Err(SecretFault::BadName("file")),
            "credential" if is_credential(name) => Ok(Self::Credential(name.to_owned())),
            "credential" => Err(SecretFault::BadName("credential")),
            _ => Err(SecretFault::NotAReference),
        }
    }
}

impl fmt::Display for SecretReference {
    /// As it is written in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Dotenv(name) => write!(f, "dotenv:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

pub(crate) fn is_variable(name: &str) -> bool {
    name.len() <= 256
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
}

fn is_path(path: &str) -> bool {
    !path.trim().is_empty() && !path.contains('\0')
}

/// systemd allows any file name; a path separator would leave the directory.
fn is_credential(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !matches!(name, "." | "..")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written_the_same() {
        for text in [
            "env:TWILIO_AUTH_TOKEN",
            "dotenv:_X1",
            "file:tls/key.pem",
            "file:/run/secrets/a b",
            "credential:relay.key",
        ] {
            assert_eq!(text.parse::<SecretReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_reference_is_refused_without_being_repeated() {
        for text in [
            "hunter2",
            "",
            "env",
            "env:",
            "env:A B",
            "env:1A",
            "dotenv:A-B",
            "file:",
            "file: ",
            "credential:../x",
            "credential:",
            "credential:..",
            "vault:x",
            "https://x",
        ] {
            let fault = text.parse::<SecretReference>().unwrap_err();
            assert_eq!(fault.code(), "config.secret-literal", "{text}");
            let told = format!("{fault} {fault:?}");
            assert!(!told.contains("hunter2") && !told.contains("A B"), "{told}");
        }
    }
}
