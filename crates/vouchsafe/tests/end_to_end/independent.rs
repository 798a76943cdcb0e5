//! Ledgers of the real binary, judged by programs that share no code with it.
//!
//! Owns the agreement between `vouchsafe ledger verify` and `docs/guide/verify_ledger.py` on a whole
//! ledger and on every alteration of it, and what other people's implementations say of the same
//! files: Go's `sumdb/note` and `sumdb/tlog`, and the Sigstore client.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::support::{Client, Deployment, Said, Upstream, open_route, run, site, vouchsafe};

/// Names the program made of `tests/go/ledger`; "absent" where Go cannot be installed.
const GO: &str = "VOUCHSAFE_TEST_GO_LEDGER";

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

/// Where each entry of a bundle begins, and where the last one ends.
fn places(bundle: &[u8]) -> Vec<usize> {
    let mut places = vec![0];
    while let Some(at) = places.last().copied().filter(|at| *at < bundle.len()) {
        let length = u16::from_be_bytes([bundle[at], bundle[at + 1]]);
        places.push(at + 2 + usize::from(length));
    }
    places
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

#[test]
fn both_verifiers_call_the_ledger_whole_alone_and_beside_an_older_checkpoint() {
    let copy = Copy::new();
    agree(&copy.folder(), &[], 0, "whole: ");
    let older = text(&made().older);
    agree(&copy.folder(), &["--seen", &older], 0, "whole: ");
    let newest = text(&copy.path("checkpoint"));
    agree(&copy.folder(), &["--seen", &newest], 0, "whole: ");
    // Extra files are none of the log's.
    copy.write("note.txt", b"x");
    copy.write("tile/entries/999", b"x");
    copy.write("tile/0/002.p/255", b"wider than the checkpoint asks for");
    agree(&copy.folder(), &[], 0, "whole: ");
}

#[test]
fn both_verifiers_name_the_same_entry() {
    let bundle = "tile/entries/000";
    altered("entry 3 ", |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes)[3] + 12;
            bytes[at] ^= 1;
        });
    });
    altered("entry 4 ", |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes);
            let swapped = [
                &bytes[..at[4]],
                &bytes[at[9]..at[10]],
                &bytes[at[5]..at[9]],
                &bytes[at[4]..at[5]],
                &bytes[at[10]..],
            ];
            *bytes = swapped.concat();
        });
    });
    altered("entry 8 ", |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes);
            *bytes = [&bytes[..at[8]], &bytes[at[7]..at[8]], &bytes[at[9]..]].concat();
        });
    });
    altered("entry 0 ", |copy| copy.swap(bundle, "tile/entries/001"));
    let cut = "tile/entries/000 has been cut or extended";
    altered(cut, |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes);
            bytes.drain(at[5]..at[6]);
        });
    });
    altered(cut, |copy| {
        copy.change(bundle, |bytes| bytes.extend_from_slice(b"\0\x01x"));
    });
    altered(cut, |copy| {
        copy.change(bundle, |bytes| bytes.truncate(bytes.len() - 1));
    });
    altered("tile/entries/001 is missing", |copy| {
        copy.remove("tile/entries/001");
    });
    altered("tile/entries/002", |copy| {
        let edge = edge(copy, "entries");
        copy.change(&edge, |bytes| bytes.truncate(0));
    });
}

