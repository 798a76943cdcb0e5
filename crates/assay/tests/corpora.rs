//! Every fuzz body on stable: the committed inputs, and changes of them that libFuzzer would make.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use assay::TARGETS;
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, TestError, TestRunner},
};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The committed inputs of a target, by name.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut inputs: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_committed_input_keeps_every_invariant() {
    for target in TARGETS {
        let inputs = inputs(target.name);
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        for (name, bytes) in inputs {
            // So that a failure names the input: a body only panics.
            let kept = std::panic::catch_unwind(|| (target.body)(&bytes));
            assert!(kept.is_ok(), "fuzz/corpus/{}/{name}", target.name);
        }
    }
}

/// One change that a fuzzer makes.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index, u8),
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), 1_u8..40).prop_map(|(at, count)| Change::Cut(at, count)),
        (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1_u8..40).prop_map(|(at, count)| Change::Repeat(at, count)),
        (at(), at()).prop_map(|(other, at)| Change::Splice(other, at)),
    ]
}

/// `bytes` changed; `all` are the inputs that may be spliced in.
fn changed(mut bytes: Vec<u8>, changes: Vec<Change>, all: &[(String, Vec<u8>)]) -> Vec<u8> {
    for change in changes {
        let length = bytes.len();
        let place = |at: &Index| at.index(length + 1);
        match change {
            Change::Set(at, byte) => {
                if let Some(place) = bytes.get_mut(place(&at)) {
                    *place = byte;
                }
            }
            Change::Flip(at, bit) => {
                if let Some(place) = bytes.get_mut(place(&at)) {
                    *place ^= 1 << bit;
                }
            }
            Change::Cut(at, count) => {
                let from = place(&at);
                bytes.drain(from..length.min(from + usize::from(count)));
            }
            Change::Insert(at, more) => {
                let from = place(&at);
                bytes.splice(from..from, more);
            }
            Change::Repeat(at, count) => {
                let from = place(&at);
                let more = bytes.get(from..length.min(from + usize::from(count)));
                let more = more.unwrap_or_default().to_vec();
                bytes.splice(from..from, more);
            }
            Change::Splice(other, at) => {
                let (_, other) = other.get(all);
                let cut = place(&at);
                bytes.truncate(cut);
                bytes.extend(other.get(cut.min(other.len())..).unwrap_or_default());
            }
        }
    }
    bytes
}

#[test]
fn changes_of_committed_inputs_keep_every_invariant() {
    for target in TARGETS {
        let all = inputs(target.name);
        let inputs = (any::<Index>(), vec(change(), 0..6)).prop_map(|(index, changes)| {
            let (_, bytes) = index.get(&all);
            changed(bytes.clone(), changes, &all)
        });
        let config = Config {
            cases: target.cases,
            failure_persistence: None,
            ..Config::default()
        };
        let ran = TestRunner::new(config).run(&inputs, |bytes| {
            (target.body)(&bytes);
            Ok(())
        });
        if let Err(TestError::Fail(reason, bytes)) = ran {
            let text = bytes.escape_ascii();
            panic!("{}: {reason}\nb\"{text}\"", target.name);
        }
    }
}

/// The functions of a file that take bytes and return nothing: bodies.
fn bodies(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("pub fn ")?.strip_suffix(": &[u8]) {"))
        .filter_map(|head| Some(head.split_once('(')?.0))
}

/// Every body of every crate, as the list would name it.
fn all_bodies() -> BTreeSet<String> {
    let crates = fuzz().join("../crates");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(crates).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let mut files = vec![entry.path().join("src/fuzz.rs")];
        let folder = fs::read_dir(entry.path().join("src/fuzz"));
        files.extend(folder.into_iter().flatten().flatten().map(|it| it.path()));
        for file in files {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let module = file.file_stem().unwrap().to_string_lossy().into_owned();
            let module = match module.as_str() {
                "fuzz" => "fuzz".to_owned(),
                inner => format!("fuzz::{inner}"),
            };
            found.extend(bodies(&text).map(|body| format!("{name}::{module}::{body}")));
        }
    }
    found
}

#[test]
fn every_body_has_a_target_a_corpus_and_a_line_and_nothing_else_has() {
    let listed: BTreeSet<_> = TARGETS.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(listed.len(), TARGETS.len(), "a name stands twice");

    let paths: BTreeSet<_> = TARGETS.iter().map(|it| it.path.to_owned()).collect();
    assert_eq!(all_bodies(), paths, "bodies and assay::TARGETS");

    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz().join(folder)).unwrap().flatten();
        entries
            .map(|entry| {
                entry
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(names("fuzz_targets"), listed, "fuzz/fuzz_targets");
    assert_eq!(names("corpus"), listed, "fuzz/corpus");
    for target in TARGETS {
        let file = fuzz().join(format!("fuzz_targets/{}.rs", target.name));
        let text = fs::read_to_string(file).unwrap();
        let call = format!("|data: &[u8]| {}(data)", target.path);
        assert!(text.contains(&call), "{}: {call}", target.name);
    }

    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let programs = manifest.get("bin").unwrap().as_array().unwrap();
    let programs: BTreeSet<_> = programs
        .iter()
        .map(|bin| bin.get("name").unwrap().as_str().unwrap().to_owned())
        .collect();
    assert_eq!(programs, listed, "[[bin]] of fuzz/Cargo.toml");
    let given = manifest
        .get("package")
        .and_then(|it| it.get("metadata")?.get("targets"));
    let given: BTreeSet<_> = given.unwrap().as_table().unwrap().keys().cloned().collect();
    assert_eq!(
        given, listed,
        "[package.metadata.targets] of fuzz/Cargo.toml"
    );

    let readme = fs::read_to_string(fuzz().join("README.md")).unwrap();
    let rows: BTreeSet<_> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(rows, listed, "the table of fuzz/README.md");
}
