//! One request body, judged as it comes and kept until it is whole.
//!
//! Owns what the body of an upload is: a form with files and named fields, or the file itself. Hands
//! out a body only as [`Kept`], together with the [`Proof`] that all of it was judged; nothing else
//! makes one. Refuses fields that nobody expects, and forms without a file. Trusts no length and no
//! name. Blocks on its disk: the caller keeps it off threads that serve others.

use std::io::{Read, Result as IoResult, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use control::rng::Rng;

use crate::{
    judge::{Accepted, Judge},
    multipart::{Boundary, Multipart, PartHead, Sink},
    refusal::UploadRefusal,
    rules::{Limits, Rules},
    spool::{Quota, Spool, SpoolReader},
};

/// What one form field that is no file may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Box<str>,
    /// Most bytes of it.
    pub longest: u64,
    /// Whether a form without it is refused.
    pub required: bool,
}

/// What a route takes: files, and the form around them.
#[derive(Clone, Debug)]
pub struct Form {
    /// What each file must be. Its limits of fields are replaced by those of `fields`.
    rules: Arc<Rules>,
    limits: Limits,
    /// Fields that carry files; empty means any.
    files: Vec<Box<str>>,
    fields: Vec<Field>,
    /// Whether a body may be the file itself.
    bare: bool,
}

impl Form {
    /// A form of files by `rules` in the fields named `files` (any where none is named), beside
    /// `fields`. `bare` takes a body that is the file itself as well.
    #[must_use]
    pub fn new(rules: Rules, files: Vec<Box<str>>, fields: Vec<Field>, bare: bool) -> Self {
        let limits = Limits {
            fields: u32::try_from(fields.len()).unwrap_or(u32::MAX),
            field: fields.iter().map(|it| it.longest).max().unwrap_or(0),
            ..*rules.limits()
        };
        Self {
            rules: Arc::new(rules),
            limits,
            files,
            fields,
            bare,
        }
    }

    /// What each file must be.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The fields that are no files.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// Where uploads are kept while they are judged.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The folder, on a disk of ours.
    pub folder: &'a Path,
    /// What all uploads share.
    pub quota: &'a Quota,
}

/// A body that is being judged.
pub struct Intake {
    shape: Shape,
    spool: Spool,
    digest: Option<Context>,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("len", &self.spool.len())
            .finish_non_exhaustive()
    }
}

enum Shape {
    Form(Box<(Multipart, Parts)>),
    Bare(Box<Judge>),
}

impl Intake {
    /// An intake of a body with this Content-Type, kept in `place`. `digested` asks for the SHA-256
    /// of the body.
    ///
    /// # Errors
    ///
    /// A Content-Type that is no usable form, a file where only forms are taken, and
    /// [`UploadRefusal::SpoolFailed`].
    pub fn new(
        form: &Arc<Form>,
        content_type: Option<&[u8]>,
        place: Place<'_>,
        digested: bool,
        rng: &dyn Rng,
    ) -> Result<Self, UploadRefusal> {
        let boundary = match content_type {
            Some(value) => Boundary::of_content_type(value)?,
            None => None,
        };
        let shape = match boundary {
            Some(boundary) => Shape::Form(Box::new((
                Multipart::new(&boundary, form.limits),
                Parts::new(Arc::clone(form)),
            ))),
            None if !form.bare => return Err(UploadRefusal::NotForm),
            None => {
                let judge = Judge::new(Arc::clone(&form.rules), content_type, None)?;
                Shape::Bare(Box::new(judge))
            }
        };
        Ok(Self {
            shape,
            spool: Spool::new(place.folder, place.quota, rng)?,
            digest: digested.then(|| Context::new(&SHA256)),
        })
    }

    /// Sees and keeps the next bytes.
    ///
    /// # Errors
    ///
    /// The first rule that is broken, or [`UploadRefusal::QuotaFull`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        match &mut self.shape {
            Shape::Form(form) => {
                let (multipart, parts) = &mut **form;
                multipart.push(bytes, parts)?;
            }
            Shape::Bare(judge) => judge.push(bytes)?,
        }
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        self.spool.write(bytes)
    }

    /// Ends the body: what only the whole shows is judged here, which may read all of it again.
    ///
    /// # Errors
    ///
    /// What only the end or the whole shows.
    pub fn finish(mut self) -> Result<(Proof, Kept), UploadRefusal> {
        let len = self.spool.len();
        let files = match self.shape {
            Shape::Form(form) => {
                let (multipart, parts) = *form;
                multipart.finish()?;
                parts.finish(&mut self.spool)?
            }
            Shape::Bare(judge) => {
                let mut whole = self.spool.reader()?;
                vec![judge.finish(Some(&mut whole))?]
            }
        };
        let digest = self.digest.map(|digest| {
            let mut bytes = [0; 32];
            let finished = digest.finish();
            for (to, from) in bytes.iter_mut().zip(finished.as_ref()) {
                *to = *from;
            }
            bytes
        });
        // Seals what is still open, so that it can be read from now on.
        self.spool.reader()?;
        let kept = Kept {
            spool: self.spool,
            len,
            digest,
            at: 0,
        };
        Ok((Proof { files }, kept))
    }
}

/// Proof that a whole body was judged and taken. Made by [`Intake::finish`] alone.
#[derive(Debug)]
pub struct Proof {
    files: Vec<Accepted>,
}

