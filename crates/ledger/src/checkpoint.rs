//! Checkpoints (C2SP tlog-checkpoint): the signed head of the tree.
//!
//! Owns the three lines that are signed. Refuses extension lines: nobody could audit them.
//! Source: <https://c2sp.org/tlog-checkpoint>.

use std::fmt;

use seal::encode::{base64, unbase64};

use crate::{
    note::{Note, NoteError, VerifierKey},
    tree::Hash,
};

/// The head of a log at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Entries in the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a checkpoint note.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let read = || {
            let mut lines = text.strip_suffix('\n')?.split('\n');
            let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
            let checkpoint = Self {
                origin: origin.to_owned(),
                size: size.parse().ok()?,
                root: unbase64(root).ok()?.try_into().ok()?,
            };
            // Only one spelling of each value is taken, so that one head has one text.
            let same = checkpoint.to_string() == text;
            (same && !origin.is_empty() && lines.next().is_none()).then_some(checkpoint)
        };
        read().ok_or(NoteError::Malformed)
    }

    /// Reads a checkpoint note and verifies that `key` signed it for the log of its own name.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        let checkpoint = Self::parse(note.verify(key)?)?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(NoteError::Unsigned(checkpoint.origin))
        }
    }

    /// Reads a checkpoint note without verifying any signature.
    pub fn open_unverified(note: &str) -> Result<Self, NoteError> {
        Self::parse(Note::parse(note)?.unverified_text())
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = base64(&self.root);
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

/// The notes in a file to which checkpoints are appended one after the other, oldest first. A
/// last one that is cut short is left out.
pub fn notes(file: &str) -> impl Iterator<Item = &str> {
    let mut rest = file;
    std::iter::from_fn(move || {
        // Behind a note that was cut short, empty lines stand before the next.
        rest = rest.trim_start_matches('\n');
        let blank = rest.find("\n\n")?;
        let mut end = blank + 2;
        while let Some(line) = rest.get(end..).filter(|after| after.starts_with('—')) {
            end += line.find('\n')? + 1;
        }
        let (note, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(note)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::SignerKey;

    fn signer() -> SignerKey {
        SignerKey::from_seed("log.example/a/1", [5; 32]).unwrap()
    }

    fn head() -> Checkpoint {
        Checkpoint {
            origin: "log.example/a/1".to_owned(),
            size: 7,
            root: [9; 32],
        }
    }

    /// The text of the example of c2sp.org/tlog-checkpoint.
    #[test]
    fn the_example_of_the_specification_reads() {
        let text = "example.com/behind-the-sofa\n20852163\n\
                    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.to_string(), text);
    }

    #[test]
    fn a_signed_checkpoint_opens_for_its_own_log_only() {
        let note = signer().sign(&head().to_string());
        assert_eq!(Checkpoint::open(&note, signer().verifier()), Ok(head()));
        let other = SignerKey::from_seed("log.example/a/2", [5; 32]).unwrap();
        assert!(Checkpoint::open(&note, other.verifier()).is_err());
        let misused = other.sign(&head().to_string());
        assert!(Checkpoint::open(&misused, other.verifier()).is_err());
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = head().to_string();
        assert!(Checkpoint::parse(&text).is_ok());
        for bad in [
            text.replace("\n7\n", "\n07\n"),
            text.replace("\n7\n", "\n+7\n"),
            text.replace("\n7\n", "\n\n"),
            text.trim_end().to_owned(),
            format!("{text}extension\n"),
            text.replace("log.example/a/1", ""),
            text.replace("=\n", "\n"),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn appended_notes_are_told_apart() {
        let one = signer().sign(&head().to_string());
        let two = signer().sign(&Checkpoint { size: 8, ..head() }.to_string());
        let file = format!("{one}{two}");
        assert_eq!(notes(&file).collect::<Vec<_>>(), [&one, &two]);
        let torn = file.get(..file.len() - 9).unwrap();
        assert_eq!(notes(torn).collect::<Vec<_>>(), [&one]);
        assert_eq!(notes("").count(), 0);
    }
}
