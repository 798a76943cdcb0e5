//! Every reason to refuse an upload, with a stable code, a status and a sentence for people.
//!
//! Owns the closed set of upload refusals. Holds places, rules, limits and names out of our own
//! configuration, and no byte of the file, its name or its heads, so that each may be shown, logged
//! and recorded anywhere.

mod codes;

use std::fmt;

use crate::kind::{Foreign, Kind};

/// Where in a CSV file: counted as a spreadsheet does, the header being row 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The record, from 1.
    pub row: u64,
    /// The cell in the record, from 1.
    pub column: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, column {}", self.row, self.column)
    }
}

/// Which rule of file names a name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameFault {
    /// No name at all.
    Empty,
    /// More than 255 bytes.
    TooLong,
    /// Not UTF-8.
    Encoding,
    /// A slash, a backslash or a character that looks like one.
    Separator,
    /// `..` anywhere.
    DotDot,
    /// Begins with a dot.
    LeadingDot,
    /// Ends with a dot or a space, which Windows drops.
    TrailingDot,
    /// A control character or a line separator.
    Control,
    /// A character that turns the direction of text or cannot be seen.
    Invisible,
    /// `%` followed by two hexadecimal digits.
    Encoded,
    /// One of `< > : " | ? *`, which Windows reads otherwise.
    Reserved,
    /// A name of a device of Windows, such as `CON` or `LPT1`.
    Device,
}

impl NameFault {
    const fn text(self) -> &'static str {
        match self {
            Self::Empty => "the file has no name",
            Self::TooLong => "the file name is longer than 255 bytes",
            Self::Encoding => "the file name is not UTF-8",
            Self::Separator => "the file name has a slash or backslash",
            Self::DotDot => "the file name has two dots in a row",
            Self::LeadingDot => "the file name begins with a dot",
            Self::TrailingDot => "the file name ends with a dot or a space",
            Self::Control => "the file name has a control character",
            Self::Invisible => "the file name has a character that hides or turns text",
            Self::Encoded => "the file name has percent-encoded characters",
            Self::Reserved => "the file name has one of < > : \" | ? *",
            Self::Device => "the file name is reserved for a device",
        }
    }
}

