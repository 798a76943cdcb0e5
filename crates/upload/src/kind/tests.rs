use super::*;

fn name(text: &str) -> FileName {
    FileName::read(text.as_bytes()).unwrap()
}

#[test]
fn kinds_are_recognised_at_offset_zero_alone() {
    for (head, kind) in [
        (&b"RIFF\0\0\0\0WAVEfmt "[..], Kind::Wav),
        (b"RIFF\0\0\0\0WEBPVP8 ", Kind::WebP),
        (b"fLaC\0", Kind::Flac),
        (b"OggS\0", Kind::Ogg),
        (b"ID3\x04\0", Kind::Mp3),
        (b"\xff\xfb\x90\x00", Kind::Mp3),
        (b"\0\0\0\x20ftypM4A ", Kind::M4a),
        (b"\x89PNG\r\n\x1a\n", Kind::Png),
        (b"\xff\xd8\xff\xe0", Kind::Jpeg),
        (b"GIF89a", Kind::Gif),
        (b"%PDF-1.7", Kind::Pdf),
        (b"sku,price\n", Kind::Csv),
    ] {
        assert_eq!(recognise(head), Ok(kind));
        let shifted = [b"\0", head].concat();
        assert_ne!(recognise(&shifted), Ok(kind), "{kind} after one byte");
    }
}

#[test]
fn foreign_kinds_are_refused_by_name() {
    for (head, what) in [
        (&b"PK\x03\x04"[..], Foreign::Zip),
        (b"\x1f\x8b\x08", Foreign::Compressed),
        (b"MZ\x90", Foreign::WindowsProgram),
        (b"\x7fELF", Foreign::LinuxProgram),
        (b"#!/bin/sh", Foreign::Script),
        (b"  <html>", Foreign::Html),
        (b"\xef\xbb\xbf<!DOCTYPE html>", Foreign::Html),
        (b"<?xml version", Foreign::Xml),
        (b"<?php echo", Foreign::Script),
        (b"\0\0\0\x18ftypqt  ", Foreign::Video),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign::Office),
    ] {
        assert_eq!(recognise(head), Err(UploadRefusal::Foreign { what }));
    }
}

#[test]
fn text_of_two_bytes_a_letter_and_noise_are_told_apart() {
    assert_eq!(recognise(b"\xff\xfea\0"), Err(UploadRefusal::CsvWide));
    assert_eq!(recognise(b"a\0b\0"), Err(UploadRefusal::CsvWide));
    assert_eq!(recognise(b"\0\x01\x02\x03"), Err(UploadRefusal::Unknown));
    assert_eq!(recognise(b""), Err(UploadRefusal::Empty));
}

#[test]
fn extensions_must_say_what_the_content_is() {
    for good in ["a.csv", "A.CSV", "data.2024.csv", "a.csv.csv", "a.tsv"] {
        assert_eq!(agree_name(Kind::Csv, &name(good)), Ok(()), "{good}");
    }
    let disagrees = UploadRefusal::NameDisagrees {
        said: Kind::Wav,
        kind: Kind::Csv,
    };
    for (bad, refusal) in [
        ("a.wav", disagrees),
        ("a", UploadRefusal::Extension),
        ("a.exe", UploadRefusal::Extension),
        ("a.cSv", UploadRefusal::ExtensionCase),
        ("a.exe.csv", UploadRefusal::DoubleExtension),
        ("a.PHP.csv", UploadRefusal::DoubleExtension),
        ("a.wav.csv", UploadRefusal::DoubleExtension),
    ] {
        assert_eq!(agree_name(Kind::Csv, &name(bad)), Err(refusal), "{bad}");
    }
}

#[test]
fn a_declared_type_must_say_what_the_content_is() {
    for good in [
        None,
        Some(&b"text/csv; charset=utf-8"[..]),
        Some(b"application/octet-stream"),
    ] {
        assert_eq!(agree_type(Kind::Csv, good), Ok(()));
    }
    let refusal = UploadRefusal::TypeDisagrees { kind: Kind::Csv };
    for bad in [&b"audio/wav"[..], b"text/html", b"", b"text/csv,text/html"] {
        assert_eq!(agree_type(Kind::Csv, Some(bad)), Err(refusal.clone()));
    }
}

#[test]
fn every_kind_is_found_by_its_id_and_is_a_set_of_its_own() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_id(kind.id()), Some(kind));
        let set = Kinds::default().with(kind);
        assert_eq!(set.iter().collect::<Vec<_>>(), [kind]);
    }
}
