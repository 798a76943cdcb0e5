//! A clock that is moved and a disk that is slow, for one process.
//!
//! Owns the small library that is loaded in front of the C library (`shim.c`) and the files that
//! turn it. It needs the C compiler that the build needs anyway, and no privilege.

use std::{fs, path::PathBuf, process::Command};

use crate::support::{Deployment, run};

/// What turns the shim of a deployment.
pub(crate) struct Shim {
    clock: PathBuf,
    passed: PathBuf,
    disk: PathBuf,
}

impl Shim {
    /// Compiles the shim into the deployment's folder and puts it before every command of it.
    pub(crate) fn before(deployment: Deployment) -> (Deployment, Self) {
        let library = deployment.folder().join("shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/shim.c");
        run(Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(source))
        .exits(0);
        let shim = Self {
            clock: deployment.folder().join("clock-offset"),
            passed: deployment.folder().join("time-passed"),
            disk: deployment.folder().join("sync-millis"),
        };
        let deployment = deployment
            .with("LD_PRELOAD", &library.display().to_string())
            .with("TEST_CLOCK_OFFSET", &shim.clock.display().to_string())
            .with("TEST_TIME_PASSED", &shim.passed.display().to_string())
            .with("TEST_SYNC_MILLIS", &shim.disk.display().to_string());
        (deployment, shim)
    }

    /// Moves the wall clock: seconds before or after the machine's.
    pub(crate) fn clock(&self, offset: i64) {
        put(&self.clock, &offset.to_string());
    }

    /// How many seconds have passed that nobody has to wait for; never fewer than before.
    pub(crate) fn passed(&self, seconds: u32) {
        put(&self.passed, &seconds.to_string());
    }

    /// How long every sync takes from now on, in milliseconds, and those under way as well.
    pub(crate) fn disk(&self, millis: u32) {
        put(&self.disk, &millis.to_string());
    }
}

/// Whole or not at all: the shim reads it at any moment.
fn put(path: &PathBuf, text: &str) {
    let part = path.with_extension("part");
    fs::write(&part, text).unwrap();
    fs::rename(part, path).unwrap();
}
