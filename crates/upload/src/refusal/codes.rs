//! What programs read of a refusal: a stable code and an HTTP status.
//!
//! Owns both tables. A code never changes once it was released; sentences may.

use super::{NameFault, UploadRefusal};

impl NameFault {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Empty => "name-empty",
            Self::TooLong => "name-too-long",
            Self::Encoding => "name-encoding",
            Self::Separator => "name-separator",
            Self::DotDot => "name-dot-dot",
            Self::LeadingDot => "name-leading-dot",
            Self::TrailingDot => "name-trailing-dot",
            Self::Control => "name-control",
            Self::Invisible => "name-invisible",
            Self::Encoded => "name-encoded",
            Self::Reserved => "name-reserved",
            Self::Device => "name-device",
        }
    }
}

impl UploadRefusal {
    /// The stable code, in kebab case. For records, metrics and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Boundary => "multipart-boundary",
            Self::Preamble => "multipart-preamble",
            Self::Epilogue => "multipart-epilogue",
            Self::BoundaryLine { .. } => "multipart-boundary-line",
            Self::Unfinished { .. } => "multipart-unfinished",
            Self::NoParts => "multipart-no-parts",
            Self::PartHeadTooLarge { .. } => "part-head-too-large",
            Self::PartHeadLines { .. } => "part-head-lines",
            Self::PartHeadSyntax { .. } => "part-head-syntax",
            Self::PartHeadTwice { .. } => "part-head-twice",
            Self::PartHeadUnknown { .. } => "part-head-unknown",
            Self::Disposition { .. } => "part-disposition",
            Self::DispositionParameter { .. } => "part-parameter",
            Self::FilenameStar { .. } => "part-filename-star",
            Self::FieldName { .. } => "part-field-name",
            Self::TransferEncoding { .. } => "part-transfer-encoding",
            Self::NestedMultipart { .. } => "part-nested",
            Self::TooManyFiles { .. } => "too-many-files",
            Self::TooManyFields { .. } => "too-many-fields",
            Self::FieldTooLarge { .. } => "field-too-large",
            Self::FieldUnknown { .. } => "field-unknown",
            Self::FieldTwice { .. } => "field-twice",
            Self::FieldText { .. } => "field-text",
            Self::FieldMissing { .. } => "field-missing",
            Self::FileMissing => "file-missing",
            Self::Encoded => "upload-encoded",
            Self::NotForm => "upload-not-form",
            Self::Empty => "file-empty",
            Self::TooLarge { .. } => "file-too-large",
            Self::Name(fault) => fault.code(),
            Self::Extension => "extension",
            Self::ExtensionCase => "extension-case",
            Self::DoubleExtension => "extension-double",
            Self::NameDisagrees { .. } => "kind-name-disagrees",
            Self::TypeDisagrees { .. } => "kind-type-disagrees",
            Self::KindNotAllowed { .. } => "kind-not-allowed",
            Self::Foreign { .. } => "kind-foreign",
            Self::Unknown => "kind-unknown",
            Self::Polyglot { .. } => "polyglot",
            Self::Trailing { .. } => "file-trailing",
            Self::Truncated { .. } => "file-truncated",
            Self::Broken { .. } => "file-broken",
            Self::CsvWide => "csv-wide",
            Self::CsvEncoding { .. } => "csv-encoding",
            Self::CsvControl { .. } => "csv-control",
            Self::CsvBareCr { .. } => "csv-bare-cr",
            Self::CsvEmptyLine { .. } => "csv-empty-line",
            Self::CsvHeaderTooLong { .. } => "csv-header-too-long",
            Self::CsvColumnUnknown { .. } => "csv-column-unknown",
            Self::CsvColumnMissing { .. } => "csv-column-missing",
            Self::CsvColumnTwice { .. } => "csv-column-twice",
            Self::CsvFewRows { .. } => "csv-few-rows",
            Self::CsvRows { .. } => "csv-rows",
            Self::CsvColumns { .. } => "csv-columns",
            Self::CsvCell { .. } => "csv-cell",
            Self::CsvRagged { .. } => "csv-ragged",
            Self::CsvQuoteInside { .. } => "csv-quote-inside",
            Self::CsvQuoteTail { .. } => "csv-quote-tail",
            Self::CsvQuoteOpen { .. } => "csv-quote-open",
            Self::AudioUnreadable { .. } => "audio-unreadable",
            Self::AudioTracks { .. } => "audio-tracks",
            Self::AudioRate { .. } => "audio-rate",
            Self::AudioChannels { .. } => "audio-channels",
            Self::AudioShort { .. } => "audio-short",
            Self::AudioLong { .. } => "audio-long",
            Self::AudioLies { .. } => "audio-lies",
            Self::AudioMetadata { .. } => "audio-metadata",
            Self::ImageSide { .. } => "image-side",
            Self::ImagePixels { .. } => "image-pixels",
            Self::PdfActive { .. } => "pdf-active",
            Self::PdfEncrypted => "pdf-encrypted",
            Self::PdfHidden { .. } => "pdf-hidden",
            Self::QuotaFull => "quota-full",
            Self::SpoolFailed => "spool-failed",
            Self::NotHeld => "not-held",
        }
    }

    /// The HTTP status: 400 for a body that is not multipart, 413 for sizes and counts, 415 for
    /// kinds, 422 for content of an accepted kind that breaks a rule, 503 and 507 for us.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Boundary
            | Self::Preamble
            | Self::Epilogue
            | Self::BoundaryLine { .. }
            | Self::Unfinished { .. }
            | Self::NoParts
            | Self::PartHeadTooLarge { .. }
            | Self::PartHeadLines { .. }
            | Self::PartHeadSyntax { .. }
            | Self::PartHeadTwice { .. }
            | Self::PartHeadUnknown { .. }
            | Self::Disposition { .. }
            | Self::DispositionParameter { .. }
            | Self::FilenameStar { .. }
            | Self::FieldName { .. }
            | Self::TransferEncoding { .. }
            | Self::NestedMultipart { .. }
            | Self::Name(_) => 400,
            Self::TooManyFiles { .. }
            | Self::TooManyFields { .. }
            | Self::FieldTooLarge { .. }
            | Self::TooLarge { .. }
            | Self::CsvRows { .. } => 413,
            Self::Extension
            | Self::ExtensionCase
            | Self::DoubleExtension
            | Self::NameDisagrees { .. }
            | Self::TypeDisagrees { .. }
            | Self::KindNotAllowed { .. }
            | Self::Foreign { .. }
            | Self::Unknown
            | Self::Polyglot { .. }
            | Self::Encoded
            | Self::NotForm
            | Self::CsvWide => 415,
            Self::QuotaFull => 507,
            Self::SpoolFailed | Self::NotHeld => 503,
            _ => 422,
        }
    }
}
