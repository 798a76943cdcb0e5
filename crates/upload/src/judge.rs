//! One file, from its first byte to the judgement.
//!
//! Owns the order of the checks: name, kind by content, agreement of name and declared type, marks
//! of a second kind, the structure as it streams, and at the end what only the whole shows. Says at
//! any moment whether what was seen may go on. Does no input or output of its own: the caller keeps
//! the bytes, in a [`Spool`](crate::spool::Spool) where they must be whole, and gives them back to
//! [`Judge::finish`], which reads from them and so may block.

use std::io::SeekFrom;
use std::sync::Arc;

use crate::{
    audio::{self, Whole},
    csv::{CsvFacts, Validator},
    kind::{self, HEAD, Kind, Watch},
    name::FileName,
    pdf,
    refusal::UploadRefusal,
    rules::{Hold, Rules},
    walk::{AudioFacts, Walker},
};

/// Whether the bytes so far may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Too little was seen; keep what there is, at most a few kilobytes more decide.
    Undecided,
    /// All that was pushed may go on, and what comes may as it is pushed.
    Streamable,
    /// The file must be kept until it is whole.
    NeedsWhole,
}

/// What an accepted file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its kind.
    pub kind: Kind,
    /// Its length in bytes.
    pub len: u64,
    /// Its name, when it has one.
    pub name: Option<FileName>,
    /// What was found in it.
    pub facts: Facts,
}

/// What was found in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Of a CSV file.
    Csv(CsvFacts),
    /// Of sound.
    Audio(AudioFacts),
    /// Of others: that their structure is whole.
    Whole,
}

#[derive(Debug)]
enum State {
    Head(Vec<u8>),
    Known(Box<Known>),
    Refused(UploadRefusal),
}

#[derive(Debug)]
struct Known {
    kind: Kind,
    watch: Watch,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Csv(Validator),
    Walk(Walker),
    Pdf,
}

/// Judges one file.
#[derive(Debug)]
pub struct Judge {
    rules: Arc<Rules>,
    name: Option<FileName>,
    content_type: Option<Vec<u8>>,
    len: u64,
    state: State,
}

impl Judge {
    /// A judge of a file with this declared type and name. A body that is the file itself has no
    /// name; a part of a form has one.
    ///
    /// # Errors
    ///
    /// The name, before anything of the file has come.
    pub fn new(
        rules: Arc<Rules>,
        content_type: Option<&[u8]>,
        name: Option<&[u8]>,
    ) -> Result<Self, UploadRefusal> {
        let name = name.map(FileName::read).transpose()?;
        let content_type = content_type.map(<[u8]>::to_vec);
        let state = State::Head(Vec::with_capacity(HEAD));
        Ok(Self {
            rules,
            name,
            content_type,
            len: 0,
            state,
        })
    }

