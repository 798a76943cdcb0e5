//! Ledgers of the real binary, judged by programs that share no code with it.
//!
//! Owns the agreement between `vouchsafe ledger verify` and `docs/guide/verify_ledger.py` on a whole
//! ledger and on every alteration of it, and what other people's implementations say of the same
//! files: Go's `sumdb/note` and `sumdb/tlog`, and the Sigstore client.

mod notes;
mod others;
mod tiles;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::support::{Client, Deployment, Said, Upstream, open_route, run, site, vouchsafe};

/// Names the interpreter of the virtual environment.
const PYTHON: &str = "VOUCHSAFE_TEST_PYTHON";

/// A ledger of the real binary, and what was learnt while it grew.
struct Made {
    deployment: Deployment,
    key: String,
    /// A checkpoint from the first of two runs.
    older: PathBuf,
}

/// One ledger of more than 512 entries, made once for all tests of this file.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let upstream = Upstream::start();
        let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
        let older = deployment.folder().join("older");
        for requests in [150, 450] {
            let gate = deployment.up();
            let mut client = Client::dial(gate.address);
            for _ in 0..requests {
                let answer = client.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                assert_eq!(answer.status, 200);
            }
            gate.stop();
            if !older.exists() {
                fs::copy(deployment.data().join("ledger/checkpoint"), &older).unwrap();
            }
        }
        let key = deployment.run(&["ledger", "key"], &[]).exits(0).stdout;
        Made {
            key: key.trim().to_owned(),
            deployment,
            older,
        }
    })
}

/// A copy of the ledger that a test may alter.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let from = made().deployment.data().join("ledger");
        run(Command::new("cp").arg("-r").arg(from).arg(folder.path())).exits(0);
        Self(folder)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        change(&mut bytes);
        self.write(name, &bytes);
    }

    fn swap(&self, one: &str, other: &str) {
        let (first, second) = (self.read(one), self.read(other));
        self.write(one, &second);
        self.write(other, &first);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }
}

fn ours(folder: &Path, arguments: &[&str]) -> Said {
    run(vouchsafe(&["ledger", "verify"]).arg(folder).args(arguments))
}

fn theirs(folder: &Path, arguments: &[&str]) -> Said {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/verify_ledger.py");
    let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
    // Isolated: nothing but the standard library may be needed.
    run(Command::new(python)
        .args(["-I", "-S", "-B"])
        .arg(script)
        .arg(folder)
        .args(arguments))
}

/// Both verifiers must end alike, and name `part` if they say no.
#[track_caller]
fn agree(folder: &Path, arguments: &[&str], exit: i32, part: &str) {
    let key = ["--key", &made().key];
    let arguments = [&key, arguments].concat();
    for (who, said) in [
        ("vouchsafe", ours(folder, &arguments)),
        ("verify_ledger.py", theirs(folder, &arguments)),
    ] {
        assert_eq!(said.exit, Some(exit), "{who}: {part:?}: {said:?}");
        let shown = if exit == 0 {
            &said.stdout
        } else {
            &said.stderr
        };
        assert!(shown.contains(part), "{who}: no {part:?} in {said:?}");
        assert!(!said.stderr.contains("Traceback"), "{who}: {said:?}");
    }
}

#[track_caller]
fn altered(part: &str, change: impl FnOnce(&Copy)) {
    let copy = Copy::new();
    change(&copy);
    agree(&copy.folder(), &[], 1, part);
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The partial tile of `level` under the present checkpoint.
fn edge(copy: &Copy, level: &str) -> String {
    let size: usize = String::from_utf8(copy.read("checkpoint"))
        .unwrap()
        .lines()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    match level {
        "1" => format!("tile/1/000.p/{}", size / 256),
        _ => format!("tile/{level}/{:03}.p/{}", size / 256, size % 256),
    }
}