#[test]
fn both_verifiers_name_the_same_tile() {
    for (tile, hash) in [("tile/0/000", 9), ("tile/0/001", 0), ("tile/0/001", 255)] {
        altered(&format!("hash {hash} of {tile}"), |copy| {
            copy.change(tile, |bytes| bytes[hash * 32 + 31] ^= 1);
        });
    }
    altered("hash 1 of tile/1/000", |copy| {
        let edge = edge(copy, "1");
        copy.change(&edge, |bytes| bytes[32] ^= 0x80);
    });
    altered("hash 0 of tile/0/000", |copy| {
        copy.swap("tile/0/000", "tile/0/001");
    });
    altered("tile/0/000 has been cut or extended", |copy| {
        copy.change("tile/0/000", |bytes| bytes.truncate(8191));
    });
    altered("tile/0/001 is missing", |copy| copy.remove("tile/0/001"));
    altered("is missing", |copy| copy.remove(&edge(copy, "0")));
    // An entry together with its leaf hash.
    altered("the entries of tile/entries/000", |copy| {
        copy.change("tile/entries/000", |bytes| {
            let at = places(bytes)[3] + 12;
            bytes[at] ^= 1;
        });
        let bundle = copy.read("tile/entries/000");
        let at = places(&bundle);
        let leaf = [&b"\0"[..], &bundle[at[3] + 2..at[4]]].concat();
        let hash = seal::sha256(&leaf);
        copy.change("tile/0/000", |bytes| {
            bytes[96..128].copy_from_slice(&hash);
        });
    });
    // A partial tile narrower than the present one, kept from an earlier checkpoint.
    altered("tile/0/002.p/1", |copy| {
        copy.write("tile/0/002.p/1", &[7; 32]);
    });
    altered("tile/entries/000.p/1", |copy| {
        copy.write("tile/entries/000.p/1", b"\0\x01x");
    });
}

