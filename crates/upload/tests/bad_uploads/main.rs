//! Uploads that must not get through, each with the code and the sentence a person reads, and each
//! with a good twin that differs in the fault alone.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod cases;

use std::collections::HashSet;

use cases::{common::*, *};
use upload::rules::Hold;
use upload::{Kind, UploadRefusal};

fn run(kinds: &[Kind], upload: &Upload, size: usize) -> Result<usize, UploadRefusal> {
    let mut intake = Intake::new(rules_of(kinds, Hold::Whole), 1 << 30);
    let body = match upload {
        Upload::File((name, kind, bytes)) => form(name.as_bytes(), kind, bytes),
        Upload::Form(body) => body.clone(),
    };
    let outcome = intake.form(&body, size);
    // Whatever came of it, nothing stays.
    assert_eq!(intake.quota.used(), 0);
    assert_eq!(std::fs::read_dir(intake.folder.path()).unwrap().count(), 0);
    outcome.map(|()| intake.accepted.len())
}

#[test]
fn every_bad_upload_is_refused_with_its_code_and_its_twin_is_accepted() {
    let mut faults = Vec::new();
    let all = table();
    for case in &all {
        for size in [1000, 1 << 20] {
            match run(case.kinds, &case.bad, size) {
                Ok(_) => faults.push(format!("{}: accepted", case.title)),
                Err(refusal) => {
                    let found = (refusal.code(), refusal.to_string());
                    if found != (case.code, case.message.to_owned()) {
                        faults.push(format!("{}: {found:?}", case.title));
                    }
                }
            }
        }
        if let Err(refusal) = run(case.kinds, &case.twin, 1000) {
            faults.push(format!("twin of {}: {refusal:?}", case.title));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let titles: HashSet<_> = all.iter().map(|case| case.title).collect();
    assert_eq!(titles.len(), all.len(), "two cases of one title");
    assert!(all.len() >= 140, "{} cases", all.len());
}

#[test]
fn small_uploads_are_refused_alike_byte_by_byte() {
    for case in table() {
        let small = match &case.bad {
            Upload::File((_, _, bytes)) => bytes.len() < 2000,
            Upload::Form(body) => body.len() < 2000,
        };
        if small {
            let code = run(case.kinds, &case.bad, 1).map_err(|refusal| refusal.code());
            assert_eq!(code, Err(case.code), "{}", case.title);
        }
    }
}

#[test]
fn no_message_repeats_what_was_uploaded() {
    let canary = "q7canary";
    for text in [
        format!("{canary},price\n1,2\n"),
        format!("sku,price\n{canary}\"{canary},2\n"),
        format!("sku,price\n{canary},2,{canary}\n"),
        format!("sku,price\n{},2\n", canary.repeat(9)),
    ] {
        let refusal = run(ALL, &csv(&text), 1000).unwrap_err();
        let shown = format!("{refusal} {refusal:?}");
        assert!(!shown.contains(canary), "{shown}");
    }
    for name in ["q7canary/x.csv", "q7canary.exe"] {
        let refusal = run(ALL, &named(name), 1000).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains(canary));
    }
}

#[test]
fn a_full_quota_is_told_apart_from_a_bad_file() {
    let (name, content_type, bytes) = good(Kind::Wav);
    let body = form(name.as_bytes(), content_type, &bytes);
    let mut intake = Intake::new(rules_of(ALL, Hold::Whole), 1000);
    let refusal = intake.form(&body, 100).unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("quota-full", 507));
    assert_eq!(intake.quota.used(), 0);
}
