//! Kinds that are recognised in order to be refused by name.
//!
//! Owns the table of signatures. A person who uploads a spreadsheet instead of a CSV should read so;
//! nothing is accepted because it is not in this table.

use std::fmt;

/// A kind no upload may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Foreign {
    /// ZIP, and what is built on it: office documents, Java, Android.
    Zip,
    /// Gzip, bzip2, xz, zstd, lz4, compress, Unix ar, cabinet.
    Compressed,
    /// 7z.
    SevenZip,
    /// RAR.
    Rar,
    /// Tar.
    Tar,
    /// A Windows program.
    WindowsProgram,
    /// A Linux program.
    LinuxProgram,
    /// A macOS program or Java class.
    OtherProgram,
    /// WebAssembly.
    WebAssembly,
    /// A script: `#!`, PHP, or a batch file.
    Script,
    /// HTML.
    Html,
    /// XML, SVG included.
    Xml,
    /// An old office document.
    Office,
    /// Rich text.
    RichText,
    /// A database.
    Database,
    /// PostScript.
    PostScript,
    /// A Windows shortcut.
    Shortcut,
    /// A video.
    Video,
    /// Sound of a kind we do not read.
    OtherAudio,
    /// A picture of a kind we do not read.
    OtherImage,
    /// A PDF document inside another file.
    Pdf,
    /// A key or certificate.
    KeyMaterial,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zip => "a ZIP archive or an office document",
            Self::Compressed => "a compressed file",
            Self::SevenZip => "a 7z archive",
            Self::Rar => "a RAR archive",
            Self::Tar => "a tar archive",
            Self::WindowsProgram => "a Windows program",
            Self::LinuxProgram => "a Linux program",
            Self::OtherProgram => "a program",
            Self::WebAssembly => "a WebAssembly program",
            Self::Script => "a script",
            Self::Html => "a web page",
            Self::Xml => "an XML or SVG document",
            Self::Office => "an old office document",
            Self::RichText => "a rich text document",
            Self::Database => "a database",
            Self::PostScript => "a PostScript program",
            Self::Shortcut => "a shortcut",
            Self::Video => "a video",
            Self::OtherAudio => "audio of another kind",
            Self::OtherImage => "an image of another kind",
            Self::Pdf => "a PDF document",
            Self::KeyMaterial => "a key or certificate",
        })
    }
}

/// Offset, bytes, what it is. The first that fits counts.
const SIGNATURES: &[(usize, &[u8], Foreign)] = &[
    (0, b"PK\x03\x04", Foreign::Zip),
    (0, b"PK\x05\x06", Foreign::Zip),
    (0, b"PK\x07\x08", Foreign::Zip),
    (0, b"\x1f\x8b", Foreign::Compressed),
    (0, b"\x1f\x9d", Foreign::Compressed),
    (0, b"\x1f\xa0", Foreign::Compressed),
    (0, b"BZh", Foreign::Compressed),
    (0, b"\xfd7zXZ\0", Foreign::Compressed),
    (0, b"\x28\xb5\x2f\xfd", Foreign::Compressed),
    (0, b"\x04\x22\x4d\x18", Foreign::Compressed),
    (0, b"!<arch>\n", Foreign::Compressed),
    (0, b"MSCF", Foreign::Compressed),
    (0, b"7z\xbc\xaf\x27\x1c", Foreign::SevenZip),
    (0, b"Rar!\x1a\x07", Foreign::Rar),
    (257, b"ustar", Foreign::Tar),
    (0, b"MZ", Foreign::WindowsProgram),
    (0, b"\x7fELF", Foreign::LinuxProgram),
    (0, b"\xfe\xed\xfa", Foreign::OtherProgram),
    (0, b"\xce\xfa\xed\xfe", Foreign::OtherProgram),
    (0, b"\xcf\xfa\xed\xfe", Foreign::OtherProgram),
    (0, b"\xca\xfe\xba\xbe", Foreign::OtherProgram),
    (0, b"dex\n", Foreign::OtherProgram),
    (0, b"\0asm", Foreign::WebAssembly),
    (0, b"#!", Foreign::Script),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign::Office),
    (0, b"{\\rtf", Foreign::RichText),
    (0, b"SQLite format 3\0", Foreign::Database),
    (0, b"%!PS", Foreign::PostScript),
    (0, b"%!", Foreign::PostScript),
    (0, b"L\0\0\0\x01\x14\x02\0", Foreign::Shortcut),
    (0, b"\x1aE\xdf\xa3", Foreign::Video),
    (4, b"ftyp", Foreign::Video),
    (4, b"moov", Foreign::Video),
    (4, b"mdat", Foreign::Video),
    (0, b"FLV\x01", Foreign::Video),
    (0, b"\0\0\x01\xba", Foreign::Video),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Foreign::Video),
    (8, b"AVI ", Foreign::Video),
    (0, b"FORM", Foreign::OtherAudio),
    (0, b"MThd", Foreign::OtherAudio),
    (0, b"caff", Foreign::OtherAudio),
    (0, b"#!AMR", Foreign::OtherAudio),
    (0, b".snd", Foreign::OtherAudio),
    (0, b"RF64", Foreign::OtherAudio),
    (0, b"RIFX", Foreign::OtherAudio),
    (0, b"II*\0", Foreign::OtherImage),
    (0, b"MM\0*", Foreign::OtherImage),
    (0, b"\0\0\x01\0", Foreign::OtherImage),
    (0, b"8BPS", Foreign::OtherImage),
    (0, b"\0\0\0\x0cJXL ", Foreign::OtherImage),
    (0, b"\xff\x0a", Foreign::OtherImage),
    (0, b"-----BEGIN ", Foreign::KeyMaterial),
];

