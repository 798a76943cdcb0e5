//! The places secrets come from.
//!
//! Owns the way from a reference to bytes. Refuses secrets that are empty or blank and files that
//! others can read. Trusts the environment it was started with before the dotenv file.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use control::Secret;
use zeroize::Zeroizing;

use super::{SecretFault, SecretReference};
use crate::{dotenv, dotenv::Dotenv, files};

/// Whether secrets may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// References are resolved.
    Resolved,
    /// No reference is ever resolved: for tools that must not hold secrets, such as `prove`.
    Unresolved,
}

type Lookup = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// The places secrets come from.
///
/// A dotenv file is read once, when it is first needed; make new sources to read it again.
pub struct Sources {
    mode: Mode,
    environment: Lookup,
    dotenv: PathBuf,
    base: PathBuf,
    lines: OnceLock<Result<Dotenv, DotenvFailure>>,
}

/// A dotenv failure that can be told more than once.
#[derive(Clone, Copy)]
struct DotenvFailure {
    line: usize,
    cause: &'static str,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("mode", &self.mode)
            .field("dotenv", &self.dotenv)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Sources {
    /// Sources that ask `environment` for variables, read `dotenv`, and take file paths relative
    /// to `base`, the folder of the configuration file.
    pub fn new(
        environment: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
        dotenv: impl Into<PathBuf>,
        base: impl Into<PathBuf>,
    ) -> Self {
        Self {
            mode: Mode::Resolved,
            environment: Box::new(environment),
            dotenv: dotenv.into(),
            base: base.into(),
            lines: OnceLock::new(),
        }
    }

    /// The sources of this process for a configuration file: its environment, the `.env` beside
    /// the file, and files relative to it.
    #[must_use]
    pub fn of_process(configuration: &Path) -> Self {
        let base = match configuration.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        Self::new(|name| std::env::var_os(name), base.join(".env"), base)
    }

    /// Sources that resolve nothing.
    #[must_use]
    pub fn unresolved() -> Self {
        Self {
            mode: Mode::Unresolved,
            ..Self::new(|_| None, "", "")
        }
    }

    /// Whether these sources resolve.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The file a path in the configuration names: relative ones lie beside the configuration.
    #[must_use]
    pub fn locate(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// The secret behind `reference`. One final newline of a file is not part of it.
    ///
    /// # Errors
    ///
    /// See [`SecretFault`].
    pub fn resolve(&self, reference: &SecretReference) -> Result<Secret, SecretFault> {
        if self.mode == Mode::Unresolved {
            return Err(SecretFault::Unresolved);
        }
        let bytes = match reference {
            SecretReference::Env(name) => self
                .variable(name)
                .ok_or_else(|| SecretFault::NoVariable(name.clone()))?,
            SecretReference::Dotenv(name) => match self.variable(name) {
                Some(bytes) => bytes,
                None => self.read_dotenv(name)?,
            },
            SecretReference::File(path) => self.read_file(&self.locate(path))?,
            SecretReference::Credential(name) => {
                let folder = (self.environment)("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretFault::NoCredentials(name.clone()))?;
                self.read_file(&PathBuf::from(folder).join(name))?
            }
        };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(SecretFault::Empty(reference.to_string()));
        }
        Ok(Secret::new(bytes.to_vec()))
    }

    fn variable(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        use std::os::unix::ffi::OsStringExt as _;
        (self.environment)(name).map(|value| Zeroizing::new(value.into_vec()))
    }

    fn read_file(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFault> {
        let credentials = (self.environment)("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Ok(files::read(path, credentials.as_deref())?)
    }

    fn read_dotenv(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, SecretFault> {
        let bytes = match self.lines.get() {
            Some(_) => Zeroizing::default(),
            None if !self.dotenv.exists() => Zeroizing::default(),
            None => self.read_file(&self.dotenv)?,
        };
        let lines = self.lines.get_or_init(|| {
            let text = std::str::from_utf8(&bytes).map_err(|_| DotenvFailure {
                line: 1,
                cause: "the file is not UTF-8 text",
            })?;
            dotenv::parse(text).map_err(|fault| DotenvFailure {
                line: fault.line,
                cause: fault.cause,
            })
        });
        match lines {
            Ok(lines) => lines
                .get(name)
                .cloned()
                .ok_or_else(|| SecretFault::NoDotenvVariable {
                    name: name.to_owned(),
                    file: self.dotenv.clone(),
                }),
            Err(fault) => Err(SecretFault::Dotenv {
                file: self.dotenv.clone(),
                line: fault.line,
                cause: fault.cause,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::{fs, os::unix::fs::PermissionsExt as _};

    fn environment(name: &str) -> Option<OsString> {
        match name {
            "SET" => Some("from the environment".into()),
            "BLANK" => Some(" \t".into()),
            _ => None,
        }
    }

    fn sources() -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let dotenv = folder.path().join(".env");
        files::create_secret(&dotenv, b"SET='from the file'\nONLY=here\n").unwrap();
        files::create_secret(&folder.path().join("key"), b"from a file\n").unwrap();
        let sources = Sources::new(environment, dotenv, folder.path());
        (folder, sources)
    }

    fn resolve(sources: &Sources, reference: &str) -> Result<Vec<u8>, SecretFault> {
        let secret = sources.resolve(&reference.parse()?)?;
        Ok(secret.expose().to_vec())
    }

    #[test]
    fn each_source_gives_its_secret() {
        let (_folder, sources) = sources();
        assert_eq!(
            resolve(&sources, "env:SET").unwrap(),
            b"from the environment"
        );
        assert_eq!(resolve(&sources, "dotenv:ONLY").unwrap(), b"here");
        assert_eq!(resolve(&sources, "file:key").unwrap(), b"from a file");
    }

    #[test]
    fn the_environment_wins_over_the_dotenv_file() {
        let (_folder, sources) = sources();
        assert_eq!(
            resolve(&sources, "dotenv:SET").unwrap(),
            b"from the environment"
        );
    }

    #[test]
    fn absent_and_empty_secrets_are_refused() {
        let (folder, sources) = sources();
        let code = |reference| resolve(&sources, reference).unwrap_err().code();
        assert_eq!(code("env:UNSET"), "config.secret-missing");
        assert_eq!(code("dotenv:UNSET"), "config.secret-missing");
        assert_eq!(code("credential:x"), "config.secret-missing");
        assert_eq!(code("env:BLANK"), "config.secret-empty");
        assert_eq!(code("file:none"), "config.secret-unreadable");
        assert_eq!(code("file:."), "config.secret-unreadable");
        files::create_secret(&folder.path().join("blank"), b" \n").unwrap();
        assert_eq!(code("file:blank"), "config.secret-empty");
    }

    #[test]
    fn a_missing_dotenv_file_is_only_a_missing_variable() {
        let sources = Sources::new(environment, "/nonexistent/.env", "/");
        assert_eq!(
            resolve(&sources, "dotenv:SET").unwrap(),
            b"from the environment"
        );
        let fault = resolve(&sources, "dotenv:UNSET").unwrap_err();
        assert_eq!(fault.code(), "config.secret-missing");
    }

    #[test]
    fn a_bad_dotenv_line_is_named_without_its_content() {
        let (folder, _) = sources();
        fs::write(folder.path().join(".env"), "A=1\nhunter2\n").unwrap();
        let sources = Sources::new(environment, folder.path().join(".env"), folder.path());
        for _ in 0..2 {
            let fault = resolve(&sources, "dotenv:A").unwrap_err();
            assert_eq!(fault.code(), "config.dotenv");
            assert!(fault.to_string().contains(".env:2:"), "{fault}");
            assert!(!fault.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_credential_comes_from_the_directory_of_the_service_manager() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.key");
        fs::write(&path, "given").unwrap();
        // The service manager's own modes differ; inside its directory they do not matter.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        let directory = folder.path().as_os_str().to_owned();
        let sources = Sources::new(
            move |name| (name == "CREDENTIALS_DIRECTORY").then(|| directory.clone()),
            "",
            "",
        );
        assert_eq!(resolve(&sources, "credential:relay.key").unwrap(), b"given");
    }

    #[test]
    fn sources_that_must_not_read_resolve_nothing() {
        let sources = Sources::unresolved();
        let fault = resolve(&sources, "env:PATH").unwrap_err();
        assert!(matches!(fault, SecretFault::Unresolved));
        assert_eq!(sources.mode(), Mode::Unresolved);
    }
}
