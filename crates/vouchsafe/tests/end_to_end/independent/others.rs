//! Implementations of other people.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Copy, PYTHON, made};
use crate::support::run;

/// Names the program made of `tests/go/ledger`; "absent" where Go cannot be installed.
const GO: &str = "VOUCHSAFE_TEST_GO_LEDGER";

/// The exported proof of one entry, and the entry itself.
fn proof(index: usize) -> (PathBuf, PathBuf) {
    let made = made();
    let folder = made.deployment.folder();
    let paths = (
        folder.join(format!("{index}.tlog-proof")),
        folder.join(format!("{index}.entry")),
    );
    let number = index.to_string();
    let proof = made
        .deployment
        .run(&["ledger", "export"], &["--proof", &number])
        .exits(0);
    fs::write(&paths.0, proof.stdout).unwrap();
    let entries = made.deployment.run(&["ledger", "export"], &[]).exits(0);
    fs::write(&paths.1, entries.stdout.lines().nth(index).unwrap()).unwrap();
    paths
}

/// `sumdb/note` verifies the signature; `sumdb/tlog` rebuilds the root from the entries,
/// authenticates every tile, and checks proofs of inclusion and consistency.
#[test]
fn the_go_checksum_database_calls_the_ledger_whole() {
    let program = std::env::var_os(GO).unwrap_or_else(|| {
        panic!("no {GO}: run `cargo xtask test`, which builds tests/go/ledger, or set it")
    });
    if program == "absent" {
        eprintln!("Go could not be installed here: nothing was compared with golang.org/x/mod");
        return;
    }
    let check = |folder: &Path, proof: &Path| {
        run(Command::new(&program)
            .arg(folder)
            .arg(&made().key)
            .arg(proof))
    };
    let copy = Copy::new();
    for index in [0, 300, 599] {
        check(&copy.folder(), &proof(index).0).exits(0);
    }
    let none = Path::new("");
    for tile in ["tile/entries/001", "tile/0/001", "checkpoint"] {
        let copy = Copy::new();
        copy.change(tile, |bytes| bytes[40] ^= 1);
        check(&copy.folder(), none).exits(1);
    }
}

/// The Sigstore client reads the checkpoint and follows the proof; OpenSSL verifies the signature.
#[test]
fn the_sigstore_client_finds_an_entry_under_the_checkpoint() {
    let python = std::env::var_os(PYTHON).unwrap_or_else(|| {
        panic!("no {PYTHON}: run `cargo xtask test`, which makes a virtual environment")
    });
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/sigstore_ledger.py");
    let check = |key: &str, proof: &Path, entry: &Path| {
        run(Command::new(&python)
            .arg("-B")
            .arg(&script)
            .arg(key)
            .args([proof, entry]))
    };
    let key = &made().key;
    let (proof_of_300, entry) = proof(300);
    check(key, &proof_of_300, &entry).exits(0);
    let (proof_of_0, other) = proof(0);
    check(key, &proof_of_0, &other).exits(0);
    check(key, &proof_of_300, &other).exits(1);
    let origin = made().key.split('+').next().unwrap().to_owned();
    let stranger = ledger::note::SignerKey::from_seed(&origin, [9; 32]).unwrap();
    check(&stranger.verifier().to_string(), &proof_of_300, &entry).exits(1);
}