impl Foreign {
    /// What a file that begins with `head` is; `None` when the table does not know.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"#!AMR") {
            return Some(Self::OtherAudio);
        }
        let known = SIGNATURES.iter().find(|(offset, bytes, _)| {
            head.get(*offset..)
                .is_some_and(|rest| rest.starts_with(bytes))
        });
        known
            .map(|(_, _, what)| *what)
            .or_else(|| Self::of_bitmap(head))
            .or_else(|| Self::of_markup(head))
    }

    /// `BM` alone may begin a word; with its reserved zeros it is a bitmap.
    fn of_bitmap(head: &[u8]) -> Option<Self> {
        let reserved = head.get(6..10)? == [0; 4];
        (head.starts_with(b"BM") && reserved).then_some(Self::OtherImage)
    }

    /// Markup and scripts at the beginning, behind white space and a byte order mark, as browsers
    /// and servers look for them.
    fn of_markup(head: &[u8]) -> Option<Self> {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let head = head.trim_ascii_start();
        if begins(head, b"@echo off") {
            return Some(Self::Script);
        }
        let rest = head.strip_prefix(b"<")?;
        if rest.starts_with(b"?xml") || begins(rest, b"svg") {
            Some(Self::Xml)
        } else if rest.starts_with(b"?") || rest.starts_with(b"%") {
            Some(Self::Script)
        } else if rest
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'!')
        {
            Some(Self::Html)
        } else {
            None
        }
    }
}

/// Whether `bytes` begin with `word`, given in lower case, in any case.
pub(super) fn begins(bytes: &[u8], word: &[u8]) -> bool {
    bytes
        .get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Whether an `ftyp` box names a brand of files that may be sound alone. Tracks decide later.
pub(super) fn is_audio_brand(head: &[u8]) -> bool {
    const BRANDS: [&[u8]; 9] = [
        b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso5", b"iso6", b"dash",
    ];
    head.get(8..12).is_some_and(|brand| BRANDS.contains(&brand))
}

/// Extensions that some program runs, unpacks or renders.
pub(super) fn is_risky_extension(extension: &str) -> bool {
    const RISKY: [&str; 62] = [
        "7z", "action", "apk", "app", "asp", "aspx", "bat", "bin", "bz2", "cab", "cgi", "chm",
        "cmd", "com", "cpl", "deb", "dll", "dmg", "docm", "docx", "elf", "exe", "gz", "hta",
        "htaccess", "htm", "html", "ics", "iso", "jar", "js", "jsp", "lnk", "mjs", "msi", "phar",
        "php", "php3", "php5", "phtml", "pif", "pl", "ps1", "py", "rar", "rb", "reg", "rpm", "scr",
        "sh", "shtml", "svg", "tar", "url", "vbs", "wasm", "wsf", "xhtml", "xlsm", "xlsx", "xml",
        "zip",
    ];
    RISKY.contains(&extension)
}
