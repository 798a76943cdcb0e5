//! A good file of every kind is accepted, measured, kept sealed and forgotten.
mod common;

use std::time::Duration;

use common::*;
use upload::rules::Hold;
use upload::{Facts, Kind, Verdict};

#[test]
fn a_good_file_of_every_kind_is_accepted_in_every_division() {
    for kind in Kind::ALL {
        let (name, content_type, bytes) = good(kind);
        let body = form(name.as_bytes(), content_type, &bytes);
        for size in [1, 13, 1000, body.len()] {
            let mut intake = Intake::new(rules_of(&Kind::ALL, Hold::Whole), 1 << 30);
            assert_eq!(
                intake.form(&body, size),
                Ok(()),
                "{kind} in pieces of {size}"
            );
            let [accepted] = intake.accepted.as_slice() else {
                panic!("{kind}")
            };
            assert_eq!((accepted.kind, accepted.len), (kind, bytes.len() as u64));
            assert_eq!(accepted.name.as_ref().unwrap().as_str(), name);
            assert_eq!(intake.quota.used(), 0);
            assert_eq!(std::fs::read_dir(intake.folder.path()).unwrap().count(), 0);
        }
    }
}

#[test]
fn sound_is_measured() {
    for (kind, rate, channels, millis) in [
        (Kind::Wav, 16_000, 1, 500),
        (Kind::Mp3, 44_100, 2, 783),
        (Kind::Flac, 16_000, 1, 2_560),
        (Kind::Ogg, 48_000, 1, 993),
        (Kind::M4a, 44_100, 2, 928),
    ] {
        let (name, content_type, bytes) = good(kind);
        let mut intake = Intake::new(rules_of(&[kind], Hold::Whole), 1 << 30);
        intake
            .form(&form(name.as_bytes(), content_type, &bytes), 1000)
            .unwrap();
        let Facts::Audio(facts) = intake.accepted[0].facts else {
            panic!("{kind}")
        };
        assert_eq!((facts.rate, facts.channels), (rate, channels), "{kind}");
        let apart = facts.lasts.abs_diff(Duration::from_millis(millis));
        assert!(
            apart < Duration::from_millis(30),
            "{kind} lasts {:?}",
            facts.lasts
        );
    }
}

#[test]
fn what_may_go_on_before_its_end_does_so_only_where_a_route_says_so() {
    for kind in [Kind::Wav, Kind::Png, Kind::Jpeg, Kind::Gif, Kind::WebP] {
        let (_, _, bytes) = good(kind);
        let bytes = if kind == Kind::Wav {
            wav_with(48_000, 1, 900, b"")
        } else {
            bytes
        };
        let (verdict, outcome) = streamed(rules_of(&[kind], Hold::Whole), &bytes);
        if bytes.len() > 1024 {
            assert_eq!(verdict, Verdict::NeedsWhole, "{kind}");
        }
        assert_eq!(outcome.is_ok(), kind != Kind::Wav, "{kind}: {outcome:?}");
        let (verdict, outcome) = streamed(rules_of(&[kind], Hold::Head), &bytes);
        if bytes.len() > 1024 {
            assert_eq!(verdict, Verdict::Streamable, "{kind}");
        }
        assert!(outcome.is_ok(), "{kind}: {outcome:?}");
    }
    for kind in [Kind::Mp3, Kind::Flac, Kind::Ogg, Kind::M4a, Kind::Pdf] {
        let (_, outcome) = streamed(rules_of(&[kind], Hold::Head), &good(kind).2);
        assert_eq!(outcome, Err(upload::UploadRefusal::NotHeld), "{kind}");
    }
}
