//! What a file is, by its content.
//!
//! Owns the kinds an upload may have, the kinds we recognise in order to refuse them by name, and
//! the agreement of name, declared type and content. Trusts the content alone: a name or a header
//! can only make an upload refused, never accepted. A signature counts at offset 0 only, because a
//! reader that looks further is how a file becomes two files.

mod foreign;
mod polyglot;

pub use foreign::Foreign;
pub use polyglot::Watch;

use std::fmt;

use crate::{name::FileName, refusal::UploadRefusal};

/// Bytes at the beginning that decide the kind; fewer when the file is shorter.
pub const HEAD: usize = 1024;

/// A kind that a route can accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Comma-separated values (RFC 4180), or with another delimiter.
    Csv,
    /// RIFF WAVE.
    Wav,
    /// MPEG audio, layer III.
    Mp3,
    /// Free Lossless Audio Codec (RFC 9639).
    Flac,
    /// MPEG-4 audio in the ISO base media format.
    M4a,
    /// Ogg (RFC 3533) with Vorbis, Opus or FLAC.
    Ogg,
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// Graphics Interchange Format.
    Gif,
    /// WebP.
    WebP,
    /// Portable Document Format.
    Pdf,
}

impl Kind {
    /// Every kind, in the order of their names.
    pub const ALL: [Self; 11] = [
        Self::Csv,
        Self::Wav,
        Self::Mp3,
        Self::Flac,
        Self::M4a,
        Self::Ogg,
        Self::Png,
        Self::Jpeg,
        Self::Gif,
        Self::WebP,
        Self::Pdf,
    ];

    /// The name in a configuration.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::M4a => "m4a",
            Self::Ogg => "ogg",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Pdf => "pdf",
        }
    }

    /// The kind of a name in a configuration.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    /// The extensions of file names, in lower case.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &["csv", "tsv", "txt"],
            Self::Wav => &["wav", "wave"],
            Self::Mp3 => &["mp3"],
            Self::Flac => &["flac"],
            Self::M4a => &["m4a", "m4b", "mp4"],
            Self::Ogg => &["ogg", "oga", "opus"],
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Gif => &["gif"],
            Self::WebP => &["webp"],
            Self::Pdf => &["pdf"],
        }
    }

    /// The media types that browsers and tools send for it, in lower case.
    #[must_use]
    pub const fn media_types(self) -> &'static [&'static str] {
        match self {
            // A browser on a machine with Excel sends the third for every CSV.
            Self::Csv => &[
                "text/csv",
                "text/plain",
                "application/vnd.ms-excel",
                "application/csv",
                "text/tab-separated-values",
            ],
            Self::Wav => &["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"],
            Self::Mp3 => &["audio/mpeg", "audio/mp3"],
            Self::Flac => &["audio/flac", "audio/x-flac"],
            Self::M4a => &[
                "audio/mp4",
                "audio/x-m4a",
                "audio/m4a",
                "audio/aac",
                "video/mp4",
            ],
            Self::Ogg => &[
                "audio/ogg",
                "application/ogg",
                "audio/opus",
                "audio/vorbis",
                "video/ogg",
            ],
            Self::Png => &["image/png"],
            Self::Jpeg => &["image/jpeg", "image/jpg"],
            Self::Gif => &["image/gif"],
            Self::WebP => &["image/webp"],
            Self::Pdf => &["application/pdf"],
        }
    }

    /// Whether it is one of the kinds of sound.
    #[must_use]
    pub const fn is_audio(self) -> bool {
        matches!(
            self,
            Self::Wav | Self::Mp3 | Self::Flac | Self::M4a | Self::Ogg
        )
    }

    /// Whether it is one of the kinds of picture.
    #[must_use]
    pub const fn is_image(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Gif | Self::WebP)
    }

    fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.extensions().contains(&extension))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::Wav => "WAV audio",
            Self::Mp3 => "MP3 audio",
            Self::Flac => "FLAC audio",
            Self::M4a => "M4A audio",
            Self::Ogg => "Ogg audio",
            Self::Png => "PNG image",
            Self::Jpeg => "JPEG image",
            Self::Gif => "GIF image",
            Self::WebP => "WebP image",
            Self::Pdf => "PDF document",
        })
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// The set with `kind` in it.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<T: IntoIterator<Item = Kind>>(kinds: T) -> Self {
        kinds.into_iter().fold(Self::default(), Self::with)
    }
}