#[test]
fn both_verifiers_refuse_the_same_checkpoints() {
    let forged = "the checkpoint does not hold";
    let lines: Vec<String> = String::from_utf8(Copy::new().read("checkpoint"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    for (line, from, to) in [
        (0, "localhost", "localhosu"),
        (1, lines[1].as_str(), "500"),
        (
            2,
            &lines[2][..1],
            if lines[2].starts_with('A') { "B" } else { "A" },
        ),
    ] {
        altered(forged, |copy| {
            let mut lines = lines.clone();
            lines[line] = lines[line].replacen(from, to, 1);
            copy.write("checkpoint", (lines.join("\n") + "\n").as_bytes());
        });
    }
    altered(forged, |copy| {
        copy.change("checkpoint", |bytes| bytes.truncate(bytes.len() - 1));
    });
    altered(forged, |copy| copy.write("checkpoint", b""));
    altered("the checkpoint is missing", |copy| {
        copy.remove("checkpoint")
    });
    // The same head, signed by another key of the same name.
    altered(forged, |copy| {
        let text = lines[..3].join("\n") + "\n";
        let other = ledger::note::SignerKey::from_seed(&lines[0], [9; 32]).unwrap();
        copy.write("checkpoint", other.sign(&text).as_bytes());
    });
}

#[test]
fn both_verifiers_tell_a_log_that_was_cut_back_or_forked() {
    let made = made();
    // The older checkpoint put back: whole by itself, cut back beside the newer one.
    let copy = Copy::new();
    let newest = copy.0.path().join("newest");
    fs::copy(copy.path("checkpoint"), &newest).unwrap();
    fs::copy(&made.older, copy.path("checkpoint")).unwrap();
    agree(&copy.folder(), &["--seen", &text(&newest)], 1, "cut back");

    // Whoever holds the key signs a shorter log, or another one of the same length.
    let signer = fs::read_to_string(made.deployment.data().join("ledger.key")).unwrap();
    let signer = ledger::note::SignerKey::parse(signer.trim()).unwrap();
    let note = fs::read_to_string(&newest).unwrap();
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
    let origin = note.lines().next().unwrap();
    let root = note.lines().nth(2).unwrap();
    let copy = Copy::new();
    let longer = copy.0.path().join("longer");
    let text_of = |size: u64, root: &str| signer.sign(&format!("{origin}\n{size}\n{root}\n"));
    fs::write(&longer, text_of(size + 1, root)).unwrap();
    agree(&copy.folder(), &["--seen", &text(&longer)], 1, "cut back");
    let fork = copy.0.path().join("fork");
    let zeros = "A".repeat(43) + "=";
    for size in [size, size - 1, 256, 1] {
        fs::write(&fork, text_of(size, &zeros)).unwrap();
        let part = format!("the first {size} entries are not those");
        agree(&copy.folder(), &["--seen", &text(&fork)], 1, &part);
    }
    // A whole second place: every checkpoint of it is compared, what is cut short is left out.
    let place = copy.0.path().join("place");
    let older = fs::read_to_string(&made.older).unwrap();
    let torn = &older[..older.len() - 20];
    fs::write(&place, format!("{older}{torn}\n\n{note}")).unwrap();
    agree(&copy.folder(), &["--seen", &text(&place)], 0, "whole: ");
    let fork_inside = format!("{older}{}{note}", text_of(300, &zeros));
    fs::write(&place, fork_inside).unwrap();
    let part = "the first 300 entries are not those";
    agree(&copy.folder(), &["--seen", &text(&place)], 1, part);
    let twice = format!("{note}{}", text_of(size, &zeros));
    fs::write(&place, twice).unwrap();
    let part = format!("the first {size} entries are not those");
    agree(&copy.folder(), &["--seen", &text(&place)], 1, &part);
    fs::write(&fork, "no checkpoint").unwrap();
    let seen = ["--key", &made.key, "--seen", &text(&fork)];
    assert_eq!(ours(&copy.folder(), &seen).exit, Some(2));
    assert_eq!(theirs(&copy.folder(), &seen).exit, Some(2));
}

#[test]
fn both_verifiers_accept_missing_bundles_below_a_signed_minimum_index_and_no_others() {
    let made = made();
    let secret = fs::read_to_string(made.deployment.data().join("ledger.key")).unwrap();
    let signer = ledger::note::SignerKey::parse(secret.trim()).unwrap();
    let origin = made.key.split('+').next().unwrap();
    let stranger = ledger::note::SignerKey::from_seed(origin, [9; 32]).unwrap();
    let minimum = |signer: &ledger::note::SignerKey, index: u64| {
        let minimum = ledger::minimum::Minimum {
            index,
            since: control::Timestamp::from_seconds(1_790_000_000),
            ..ledger::minimum::Minimum::none(origin.to_owned())
        };
        signer.sign(&minimum.to_string())
    };
    let pruned = || {
        let copy = Copy::new();
        copy.write("minimum", minimum(&signer, 256).as_bytes());
        copy.remove("tile/entries/000");
        copy.remove("tile/0/000");
        copy
    };
    let copy = pruned();
    agree(&copy.folder(), &[], 0, "256");
    // Older checkpoints that cannot be rebuilt are said not to be compared; newer ones are.
    let older = text(&made.older);
    agree(&copy.folder(), &["--seen", &older], 0, "whole: ");
    let newest = text(&copy.path("checkpoint"));
    agree(&copy.folder(), &["--seen", &newest], 0, "whole: ");
    // What a crash left below the minimum index is not judged.
    copy.write("tile/entries/000", b"x");
    agree(&copy.folder(), &[], 0, "whole: ");

    let refused = |part: &str, change: &dyn Fn(&Copy)| {
        let copy = pruned();
        change(&copy);
        agree(&copy.folder(), &[], 1, part);
    };
    let forged = "the minimum index does not hold";
    refused("tile/entries/001 is missing", &|copy| {
        copy.remove("tile/entries/001");
    });
    refused("tile/entries/000 is missing", &|copy| {
        copy.remove("minimum")
    });
    refused(forged, &|copy| {
        copy.write("minimum", minimum(&stranger, 256).as_bytes());
    });
    refused(forged, &|copy| {
        copy.write("minimum", minimum(&signer, 257).as_bytes());
    });
    refused(forged, &|copy| {
        copy.write("minimum", minimum(&signer, 25_600).as_bytes());
    });
    refused(forged, &|copy| {
        copy.write("minimum", &copy.read("checkpoint"));
    });
    refused("does not have the signed root", &|copy| {
        let edge = edge(copy, "1");
        copy.change(&edge, |bytes| bytes[0] ^= 1);
    });
}

#[test]
fn both_verifiers_say_when_they_cannot_tell() {
    let empty = tempfile::tempdir().unwrap();
    agree(empty.path(), &[], 2, "no ledger");
    let copy = Copy::new();
    for key in ["nonsense", "a+00000000+AAAA"] {
        assert_eq!(ours(&copy.folder(), &["--key", key]).exit, Some(2));
        assert_eq!(theirs(&copy.folder(), &["--key", key]).exit, Some(2));
    }
}

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
