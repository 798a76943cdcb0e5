//! The head of a part.
//!
//! Owns which headers a part may have: one Content-Disposition, at most one Content-Type, one
//! Content-Transfer-Encoding that encodes nothing, and one Content-Length that must be true. Refuses
//! the rest, doubled ones, folded lines, and `filename*`, which RFC 7578 section 4.2 forbids and
//! which would give the file a second name.

use super::boundary::{is_token, parameter_of, skip_spaces};
use crate::refusal::UploadRefusal;

/// The most bytes of a part's head.
pub const HEAD: usize = 4096;

/// The most header lines of a part.
pub const LINES: usize = 8;

/// What a part says of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct PartHead {
    /// The part, from 1.
    pub part: u32,
    /// The name of the form field.
    pub field: String,
    /// The file name as sent; `None` for a field that is no file. An empty one is what browsers
    /// send when no file was chosen.
    pub file_name: Option<Vec<u8>>,
    /// The declared type, if any.
    pub content_type: Option<Vec<u8>>,
    /// Where its content begins in the body, in bytes from 0.
    pub start: u64,
    pub(super) length: Option<u64>,
}

impl std::fmt::Debug for PartHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (part, file) = (self.part, self.file_name.is_some());
        f.debug_struct("PartHead")
            .field("part", &part)
            .field("file", &file)
            .finish_non_exhaustive()
    }
}

impl PartHead {
    /// Reads the lines of a head, without the empty one at its end.
    pub(super) fn read(lines: &[u8], part: u32) -> Result<Self, UploadRefusal> {
        let mut disposition = None;
        let (mut content_type, mut encoding, mut length) = (None, None, None);
        let mut count = 0;
        let mut rest = lines;
        while !rest.is_empty() {
            count += 1;
            if count > LINES {
                return Err(UploadRefusal::PartHeadLines { part, limit: LINES });
            }
            let end = memchr::memmem::find(rest, b"\r\n").unwrap_or(rest.len());
            let (name, value) = line_of(rest.get(..end).unwrap_or_default())
                .ok_or(UploadRefusal::PartHeadSyntax { part })?;
            rest = rest.get(end + 2..).unwrap_or_default();
            let slot = match name.to_ascii_lowercase().as_slice() {
                b"content-disposition" => &mut disposition,
                b"content-type" => &mut content_type,
                b"content-transfer-encoding" => &mut encoding,
                b"content-length" => &mut length,
                _ => return Err(UploadRefusal::PartHeadUnknown { part }),
            };
            if slot.replace(value).is_some() {
                return Err(UploadRefusal::PartHeadTwice { part });
            }
        }
        let plain = |value: &[u8]| {
            [&b"binary"[..], b"8bit", b"7bit"]
                .iter()
                .any(|known| value.eq_ignore_ascii_case(known))
        };
        if encoding.is_some_and(|value| !plain(value)) {
            return Err(UploadRefusal::TransferEncoding { part });
        }
        let starts = |value: &[u8]| {
            value
                .get(..10)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
        };
        if content_type.is_some_and(starts) {
            return Err(UploadRefusal::NestedMultipart { part });
        }
        let length =
            length.map(|value| number(value).ok_or(UploadRefusal::PartHeadSyntax { part }));
        let disposition = disposition.ok_or(UploadRefusal::Disposition { part })?;
        let (field, file_name) = disposition_of(disposition, part)?;
        Ok(Self {
            part,
            field,
            file_name,
            content_type: content_type.map(<[u8]>::to_vec),
            start: 0,
            length: length.transpose()?,
        })
    }
}

/// Name and value of a line; `None` when it is folded or has a control byte.
fn line_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    let value = value.get(1..)?;
    let clean = |byte: &u8| (*byte >= 0x20 && *byte != 0x7f) || *byte == b'\t';
    (is_token(name) && value.iter().all(clean)).then(|| (name, value.trim_ascii()))
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    if digits {
        std::str::from_utf8(value).ok()?.parse().ok()
    } else {
        None
    }
}

type FieldAndFile = (String, Option<Vec<u8>>);

fn disposition_of(value: &[u8], part: u32) -> Result<FieldAndFile, UploadRefusal> {
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err(UploadRefusal::Disposition { part });
    }
    let mut rest = value.get(kind.len()..).unwrap_or_default();
    let (mut field, mut file) = (None, None);
    while let Some(parameter) = rest.strip_prefix(b";") {
        let fault = UploadRefusal::DispositionParameter { part };
        let start = skip_spaces(parameter);
        // Any parameter in the extended form of RFC 5987 is a second way to say the same.
        if start
            .iter()
            .take_while(|byte| **byte != b'=')
            .any(|byte| *byte == b'*')
        {
            return Err(UploadRefusal::FilenameStar { part });
        }
        let (name, text, behind) = parameter_of(parameter).ok_or(fault.clone())?;
        rest = behind;
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"name" => &mut field,
            b"filename" => &mut file,
            _ => return Err(fault),
        };
        if slot.replace(text).is_some() {
            return Err(fault);
        }
    }
    if !rest.is_empty() {
        return Err(UploadRefusal::DispositionParameter { part });
    }
    let field = field
        .filter(|name| (1..=255).contains(&name.len()))
        .and_then(|name| std::str::from_utf8(name).ok())
        .filter(|name| !name.chars().any(char::is_control))
        .ok_or(UploadRefusal::FieldName { part })?;
    Ok((field.to_owned(), file.map(<[u8]>::to_vec)))
}
