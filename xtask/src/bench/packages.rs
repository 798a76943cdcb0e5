//! Programs of others that are measured beside ours, from Debian's packages.
//!
//! Owns their installation where they are missing. Refuses to guess on other systems: there it says
//! what to install.

use std::{ffi::OsStr, path::Path};

use crate::{command, failure::Failure};

/// A program and the Debian package it comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    /// The program, and what makes it say its version and end.
    pub(crate) program: &'static str,
    pub(crate) version: &'static str,
}

/// Web server and reverse proxy.
pub(crate) const NGINX: Package = Package {
    name: "nginx",
    program: "nginx",
    version: "-v",
};

/// Reverse proxy.
pub(crate) const HAPROXY: Package = Package {
    name: "haproxy",
    program: "haproxy",
    version: "-v",
};

/// Load generator.
pub(crate) const WRK: Package = Package {
    name: "wrk",
    program: "wrk",
    version: "-v",
};

/// Load generator for HTTP/2.
pub(crate) const H2LOAD: Package = Package {
    name: "nghttp2-client",
    program: "h2load",
    version: "--version",
};

/// Makes sure that each of `packages` can be run.
pub(crate) fn ensure(packages: &[Package]) -> Result<(), Failure> {
    let missing = |package: &&Package| version(package).is_none();
    let names: Vec<&str> = packages.iter().filter(missing).map(|p| p.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let installed = install(&names)?;
    match packages.iter().find(missing) {
        None if installed => Ok(()),
        _ => Err(Failure::stuck(
            format!("{} could not be installed", names.join(", ")),
            format!("as root: apt-get install {}", names.join(" ")),
        )),
    }
}

/// Installs Debian's packages of these names; false where that does not work.
pub(crate) fn install(names: &[&str]) -> Result<bool, Failure> {
    eprintln!("installing {} with apt-get", names.join(", "));
    // Installing needs no list of packages that is fresh, until it turns out to be stale.
    if apt(&["install"], names)? {
        return Ok(true);
    }
    apt(&["update"], &[])?;
    apt(&["install"], names)
}

fn apt(verb: &[&str], names: &[&str]) -> Result<bool, Failure> {
    let options = ["--yes", "--quiet", "--no-install-recommends"];
    let mut apt = command::command(Path::new("/"), "apt-get", verb);
    apt.args(options)
        .args(names)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // What is needed is started by whoever needs it: services stay down.
        .env("RUNLEVEL", "1")
        .env("PATH", path());
    command::talk(&mut apt)
}

/// What the program calls itself, in one line; `None` where it cannot be run.
pub(crate) fn version(package: &Package) -> Option<String> {
    let mut ask = command::command(Path::new("/"), package.program, &[package.version]);
    let said = command::listen(ask.env("PATH", path()), std::time::Duration::from_secs(10));
    let said = said.ok()?;
    let first = said.stdout.lines().chain(said.stderr.lines()).next()?;
    Some(name_and_number(first))
}

/// The PATH with the folders that an ordinary user's lacks and nginx and haproxy lie in.
pub(crate) fn path() -> std::ffi::OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(OsStr::new(":/usr/sbin:/sbin"));
    path
}

/// The name and number in a line such as `nginx version: nginx/1.22.1`.
fn name_and_number(line: &str) -> String {
    let line = line.strip_prefix("nginx version: ").unwrap_or(line);
    let words = line.split_whitespace().filter(|word| *word != "version");
    words
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .replacen('/', " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_says_its_version_in_its_own_way() {
        for (line, short) in [
            ("nginx version: nginx/1.22.1", "nginx 1.22.1"),
            (
                "HAProxy version 2.6.12-1+deb12u4 2026/01/02 - https://haproxy.org/",
                "HAProxy 2.6.12-1+deb12u4",
            ),
            (
                "wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer",
                "wrk debian 4.1.0-3+b2",
            ),
        ] {
            assert_eq!(name_and_number(line), short);
        }
    }
}
