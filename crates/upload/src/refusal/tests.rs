use std::collections::HashSet;

use super::*;

const NAMES: [NameFault; 12] = [
    NameFault::Empty,
    NameFault::TooLong,
    NameFault::Encoding,
    NameFault::Separator,
    NameFault::DotDot,
    NameFault::LeadingDot,
    NameFault::TrailingDot,
    NameFault::Control,
    NameFault::Invisible,
    NameFault::Encoded,
    NameFault::Reserved,
    NameFault::Device,
];

/// One of every variant; a new one that is missing here leaves a hole in the count below.
fn every() -> Vec<UploadRefusal> {
    use UploadRefusal as U;
    let (part, limit, kind, offset) = (7, 7, Kind::Wav, 7);
    let at = Cell { row: 12, column: 3 };
    let what = Foreign::Zip;
    let mut all = vec![
        U::Boundary,
        U::Preamble,
        U::Epilogue,
        U::BoundaryLine { part },
        U::Unfinished { part },
        U::NoParts,
        U::PartHeadTooLarge { part, limit: 7 },
        U::PartHeadLines { part, limit: 7 },
        U::PartHeadSyntax { part },
        U::PartHeadTwice { part },
        U::PartHeadUnknown { part },
        U::Disposition { part },
        U::DispositionParameter { part },
        U::FilenameStar { part },
        U::FieldName { part },
        U::TransferEncoding { part },
        U::NestedMultipart { part },
        U::TooManyFiles { limit },
        U::TooManyFields { limit },
        U::FieldTooLarge { part, limit: 7 },
        U::FieldUnknown { part },
        U::FieldTwice { part },
        U::FieldText { part },
        U::FieldMissing {
            name: "practice".to_owned(),
        },
        U::FileMissing,
        U::Encoded,
        U::NotForm,
        U::Empty,
        U::TooLarge { limit: 7 },
        U::Extension,
        U::ExtensionCase,
        U::DoubleExtension,
        U::NameDisagrees {
            said: Kind::Csv,
            kind,
        },
        U::TypeDisagrees { kind },
        U::KindNotAllowed { kind },
        U::Foreign { what },
        U::Unknown,
        U::Polyglot { what },
        U::Trailing { kind, offset },
        U::Truncated { kind, offset },
        U::Broken {
            kind,
            offset,
            what: "a rule",
        },
        U::CsvWide,
        U::CsvEncoding { at },
        U::CsvControl { at },
        U::CsvBareCr { at },
        U::CsvEmptyLine { row: 12 },
        U::CsvHeaderTooLong { limit: 7 },
        U::CsvColumnUnknown { column: 3 },
        U::CsvColumnMissing {
            layout: "a".to_owned(),
            column: "b".to_owned(),
        },
        U::CsvColumnTwice { column: 3 },
        U::CsvFewRows { found: 0, limit: 1 },
        U::CsvRows { limit: 7 },
        U::CsvColumns { row: 12, limit },
        U::CsvCell { at, limit },
        U::CsvRagged {
            row: 12,
            found: 2,
            expected: 3,
        },
        U::CsvQuoteInside { at },
        U::CsvQuoteTail { at },
        U::CsvQuoteOpen { at },
        U::AudioUnreadable { kind },
        U::AudioTracks { kind },
        U::AudioRate {
            hertz: 1,
            low: 2,
            high: 3,
        },
        U::AudioChannels { found: 9, limit: 2 },
        U::AudioShort {
            millis: 1,
            limit: 2,
        },
        U::AudioLong {
            millis: 3,
            limit: 2,
        },
        U::AudioLies { kind },
        U::AudioMetadata { kind, limit: 7 },
        U::ImageSide {
            width: 1,
            height: 2,
            limit,
        },
        U::ImagePixels {
            pixels: 8,
            limit: 7,
        },
        U::PdfActive {
            what: "JavaScript",
            offset,
        },
        U::PdfEncrypted,
        U::PdfHidden { offset },
        U::QuotaFull,
        U::SpoolFailed,
        U::NotHeld,
    ];
    all.extend(NAMES.map(UploadRefusal::Name));
    all
}

#[test]
fn every_code_is_its_own_and_in_kebab_case() {
    let all = every();
    let codes: HashSet<_> = all.iter().map(UploadRefusal::code).collect();
    assert_eq!(codes.len(), all.len());
    for code in codes {
        assert!(
            code.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
            "{code}"
        );
    }
}

#[test]
fn every_status_is_one_of_the_documented() {
    for refusal in every() {
        assert!(
            matches!(refusal.status(), 400 | 413 | 415 | 422 | 503 | 507),
            "{refusal:?}"
        );
    }
    assert_eq!(UploadRefusal::QuotaFull.status(), 507);
    assert_eq!(UploadRefusal::TooLarge { limit: 1 }.status(), 413);
}

#[test]
fn every_message_is_a_short_sentence_for_people() {
    for refusal in every() {
        let message = refusal.to_string();
        assert!((10..140).contains(&message.len()), "{message}");
        assert!(
            !message.ends_with('.') && !message.contains("::"),
            "{message}"
        );
    }
    let at = Cell { row: 12, column: 3 };
    let message = UploadRefusal::CsvCell { at, limit: 100 }.to_string();
    assert_eq!(
        message,
        "row 12, column 3: the cell is longer than 100 bytes"
    );
}