/// The kind of a file that begins with `head`: its first [`HEAD`] bytes, or all of it.
///
/// Text without a signature is CSV here and is judged as such; nothing else is guessed.
///
/// # Errors
///
/// [`UploadRefusal::Empty`], [`UploadRefusal::Foreign`] for what we know and never take,
/// [`UploadRefusal::CsvWide`] for text in UTF-16 or UTF-32, [`UploadRefusal::Unknown`].
pub fn recognise(head: &[u8]) -> Result<Kind, UploadRefusal> {
    if head.is_empty() {
        return Err(UploadRefusal::Empty);
    }
    if let Some(kind) = signature(head) {
        return Ok(kind);
    }
    if is_wide(head) {
        return Err(UploadRefusal::CsvWide);
    }
    if let Some(what) = Foreign::of(head) {
        return Err(UploadRefusal::Foreign { what });
    }
    if is_text(head) {
        Ok(Kind::Csv)
    } else {
        Err(UploadRefusal::Unknown)
    }
}

fn signature(head: &[u8]) -> Option<Kind> {
    let at = |from: usize, bytes: &[u8]| head.get(from..).is_some_and(|it| it.starts_with(bytes));
    if at(0, b"RIFF") {
        return if at(8, b"WAVE") {
            Some(Kind::Wav)
        } else if at(8, b"WEBP") {
            Some(Kind::WebP)
        } else {
            None
        };
    }
    if at(4, b"ftyp") {
        return foreign::is_audio_brand(head).then_some(Kind::M4a);
    }
    match head {
        [b'f', b'L', b'a', b'C', ..] => Some(Kind::Flac),
        [b'O', b'g', b'g', b'S', ..] => Some(Kind::Ogg),
        [0x89, b'P', b'N', b'G', 13, 10, 26, 10, ..] => Some(Kind::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Kind::Gif),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(Kind::Pdf),
        [b'I', b'D', b'3', 2..=4, ..] => Some(Kind::Mp3),
        // Frame sync, version 1, 2 or 2.5, layer III; a byte order mark of UTF-16 is FF FE.
        [0xff, second, third, ..]
            if matches!(second, 0xfa | 0xfb | 0xf2 | 0xf3 | 0xe2 | 0xe3)
                && third >> 4 != 15
                && third & 0x0c != 0x0c =>
        {
            Some(Kind::Mp3)
        }
        _ => None,
    }
}

/// UTF-16 or UTF-32: by its mark, or by a NUL beside each of the first letters.
fn is_wide(head: &[u8]) -> bool {
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..] => true,
        [0, a, 0, b, ..] | [a, 0, b, 0, ..] => [a, b].into_iter().all(|it| printable(*it)),
        _ => false,
    }
}

const fn printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Text of any encoding that keeps ASCII: no control bytes but tab, CR and LF in the first line.
/// Whether the rest holds is for the CSV judge to say, with row and column.
fn is_text(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    !line
        .iter()
        .any(|byte| matches!(byte, 0..=8 | 11..=12 | 14..=31 | 127))
}

/// Holds the file's name against its content. A file without a name has none to disagree.
///
/// # Errors
///
/// The first rule of extensions that is broken.
pub fn agree_name(kind: Kind, name: &FileName) -> Result<(), UploadRefusal> {
    let extension = name.extension().ok_or(UploadRefusal::Extension)?;
    let lower = extension.to_ascii_lowercase();
    if extension != lower && extension != extension.to_ascii_uppercase() {
        return Err(UploadRefusal::ExtensionCase);
    }
    let said = Kind::of_extension(&lower).ok_or(UploadRefusal::Extension)?;
    for inner in name.inner_extensions() {
        let inner = inner.to_ascii_lowercase();
        let other = Kind::of_extension(&inner).is_some_and(|kind| kind != said);
        if other || foreign::is_risky_extension(&inner) {
            return Err(UploadRefusal::DoubleExtension);
        }
    }
    if said == kind {
        Ok(())
    } else {
        Err(UploadRefusal::NameDisagrees { said, kind })
    }
}

/// Holds a Content-Type against the content. `application/octet-stream` and none at all say nothing.
///
/// # Errors
///
/// [`UploadRefusal::TypeDisagrees`].
pub fn agree_type(kind: Kind, content_type: Option<&[u8]>) -> Result<(), UploadRefusal> {
    let Some(content_type) = content_type else {
        return Ok(());
    };
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    let fits = essence == b"application/octet-stream"
        || kind
            .media_types()
            .iter()
            .any(|known| known.as_bytes() == essence);
    if fits {
        Ok(())
    } else {
        Err(UploadRefusal::TypeDisagrees { kind })
    }
}

#[cfg(test)]
mod tests;