    /// Sees the next bytes.
    ///
    /// # Errors
    ///
    /// The first rule that is broken; the same again after it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        let outcome = self.see(bytes);
        self.remember(outcome)
    }

    fn remember(&mut self, outcome: Result<(), UploadRefusal>) -> Result<(), UploadRefusal> {
        if let Err(refusal) = &outcome {
            self.state = State::Refused(refusal.clone());
        }
        outcome
    }

    fn see(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        if let State::Refused(refusal) = &self.state {
            return Err(refusal.clone());
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        let limit = self.rules.limits().file;
        if self.len > limit {
            return Err(UploadRefusal::TooLarge { limit });
        }
        let mut rest = bytes;
        if let State::Head(head) = &mut self.state {
            let missing = HEAD.saturating_sub(head.len());
            let (now, later) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            head.extend_from_slice(now);
            if head.len() < HEAD {
                return Ok(());
            }
            self.decide()?;
            rest = later;
        }
        match &mut self.state {
            State::Known(known) => known.push(rest),
            _ => Ok(()),
        }
    }

    /// Turns the head into a kind, and lets that see the head.
    fn decide(&mut self) -> Result<(), UploadRefusal> {
        let State::Head(head) = &mut self.state else {
            return Ok(());
        };
        let head = std::mem::take(head);
        let kind = kind::recognise(&head)?;
        if !self.rules.kinds().contains(kind) {
            return Err(UploadRefusal::KindNotAllowed { kind });
        }
        if let Some(name) = &self.name {
            kind::agree_name(kind, name)?;
        }
        kind::agree_type(kind, self.content_type.as_deref())?;
        let body = match (Walker::new(kind, &self.rules), self.rules.csv()) {
            (Some(walker), _) => Body::Walk(walker),
            (None, Some(csv)) if kind == Kind::Csv => Body::Csv(Validator::new(Arc::clone(csv))),
            (None, _) => Body::Pdf,
        };
        let mut known = Box::new(Known {
            kind,
            watch: Watch::new(kind),
            body,
        });
        known.push(&head)?;
        self.state = State::Known(known);
        Ok(())
    }

    /// The kind, once it is known.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match &self.state {
            State::Known(known) => Some(known.kind),
            _ => None,
        }
    }

    /// Whether what was pushed may go on.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match &self.state {
            State::Head(_) => Verdict::Undecided,
            State::Refused(_) => Verdict::NeedsWhole,
            State::Known(known) => match &known.body {
                Body::Walk(walker) if self.rules.hold() == Hold::Head && known.streams() => {
                    if walker.is_past_head() {
                        Verdict::Streamable
                    } else {
                        Verdict::Undecided
                    }
                }
                _ => Verdict::NeedsWhole,
            },
        }
    }

    /// Ends the file. `whole` is all that was pushed, from its first byte, and needed unless the
    /// verdict was [`Verdict::Streamable`] or the file is CSV or an image.
    ///
    /// # Errors
    ///
    /// What only the end or the whole shows; [`UploadRefusal::NotHeld`] when the whole is needed and
    /// was not kept.
    pub fn finish(mut self, whole: Option<&mut dyn Whole>) -> Result<Accepted, UploadRefusal> {
        if let State::Refused(refusal) = self.state {
            return Err(refusal);
        }
        self.decide()?;
        let streamed = self.verdict() == Verdict::Streamable;
        let State::Known(mut known) = self.state else {
            return Err(UploadRefusal::Empty);
        };
        let kind = known.kind;
        let facts = match &mut known.body {
            Body::Csv(validator) => Facts::Csv(validator.finish()?),
            Body::Pdf => {
                pdf::judge(same(whole, self.len)?)?;
                Facts::Whole
            }
            Body::Walk(walker) => match (walker.finish()?, self.rules.audio()) {
                (Some(walked), _) if streamed => Facts::Audio(walked),
                (walked, Some(rules)) if kind.is_audio() => {
                    Facts::Audio(audio::read(kind, same(whole, self.len)?, rules, walked)?)
                }
                _ => Facts::Whole,
            },
        };
        Ok(Accepted {
            kind,
            len: self.len,
            name: self.name,
            facts,
        })
    }
}

impl Known {
    fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        self.watch.push(bytes)?;
        match &mut self.body {
            Body::Csv(validator) => validator.push(bytes),
            Body::Walk(walker) => walker.push(bytes),
            Body::Pdf => Ok(()),
        }
    }

    /// Kinds whose structure is judged to the end by walking alone.
    const fn streams(&self) -> bool {
        self.kind.is_image() || matches!(self.kind, Kind::Wav)
    }
}

/// The whole, if it is as long as what was judged.
fn same(whole: Option<&mut dyn Whole>, len: u64) -> Result<&mut dyn Whole, UploadRefusal> {
    let whole = whole.ok_or(UploadRefusal::NotHeld)?;
    let held = whole
        .seek(SeekFrom::End(0))
        .map_err(|_| UploadRefusal::SpoolFailed)?;
    if held == len {
        Ok(whole)
    } else {
        Err(UploadRefusal::SpoolFailed)
    }
}