impl Proof {
    /// What its files are.
    #[must_use]
    pub fn files(&self) -> &[Accepted] {
        &self.files
    }
}

/// A whole body that was judged, to be read once from its beginning.
#[derive(Debug)]
pub struct Kept {
    spool: Spool,
    len: u64,
    digest: Option<[u8; 32]>,
    at: u64,
}

impl Kept {
    /// Its bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its SHA-256, where that was asked for.
    #[must_use]
    pub const fn digest(&self) -> Option<&[u8; 32]> {
        self.digest.as_ref()
    }

    /// Appends up to `most` of the next bytes to `out`; nothing at the end.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::SpoolFailed`].
    pub fn read(&mut self, out: &mut Vec<u8>, most: u64) -> Result<(), UploadRefusal> {
        let before = out.len();
        let mut reader = self.spool.reader()?;
        let read = reader
            .seek(SeekFrom::Start(self.at))
            .and_then(|_| reader.take(most).read_to_end(out));
        read.map_err(|_| UploadRefusal::SpoolFailed)?;
        self.at = self.at.saturating_add((out.len() - before) as u64);
        Ok(())
    }
}

/// The parts of a form.
struct Parts {
    form: Arc<Form>,
    /// Which of the fields have come.
    seen: Vec<bool>,
    files: Vec<Part>,
    open: Open,
}

/// A file with the place of its content in the body.
struct Part {
    judge: Judge,
    start: u64,
    len: u64,
}

enum Open {
    Nothing,
    File,
    Field {
        part: u32,
        longest: u64,
        text: Vec<u8>,
    },
}

impl Parts {
    fn new(form: Arc<Form>) -> Self {
        Self {
            seen: vec![false; form.fields.len()],
            form,
            files: Vec::new(),
            open: Open::Nothing,
        }
    }

    fn finish(self, spool: &mut Spool) -> Result<Vec<Accepted>, UploadRefusal> {
        if self.files.is_empty() {
            return Err(UploadRefusal::FileMissing);
        }
        let fields = self.form.fields.iter().zip(&self.seen);
        for (field, seen) in fields {
            if field.required && !seen {
                let name = field.name.to_string();
                return Err(UploadRefusal::FieldMissing { name });
            }
        }
        let mut accepted = Vec::with_capacity(self.files.len());
        for file in self.files {
            let mut window = Window::new(spool.reader()?, file.start, file.len);
            accepted.push(file.judge.finish(Some(&mut window))?);
        }
        Ok(accepted)
    }
}

impl Sink for Parts {
    fn begin(&mut self, head: &PartHead) -> Result<(), UploadRefusal> {
        let part = head.part;
        if let Some(name) = &head.file_name {
            let form = &self.form;
            let known = form.files.is_empty() || form.files.iter().any(|it| **it == *head.field);
            let taken = form.fields.iter().any(|it| *it.name == *head.field);
            if !known || taken {
                return Err(UploadRefusal::FieldUnknown { part });
            }
            let rules = Arc::clone(&form.rules);
            let judge = Judge::new(rules, head.content_type.as_deref(), Some(name))?;
            self.files.push(Part {
                judge,
                start: head.start,
                len: 0,
            });
            self.open = Open::File;
            return Ok(());
        }
        let mut fields = self.form.fields.iter().zip(&mut self.seen);
        let Some((field, seen)) = fields.find(|(it, _)| *it.name == *head.field) else {
            return Err(UploadRefusal::FieldUnknown { part });
        };
        if std::mem::replace(seen, true) {
            return Err(UploadRefusal::FieldTwice { part });
        }
        self.open = Open::Field {
            part,
            longest: field.longest,
            text: Vec::new(),
        };
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        match (&mut self.open, self.files.last_mut()) {
            (Open::File, Some(file)) => {
                file.len = file.len.saturating_add(bytes.len() as u64);
                file.judge.push(bytes)
            }
            (
                Open::Field {
                    part,
                    longest,
                    text,
                },
                _,
            ) => {
                text.extend_from_slice(bytes);
                if text.len() as u64 > *longest {
                    return Err(UploadRefusal::FieldTooLarge {
                        part: *part,
                        limit: *longest,
                    });
                }
                Ok(())
            }
            _ => Err(UploadRefusal::NotHeld),
        }
    }

    fn end(&mut self) -> Result<(), UploadRefusal> {
        if let Open::Field { part, text, .. } = std::mem::replace(&mut self.open, Open::Nothing) {
            let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
            let text = std::str::from_utf8(&text).ok();
            if text.is_none_or(|text| text.chars().any(odd)) {
                return Err(UploadRefusal::FieldText { part });
            }
        }
        Ok(())
    }
}

/// One file within a body that is kept.
struct Window<'a> {
    inner: SpoolReader<'a>,
    start: u64,
    len: u64,
    at: u64,
}

impl<'a> Window<'a> {
    const fn new(inner: SpoolReader<'a>, start: u64, len: u64) -> Self {
        Self {
            inner,
            start,
            len,
            at: 0,
        }
    }
}

impl Read for Window<'_> {
    fn read(&mut self, out: &mut [u8]) -> IoResult<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = out.len().min(left);
        let out = out.get_mut(..most).unwrap_or_default();
        self.inner
            .seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let count = self.inner.read(out)?;
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests;
