//! The programs that tests start beside ours: PostgreSQL, Redis or Valkey, a browser, a client that is
//! slow on purpose, clients of HTTP/2, an authority for certificates, and a judge of TLS.
//!
//! Owns where they are found, and their installation from Debian's packages where they are missing.
//! Refuses to go on without them: a store that was tested on a file alone was not tested, and neither
//! was a page that no browser has shown.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{bench::packages, failure::Failure, workspace::Workspace};

/// A program, and how tests are told where it is.
struct Peer {
    /// The variable that tests read.
    variable: &'static str,
    /// Debian's packages, any of which will do.
    packages: &'static [&'static str],
    /// Where it is, if it is there.
    find: fn() -> Option<PathBuf>,
}

const REDIS: Peer = Peer {
    variable: "VOUCHSAFE_TEST_REDIS",
    packages: &["redis-server", "valkey-server"],
    find: redis,
};

const PEERS: &[Peer] = &[
    Peer {
        variable: "VOUCHSAFE_TEST_POSTGRES",
        packages: &["postgresql"],
        find: postgres,
    },
    REDIS,
    Peer {
        variable: "VOUCHSAFE_TEST_CHROMIUM",
        packages: &["chromium"],
        find: chromium,
    },
    Peer {
        variable: "VOUCHSAFE_TEST_SLOWHTTPTEST",
        packages: &["slowhttptest"],
        find: slowhttptest,
    },
    Peer {
        variable: "VOUCHSAFE_TEST_TESTSSL",
        packages: &["testssl.sh"],
        find: testssl,
    },
    Peer {
        variable: "VOUCHSAFE_TEST_CURL",
        packages: &["curl"],
        find: curl,
    },
    Peer {
        variable: "VOUCHSAFE_TEST_NGHTTP",
        packages: &["nghttp2-client"],
        find: nghttp,
    },
    Peer {
        variable: "VOUCHSAFE_TEST_H2LOAD",
        packages: &["nghttp2-client"],
        find: h2load,
    },
    Peer {
        variable: "VOUCHSAFE_TEST_PEBBLE",
        packages: &["pebble"],
        find: pebble,
    },
];

/// Makes sure that each of them can be started.
pub(crate) fn ensure(_: &Workspace) -> Result<(), Failure> {
    PEERS.iter().try_for_each(|peer| peer.installed().map(drop))
}

/// The Redis or Valkey server, installed where it is missing.
pub(crate) fn redis_server() -> Result<PathBuf, Failure> {
    REDIS.installed()
}

impl Peer {
    fn installed(&self) -> Result<PathBuf, Failure> {
        for package in self.packages {
            if (self.find)().is_some() {
                break;
            }
            packages::install(&[package])?;
        }
        (self.find)().ok_or_else(|| {
            let names = self.packages.join(" or ");
            Failure::stuck(
                format!("{names} could not be installed"),
                format!(
                    "as root: apt-get install {names}; or say where it is in {}",
                    self.variable
                ),
            )
        })
    }
}

/// Tells `command` where they are.
pub(crate) fn tell(command: &mut Command) {
    for peer in PEERS {
        if let Some(place) = (peer.find)()
            && std::env::var_os(peer.variable).is_none()
        {
            command.env(peer.variable, place);
        }
    }
}

/// The folder of `initdb` and `postgres`, the newest of Debian's before that of the PATH.
fn postgres() -> Option<PathBuf> {
    let told = std::env::var_os("VOUCHSAFE_TEST_POSTGRES").map(PathBuf::from);
    let debian = newest(Path::new("/usr/lib/postgresql"));
    let mut folders = told.into_iter().chain(debian).chain(path());
    folders.find(|folder| folder.join("initdb").is_file())
}

/// The program itself.
fn redis() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_REDIS", &["valkey-server", "redis-server"])
}

/// The program itself.
fn chromium() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_CHROMIUM", &["chromium"])
}

/// The program itself.
fn slowhttptest() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_SLOWHTTPTEST", &["slowhttptest"])
}

/// The program itself.
fn testssl() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_TESTSSL", &["testssl"])
}

/// The program itself.
fn curl() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_CURL", &["curl"])
}

/// The program itself: a client that speaks HTTP/2 alone.
fn nghttp() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_NGHTTP", &["nghttp"])
}

/// The program itself: load over HTTP/2.
fn h2load() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_H2LOAD", &["h2load"])
}

/// The program itself: an authority that gives out certificates, for tests.
fn pebble() -> Option<PathBuf> {
    program("VOUCHSAFE_TEST_PEBBLE", &["pebble"])
}

/// What `variable` names, or the first of `names` on the PATH.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    let told = std::env::var_os(variable).map(PathBuf::from);
    let known = path()
        .into_iter()
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    told.into_iter()
        .chain(known)
        .find(|program| program.is_file())
}

/// The program folder of the highest version below `root`.
fn newest(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root).ok()?.filter_map(Result::ok);
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()?;
    Some(root.join(newest.to_string()).join("bin"))
}

fn path() -> Vec<PathBuf> {
    std::env::split_paths(&packages::path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_highest_number() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(newest(root.path()), None);
        for version in ["9", "15", "common"] {
            fs::create_dir(root.path().join(version)).unwrap();
        }
        assert_eq!(newest(root.path()), Some(root.path().join("15/bin")));
    }
}
