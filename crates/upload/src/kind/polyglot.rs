//! Files that a second reader would take for something else.
//!
//! Owns the search for the marks such readers look for: the directory that a ZIP reader finds from
//! the end of a file, the PDF header that PDF readers accept within the first kilobyte, and markup
//! near the beginning of a file or anywhere in a picture. Flat memory: what is carried from one
//! piece to the next is a few bytes. Bytes behind the end of a file's own structure are refused by
//! the walkers, not here.

use memchr::memmem;

use super::{Foreign, Kind, foreign::begins};
use crate::refusal::UploadRefusal;

/// End of central directory (APPNOTE.TXT 4.3.16) of an archive that is one volume: signature, and
/// disk numbers of zero. By chance these eight bytes stand in no file.
const ZIP_END: &[u8; 8] = b"PK\x05\x06\0\0\0\0";

/// Beginning of a local header (APPNOTE.TXT 4.3.7); the version and flags behind it make it sure.
const CARRY: usize = 15;

/// Bytes from the beginning in which markup makes sound a polyglot. Pictures are searched whole.
const NEAR: u64 = 64 << 10;

/// Tags a browser or server acts on, in lower case and without `<`.
const TAGS: [(&[u8], Foreign); 6] = [
    (b"?php", Foreign::Script),
    (b"script", Foreign::Html),
    (b"!doctype html", Foreign::Html),
    (b"html", Foreign::Html),
    (b"iframe", Foreign::Html),
    (b"svg", Foreign::Xml),
];

/// Looks at all bytes of one file, in any division.
#[derive(Debug)]
pub struct Watch {
    kind: Kind,
    seen: u64,
    carry: [u8; CARRY],
    carried: usize,
    zip: memmem::Finder<'static>,
}

impl Watch {
    /// A watch over a file of `kind`.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            seen: 0,
            carry: [0; CARRY],
            carried: 0,
            zip: memmem::Finder::new(ZIP_END),
        }
    }

    /// Looks at the next bytes.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Polyglot`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        // What may begin in the last bytes of the piece before: looked at with a few of this one.
        let mut seam = [0; CARRY * 2];
        let joined = self.join(bytes, &mut seam);
        let start = self.seen - self.carried as u64;
        self.search(seam.get(..joined).unwrap_or_default(), start)?;
        self.search(bytes, self.seen)?;
        self.seen += bytes.len() as u64;
        self.keep(bytes);
        Ok(())
    }

    fn join(&self, bytes: &[u8], seam: &mut [u8; CARRY * 2]) -> usize {
        let carried = self.carry.get(..self.carried).unwrap_or_default();
        let fresh = bytes.get(..bytes.len().min(CARRY)).unwrap_or_default();
        for (to, from) in seam.iter_mut().zip(carried.iter().chain(fresh)) {
            *to = *from;
        }
        carried.len() + fresh.len()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let old = self.carry.get(..self.carried).unwrap_or_default();
        let total = old.len() + bytes.len();
        let mut next = [0; CARRY];
        let last = old.iter().chain(
            bytes
                .get(bytes.len().saturating_sub(CARRY)..)
                .unwrap_or_default(),
        );
        let skipped = old.len() + bytes.len().min(CARRY);
        for (to, from) in next
            .iter_mut()
            .zip(last.skip(skipped.saturating_sub(CARRY)))
        {
            *to = *from;
        }
        self.carry = next;
        self.carried = total.min(CARRY);
    }

    fn search(&self, bytes: &[u8], start: u64) -> Result<(), UploadRefusal> {
        let found = |what| Err(UploadRefusal::Polyglot { what });
        if self.zip.find(bytes).is_some() {
            return found(Foreign::Zip);
        }
        // PDF readers look for the header in the first 1,024 bytes (ISO 32000-1 annex H.3.4.1).
        if start < 1024 {
            let near = usize::try_from(1024 + 5 - start).unwrap_or(usize::MAX);
            let near = bytes.get(..bytes.len().min(near)).unwrap_or_default();
            let own = self.kind == Kind::Pdf;
            if memmem::find_iter(near, b"%PDF-").any(|at| !own || start + at as u64 != 0) {
                return found(Foreign::Pdf);
            }
        }
        let reach = if self.kind.is_image() { u64::MAX } else { NEAR };
        if start >= reach || matches!(self.kind, Kind::Pdf) {
            return Ok(());
        }
        for at in memchr::memchr_iter(b'<', bytes) {
            let rest = bytes.get(at + 1..).unwrap_or_default();
            let tag = TAGS.iter().find(|(tag, _)| begins(rest, tag));
            if let Some((_, what)) = tag.filter(|_| start + (at as u64) < reach) {
                return found(*what);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(kind: Kind, bytes: &[u8], size: usize) -> Result<(), UploadRefusal> {
        let mut watch = Watch::new(kind);
        bytes.chunks(size).try_for_each(|piece| watch.push(piece))
    }

    #[test]
    fn marks_are_found_in_every_division() {
        for (kind, mark, what) in [
            (Kind::Wav, &b"PK\x05\x06\0\0\0\0"[..], Foreign::Zip),
            (Kind::Csv, b"%PDF-1.7", Foreign::Pdf),
            (Kind::Pdf, b"%PDF-1.7", Foreign::Pdf),
            (Kind::Png, b"<?PhP ", Foreign::Script),
            (Kind::Csv, b"<SCRIPT", Foreign::Html),
            (Kind::Csv, b"<!DOCTYPE html", Foreign::Html),
        ] {
            let bytes = [&[b'.'; 100][..], mark, &[b'.'; 100]].concat();
            for size in 1..=bytes.len() {
                let outcome = watch(kind, &bytes, size);
                assert_eq!(
                    outcome,
                    Err(UploadRefusal::Polyglot { what }),
                    "{kind} in {size}"
                );
            }
        }
    }

    #[test]
    fn what_only_resembles_a_mark_passes() {
        for (kind, bytes) in [
            (Kind::Pdf, &b"%PDF-1.7 with text"[..]),
            (Kind::Csv, b"PK\x05\x06 and < and <b>"),
            (Kind::Wav, b"<scrip"),
        ] {
            for size in 1..=bytes.len() {
                assert_eq!(watch(kind, bytes, size), Ok(()));
            }
        }
        let mut far = vec![b'.'; 2000];
        far.extend_from_slice(b"%PDF-1.7");
        assert_eq!(watch(Kind::Csv, &far, 333), Ok(()));
    }
}
