//! Signed notes (C2SP signed-note) with Ed25519 keys.
//!
//! Owns the note format, verifier and signer keys as text, and what it means to verify: at least
//! one known key signed, no known key's signature is wrong, unknown ones are ignored. Refuses
//! notes that are not exactly of the form. Source: <https://c2sp.org/signed-note>.

use std::fmt;

use seal::{
    ed25519::{SigningKey, VerifyingKey},
    encode::{base64, hex, unbase64, unhex},
};

/// The longest note read, in bytes.
pub const NOTE_LIMIT: u64 = 64 * 1024;

/// The most signatures read from one note.
pub const SIGNATURE_LIMIT: usize = 100;

const ED25519: u8 = 1;

/// A key, a note or a signature was not of its form, or did not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A verifier key is `<name>+<8 hexadecimal digits>+<base64>`, with an id that fits.
    #[error("not a verifier key: it would read <name>+<8 hexadecimal digits>+<base64>")]
    VerifierKey,
    /// A signer key is `PRIVATE+KEY+<name>+<8 hexadecimal digits>+<base64>`, with an id that fits.
    #[error("not a signing key of a log")]
    SignerKey,
    /// A name is empty or holds a space, a plus sign or a control character.
    #[error("a key name must not be empty or hold spaces, plus signs or control characters")]
    Name,
    /// The text is not a signed note.
    #[error("not a signed note")]
    Malformed,
    /// A known key's signature is wrong.
    #[error("the signature of {0} does not verify: the note was changed or forged")]
    BadSignature(String),
    /// No known key signed it.
    #[error("not signed by {0}")]
    Unsigned(String),
}

/// A key that verifies notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

fn valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut digest = seal::Sha256::new();
    digest.update(name.as_bytes());
    digest.update(&[b'\n', ED25519]);
    digest.update(public);
    let [a, b, c, d, ..] = digest.finish();
    [a, b, c, d]
}

/// The 32 bytes behind a type byte, in base64.
fn typed(text: &str) -> Option<[u8; 32]> {
    match unbase64(text).ok()?.split_first()? {
        (&ED25519, key) => key.try_into().ok(),
        _ => None,
    }
}

impl VerifierKey {
    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let read = || {
            let (name, rest) = text.split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let public = typed(key)?;
            let key = Self {
                name: name.to_owned(),
                id: key_id(name, &public),
                key: VerifyingKey::from_bytes(&public).ok()?,
            };
            (valid_name(name) && hex(&key.id) == id).then_some(key)
        };
        read().ok_or(NoteError::VerifierKey)
    }

    /// The name that stands in signature lines.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ED25519];
        typed.extend_from_slice(&self.key.to_bytes());
        write!(f, "{}+{}+{}", self.name, hex(&self.id), base64(&typed))
    }
}

/// A key that signs notes. Its text form is a secret.
#[derive(Debug)]
pub struct SignerKey {
    key: SigningKey,
    verifier: VerifierKey,
}

impl SignerKey {
    /// The key grown from `seed` under `name`.
    pub fn from_seed(name: &str, seed: [u8; 32]) -> Result<Self, NoteError> {
        if !valid_name(name) {
            return Err(NoteError::Name);
        }
        let key = SigningKey::from_seed(seed).map_err(|_| NoteError::SignerKey)?;
        let verifier = VerifierKey {
            name: name.to_owned(),
            id: key_id(name, &key.verifying_bytes()),
            key: key.verifying_key().map_err(|_| NoteError::SignerKey)?,
        };
        Ok(Self { key, verifier })
    }

    /// Reads the text form that Go's note package also uses.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let rest = text.strip_prefix("PRIVATE+KEY+");
        let (name, rest) = rest
            .and_then(|r| r.split_once('+'))
            .ok_or(NoteError::SignerKey)?;
        let (id, seed) = rest.split_once('+').ok_or(NoteError::SignerKey)?;
        let key = Self::from_seed(name, typed(seed).ok_or(NoteError::SignerKey)?)?;
        if hex(&key.verifier.id) == id {
            Ok(key)
        } else {
            Err(NoteError::SignerKey)
        }
    }

    /// The text form of the key grown from `seed`; a secret.
    pub fn text(name: &str, seed: &[u8; 32]) -> Result<String, NoteError> {
        let key = Self::from_seed(name, *seed)?;
        let mut typed = vec![ED25519];
        typed.extend_from_slice(seed);
        let id = hex(&key.verifier.id);
        Ok(format!("PRIVATE+KEY+{name}+{id}+{}", base64(&typed)))
    }

    /// The key that verifies.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs `text`, which must end in a newline, and gives the whole note.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let mut blob = self.verifier.id.to_vec();
        blob.extend_from_slice(&self.key.sign(text.as_bytes()));
        format!("{text}\n— {} {}\n", self.verifier.name, base64(&blob))
    }
}

/// A signed note of the right form; nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    /// Reads a note.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let control = |c: char| c < ' ' && c != '\n';
        if note.len() as u64 > NOTE_LIMIT || note.contains(control) {
            return Err(NoteError::Malformed);
        }
        // The text keeps its own last newline; the empty line behind it is dropped.
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)? + 1;
        let (text, rest) = note.split_at(split);
        let lines = rest
            .strip_prefix('\n')
            .and_then(|rest| rest.strip_suffix('\n'))
            .ok_or(NoteError::Malformed)?;
        let signatures = lines
            .split('\n')
            .take(SIGNATURE_LIMIT + 1)
            .map(|line| Signature::parse(line).ok_or(NoteError::Malformed))
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > SIGNATURE_LIMIT {
            return Err(NoteError::Malformed);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// The text if `key` signed it.
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, NoteError> {
        let mut signed = false;
        for signature in &self.signatures {
            if signature.name == key.name && signature.id == key.id {
                if !key.key.verify(self.text.as_bytes(), &signature.bytes) {
                    return Err(NoteError::BadSignature(key.name.clone()));
                }
                signed = true;
            }
        }
        if signed {
            Ok(&self.text)
        } else {
            Err(NoteError::Unsigned(key.name.clone()))
        }
    }

    /// The text, whoever signed it: for reports that say that nothing was verified.
    #[must_use]
    pub fn unverified_text(&self) -> &str {
        &self.text
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix("— ")?.split_once(' ')?;
        let blob = unbase64(blob).ok()?;
        let (id, bytes) = blob.split_first_chunk::<4>()?;
        (valid_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

/// Whether `text` is the id of a key: 8 lower-case hexadecimal digits.
#[must_use]
pub fn is_key_id(text: &str) -> bool {
    text.len() == 8 && unhex(text).is_ok_and(|bytes| hex(&bytes) == text)
}

#[cfg(test)]
mod tests;