/// Why an upload is turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadRefusal {
    // The multipart body.
    /// `boundary` is missing, doubled or not in the grammar of RFC 2046 section 5.1.1.
    #[error("the upload's boundary parameter is missing or malformed")]
    Boundary,
    /// Bytes before the first boundary, which some parsers skip and others read.
    #[error("the upload has bytes before its first part")]
    Preamble,
    /// Bytes behind the closing boundary.
    #[error("the upload has bytes behind its last part")]
    Epilogue,
    /// A boundary followed by something other than a line end or `--`.
    #[error("a boundary line of the upload is malformed (part {part})")]
    BoundaryLine {
        /// The part behind the boundary, from 1.
        part: u32,
    },
    /// The body ended before the closing boundary.
    #[error("the upload ended early, in part {part}")]
    Unfinished {
        /// The part that was being read, from 1; 0 before the first.
        part: u32,
    },
    /// The closing boundary came before any part.
    #[error("the upload has no parts")]
    NoParts,
    /// A part's head is longer than the limit.
    #[error("the head of part {part} is longer than {limit} bytes")]
    PartHeadTooLarge {
        /// The part, from 1.
        part: u32,
        /// Bytes.
        limit: usize,
    },
    /// A part has more header lines than the limit.
    #[error("part {part} has more than {limit} header lines")]
    PartHeadLines {
        /// The part, from 1.
        part: u32,
        /// Lines.
        limit: usize,
    },
    /// A header line of a part that is no `name: value`, is folded, or has control bytes.
    #[error("a header line of part {part} is malformed")]
    PartHeadSyntax {
        /// The part, from 1.
        part: u32,
    },
    /// A header stands twice in a part.
    #[error("a header of part {part} stands twice")]
    PartHeadTwice {
        /// The part, from 1.
        part: u32,
    },
    /// A header that multipart/form-data does not have (RFC 7578 section 4.8).
    #[error("part {part} has a header that form uploads do not have")]
    PartHeadUnknown {
        /// The part, from 1.
        part: u32,
    },
    /// No Content-Disposition, or one other than `form-data` (RFC 7578 section 4.2).
    #[error("part {part} is not form data")]
    Disposition {
        /// The part, from 1.
        part: u32,
    },
    /// Content-Disposition has a malformed, doubled or unknown parameter.
    #[error("a parameter of part {part} is malformed, doubled or unknown")]
    DispositionParameter {
        /// The part, from 1.
        part: u32,
    },
    /// `filename*`, which RFC 7578 section 4.2 forbids.
    #[error("part {part} gives its file name in a second, forbidden form")]
    FilenameStar {
        /// The part, from 1.
        part: u32,
    },
    /// No name of the form field, an empty one, or one over 255 bytes.
    #[error("part {part} has no usable field name")]
    FieldName {
        /// The part, from 1.
        part: u32,
    },
    /// Content-Transfer-Encoding other than 7bit, 8bit and binary (RFC 7578 section 4.7).
    #[error("part {part} is encoded in a way that form uploads do not use")]
    TransferEncoding {
        /// The part, from 1.
        part: u32,
    },
    /// A multipart within the multipart (RFC 7578 section 4.3).
    #[error("part {part} is itself a bundle of parts")]
    NestedMultipart {
        /// The part, from 1.
        part: u32,
    },
    /// More files than the rules allow.
    #[error("more than {limit} files in one upload")]
    TooManyFiles {
        /// Files.
        limit: u32,
    },
    /// More fields than the rules allow.
    #[error("more than {limit} form fields in one upload")]
    TooManyFields {
        /// Fields.
        limit: u32,
    },
    /// A field that is no file is longer than the rules allow.
    #[error("form field {part} is longer than {limit} bytes")]
    FieldTooLarge {
        /// The part, from 1.
        part: u32,
        /// Bytes.
        limit: u64,
    },
    /// A form field that the route does not know, or a file where none belongs.
    #[error("form field {part} is not expected here")]
    FieldUnknown {
        /// The part, from 1.
        part: u32,
    },
    /// A form field that stands a second time.
    #[error("form field {part} repeats an earlier one")]
    FieldTwice {
        /// The part, from 1.
        part: u32,
    },
    /// A form field that is not UTF-8 or has control characters.
    #[error("form field {part} holds characters that are no text")]
    FieldText {
        /// The part, from 1.
        part: u32,
    },
    /// A form field that must be there and is not.
    #[error("the form lacks the field \"{name}\"")]
    FieldMissing {
        /// Its name in the configuration.
        name: String,
    },
    /// A form without a file.
    #[error("there is no file in the form")]
    FileMissing,
    /// A Content-Encoding, behind which the content could not be judged.
    #[error("the upload is compressed; send the file as it is")]
    Encoded,
    /// A body that is the file itself, where only forms are taken.
    #[error("send the file in a form")]
    NotForm,

    // The file as a whole.
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file is longer than the rules allow.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// The name breaks a rule.
    #[error("{}", .0.text())]
    Name(NameFault),
    /// The name has no extension, or one no allowed kind has.
    #[error("the ending of the file name is not one of the accepted kinds")]
    Extension,
    /// Upper and lower case are mixed in the extension.
    #[error("the ending of the file name mixes upper and lower case")]
    ExtensionCase,
    /// A second extension that says another kind, such as `.exe.csv`.
    #[error("the file name has two endings that say different kinds")]
    DoubleExtension,
    /// The extension says another kind than the content.
    #[error("the file's name says {said}, but its content is {kind}")]
    NameDisagrees {
        /// What the name says.
        said: Kind,
        /// What the content is.
        kind: Kind,
    },
    /// Content-Type says another kind than the content.
    #[error("the file was sent as another type than its content, which is {kind}")]
    TypeDisagrees {
        /// What the content is.
        kind: Kind,
    },
    /// The content is of a kind we know and this route does not take.
    #[error("this is {kind}, which is not accepted here")]
    KindNotAllowed {
        /// What the content is.
        kind: Kind,
    },
    /// The content is of a kind that no upload may have.
    #[error("this is {what}, which is not accepted")]
    Foreign {
        /// What the content is.
        what: Foreign,
    },
    /// The content is of no kind we know.
    #[error("the content of the file is of no accepted kind")]
    Unknown,
    /// The file can be read as two kinds.
    #[error("the file can also be read as {what}")]
    Polyglot {
        /// The second kind.
        what: Foreign,
    },
    /// Bytes behind the end of the file's own structure.
    #[error("the {kind} has bytes behind its end (from byte {offset})")]
    Trailing {
        /// What the content is.
        kind: Kind,
        /// The first such byte, from 0.
        offset: u64,
    },
    /// The file ends inside its own structure.
    #[error("the {kind} is cut off after {offset} bytes")]
    Truncated {
        /// What the content is.
        kind: Kind,
        /// How many bytes there were.
        offset: u64,
    },
    /// The file's structure is broken.
    #[error("the {kind} is broken at byte {offset}: {what}")]
    Broken {
        /// What the content is.
        kind: Kind,
        /// Where, from 0.
        offset: u64,
        /// The rule that is broken.
        what: &'static str,
    },

    // CSV.
    /// A byte order mark or pattern of UTF-16 or UTF-32.
    #[error("the CSV is not UTF-8: save it as \"CSV UTF-8\"")]
    CsvWide,
    /// A byte sequence that is not UTF-8.
    #[error("{at}: a character is not UTF-8; save the file as \"CSV UTF-8\"")]
    CsvEncoding {
        /// The cell.
        at: Cell,
    },
    /// A control character other than tab, or a NUL.
    #[error("{at}: a control character")]
    CsvControl {
        /// The cell.
        at: Cell,
    },
    /// A carriage return without line feed.
    #[error("{at}: a line break of an old kind (a carriage return alone)")]
    CsvBareCr {
        /// The cell.
        at: Cell,
    },
    /// An empty line, which some readers skip and others count.
    #[error("row {row} is empty; remove empty rows")]
    CsvEmptyLine {
        /// The row.
        row: u64,
    },
    /// The header is longer than 64 KiB.
    #[error("the header row is longer than {limit} bytes")]
    CsvHeaderTooLong {
        /// Bytes.
        limit: usize,
    },
    /// No layout has this header's columns.
    #[error("the header fits no known layout: column {column} is not expected there")]
    CsvColumnUnknown {
        /// The first column that does not fit the closest layout, from 1.
        column: u32,
    },
    /// A column that the closest layout requires is missing.
    #[error("the header lacks the column \"{column}\" of the layout \"{layout}\"")]
    CsvColumnMissing {
        /// The layout's name in the configuration.
        layout: String,
        /// The column's name in the configuration.
        column: String,
    },
    /// Two columns have one name.
    #[error("column {column} of the header repeats an earlier one")]
    CsvColumnTwice {
        /// The later one, from 1.
        column: u32,
    },
    /// Fewer rows than the rules ask for, the header not counted.
    #[error("the CSV has {found} rows below its header; at least {limit} are needed")]
    CsvFewRows {
        /// Rows.
        found: u64,
        /// Rows.
        limit: u64,
    },
    /// More rows than the rules allow, the header not counted.
    #[error("the CSV has more than {limit} rows")]
    CsvRows {
        /// Rows.
        limit: u64,
    },
    /// More columns than the rules allow.
    #[error("row {row} has more than {limit} columns")]
    CsvColumns {
        /// The row.
        row: u64,
        /// Columns.
        limit: u32,
    },
    /// A cell is longer than the rules allow.
    #[error("{at}: the cell is longer than {limit} bytes")]
    CsvCell {
        /// The cell.
        at: Cell,
        /// Bytes.
        limit: u32,
    },
    /// A row with fewer or more columns than the header.
    #[error("row {row} has {found} columns, the header has {expected}")]
    CsvRagged {
        /// The row.
        row: u64,
        /// Columns of the row, as far as it was read.
        found: u32,
        /// Columns of the header.
        expected: u32,
    },
    /// A quote within a cell that does not begin with one.
    #[error("{at}: a quote in the middle of a cell; put the whole cell in quotes")]
    CsvQuoteInside {
        /// The cell.
        at: Cell,
    },
    /// Text between a closing quote and the next delimiter.
    #[error("{at}: text behind a closing quote")]
    CsvQuoteTail {
        /// The cell.
        at: Cell,
    },
    /// A quote that is never closed.
    #[error("{at}: a quote is opened and never closed")]
    CsvQuoteOpen {
        /// The cell where it opened.
        at: Cell,
    },

    // Audio.
    /// symphonia cannot read the container.
    #[error("the {kind} cannot be read as audio")]
    AudioUnreadable {
        /// What the content is.
        kind: Kind,
    },
    /// No audio track, more than one, or a video track.
    #[error("the {kind} must have one audio track and nothing else")]
    AudioTracks {
        /// What the content is.
        kind: Kind,
    },
    /// The sample rate is missing or outside the rules.
    #[error("the sample rate is {hertz} Hz; {low} to {high} Hz are accepted")]
    AudioRate {
        /// Found; 0 when the file does not say.
        hertz: u32,
        /// Least.
        low: u32,
        /// Most.
        high: u32,
    },
    /// More channels than the rules allow, or none.
    #[error("the audio has {found} channels; 1 to {limit} are accepted")]
    AudioChannels {
        /// Found.
        found: u16,
        /// Most.
        limit: u16,
    },
    /// Shorter than the rules allow.
    #[error("the audio lasts {millis} ms; at least {limit} ms are accepted")]
    AudioShort {
        /// Found, in milliseconds.
        millis: u64,
        /// Least, in milliseconds.
        limit: u64,
    },
    /// Longer than the rules allow.
    #[error("the audio lasts {millis} ms; at most {limit} ms are accepted")]
    AudioLong {
        /// Found, in milliseconds.
        millis: u64,
        /// Most, in milliseconds.
        limit: u64,
    },
    /// The container announces another duration than it holds.
    #[error("the {kind} announces another length than it has")]
    AudioLies {
        /// What the content is.
        kind: Kind,
    },
    /// Tags, pictures or tables beyond the limit.
    #[error("the {kind} carries more than {limit} bytes of tags or tables")]
    AudioMetadata {
        /// What the content is.
        kind: Kind,
        /// Bytes.
        limit: u64,
    },

    // Images.
    /// A side is zero or longer than the rules allow.
    #[error("the image is {width} by {height} pixels; 1 to {limit} a side are accepted")]
    ImageSide {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Pixels.
        limit: u32,
    },
    /// More pixels in all than the rules allow.
    #[error("the image has {pixels} pixels; at most {limit} are accepted")]
    ImagePixels {
        /// Found.
        pixels: u64,
        /// Most.
        limit: u64,
    },

    // PDF.
    /// Something in the PDF acts when it is opened or clicked.
    #[error("the PDF has active content ({what}) at byte {offset}")]
    PdfActive {
        /// The name of the PDF standard, out of our own list.
        what: &'static str,
        /// Where, from 0.
        offset: u64,
    },
    /// The PDF is encrypted, so that nothing in it can be judged.
    #[error("the PDF is encrypted; upload it without a password")]
    PdfEncrypted,
    /// An object stream is coded in a way we do not read, or is too large.
    #[error("the PDF hides objects in a form that cannot be checked (byte {offset})")]
    PdfHidden {
        /// Where, from 0.
        offset: u64,
    },

    // Keeping.
    /// The quota for held uploads is used up.
    #[error("there is no room for this upload now; try again later")]
    QuotaFull,
    /// The disk failed, or what was held was changed there.
    #[error("the upload could not be kept while it was checked; try again later")]
    SpoolFailed,
    /// A whole file was needed to judge and the caller did not keep it.
    #[error("the upload was not kept for checking")]
    NotHeld,
}

impl From<NameFault> for UploadRefusal {
    fn from(fault: NameFault) -> Self {
        Self::Name(fault)
    }
}

#[cfg(test)]
mod tests;
