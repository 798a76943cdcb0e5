//! What is signed: checkpoints and the minimum index, alone and beside what was seen before.

use std::fs;

use super::{Copy, agree, altered, edge, made, ours, text, theirs};

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
