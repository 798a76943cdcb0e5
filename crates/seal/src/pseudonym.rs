//! Identifiers that say nothing to those without the key.
//!
//! The ledger tells one client from another and never who they are. A pseudonym is the identifier
//! encrypted with AES-256-GCM-SIV (RFC 8452) under a fixed nonce: the same identifier always gives
//! the same pseudonym, so events can be grouped; the holder of the key can open it; nobody else can
//! make or alter one. GCM-SIV keeps its promise under a repeated nonce, and what a repeat reveals,
//! that two messages are equal, is what is wanted here.
//!
//! What stays visible: equality within one key and domain, and the identifier's length. Callers
//! give identifiers one width (an address always as 16 bytes) and bring a new key in regularly.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use crate::encode::{base64url_into, unbase64url};

/// Longest identifier, in bytes.
pub const IDENTIFIER_LIMIT: usize = 256;

/// Longest key id and longest domain name, in bytes.
pub const NAME_LIMIT: usize = 32;

const TAG_LENGTH: usize = 16;
const NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];
const CONTEXT: &[u8] = b"vouchsafe pseudonym p1\0";
const AAD_LIMIT: usize = CONTEXT.len() + 2 * (1 + NAME_LIMIT);

/// What kind of identifier a pseudonym stands for. The same bytes in two domains give unrelated
/// pseudonyms, and one does not open in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Domain(&'static str);

impl Domain {
    /// A client's network address.
    pub const CLIENT: Self = Self("client");
    /// Whoever authenticated.
    pub const PRINCIPAL: Self = Self("principal");
    /// The person the data is about.
    pub const SUBJECT: Self = Self("subject");
}

/// Why a pseudonym could not be made or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PseudonymFault {
    /// The identifier is longer than [`IDENTIFIER_LIMIT`].
    #[error("the identifier is longer than {IDENTIFIER_LIMIT} bytes")]
    TooLong,
    /// A key id is 1 to 32 lower-case letters, digits and hyphens.
    #[error("a pseudonym key id is 1 to {NAME_LIMIT} lower-case letters, digits and hyphens")]
    KeyId,
    /// The text is not `p1.<key id>.<base64url>`.
    #[error("not a pseudonym: it would read p1.<key id>.<base64url>")]
    Form,
    /// Made under another key; its id stands in the text.
    #[error("this pseudonym was made under another key")]
    OtherKey,
    /// It does not open: altered, of another domain, or of another key with the same id.
    #[error("this pseudonym does not open under this key for this kind of identifier")]
    Sealed,
    /// The library refused, which no input of ours should bring about.
    #[error("the cryptographic library refused")]
    Library,
}

/// Makes and opens pseudonyms under one key. The key is wiped when dropped.
pub struct Pseudonymiser {
    key_id: String,
    key: LessSafeKey,
}

impl Pseudonymiser {
    /// Takes a key, which is used for nothing else, and its id: 1 to 32 of `a-z`, `0-9`, `-`.
    pub fn new(key_id: &str, mut key: [u8; 32]) -> Result<Self, PseudonymFault> {
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, &key);
        key.zeroize();
        let unbound = unbound.map_err(|_| PseudonymFault::Library)?;
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if key_id.is_empty() || key_id.len() > NAME_LIMIT || !key_id.bytes().all(allowed) {
            return Err(PseudonymFault::KeyId);
        }
        Ok(Self {
            key_id: key_id.to_owned(),
            key: LessSafeKey::new(unbound),
        })
    }

    /// The id that stands in every pseudonym of this key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The pseudonym of `identifier`, at most [`IDENTIFIER_LIMIT`] bytes.
    pub fn seal(&self, domain: Domain, identifier: &[u8]) -> Result<String, PseudonymFault> {
        let mut text = String::new();
        self.seal_into(domain, identifier, &mut text)?;
        Ok(text)
    }

    /// Appends the pseudonym of `identifier` to `text`, without allocating beyond it.
    pub fn seal_into(
        &self,
        domain: Domain,
        identifier: &[u8],
        text: &mut String,
    ) -> Result<(), PseudonymFault> {
        let mut buffer = Zeroizing::new([0; IDENTIFIER_LIMIT + TAG_LENGTH]);
        let body = buffer
            .get_mut(..identifier.len())
            .filter(|_| identifier.len() <= IDENTIFIER_LIMIT)
            .ok_or(PseudonymFault::TooLong)?;
        body.copy_from_slice(identifier);
        let tag = seal_in_place(&self.key, NONCE, self.aad(domain).as_slice(), body)
            .ok_or(PseudonymFault::Library)?;
        let end = identifier.len() + TAG_LENGTH;
        buffer
            .get_mut(identifier.len()..end)
            .ok_or(PseudonymFault::Library)?
            .copy_from_slice(&tag);
        text.push_str("p1.");
        text.push_str(&self.key_id);
        text.push('.');
        base64url_into(buffer.get(..end).unwrap_or_default(), text);
        Ok(())
    }

    /// The identifier behind `pseudonym`.
    pub fn open(&self, domain: Domain, pseudonym: &str) -> Result<Vec<u8>, PseudonymFault> {
        let (key_id, sealed) = parts(pseudonym).ok_or(PseudonymFault::Form)?;
        if key_id != self.key_id {
            return Err(PseudonymFault::OtherKey);
        }
        if sealed.len() > (IDENTIFIER_LIMIT + TAG_LENGTH).div_ceil(3) * 4 {
            return Err(PseudonymFault::TooLong);
        }
        let mut bytes = unbase64url(sealed).map_err(|_| PseudonymFault::Form)?;
        let aad = self.aad(domain);
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let length = self
            .key
            .open_in_place(nonce, Aad::from(aad.as_slice()), &mut bytes)
            .map_err(|_| PseudonymFault::Sealed)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn aad(&self, domain: Domain) -> Associated {
        let mut aad = Associated {
            bytes: [0; AAD_LIMIT],
            length: 0,
        };
        aad.push(CONTEXT);
        for name in [domain.0, &self.key_id] {
            // Both are at most 32 bytes long, so one byte tells their length.
            aad.push(&[u8::try_from(name.len()).unwrap_or(u8::MAX)]);
            aad.push(name.as_bytes());
        }
        aad
    }
}

impl fmt::Debug for Pseudonymiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonymiser({}, ..)", self.key_id)
    }
}

/// The id of the key `pseudonym` was made under, to choose among several; `None` if it is not one.
#[must_use]
pub fn key_id_of(pseudonym: &str) -> Option<&str> {
    parts(pseudonym).map(|(key_id, _)| key_id)
}

fn parts(pseudonym: &str) -> Option<(&str, &str)> {
    pseudonym.strip_prefix("p1.")?.split_once('.')
}

/// What the cipher binds a pseudonym to, without allocation.
struct Associated {
    bytes: [u8; AAD_LIMIT],
    length: usize,
}

impl Associated {
    fn push(&mut self, more: &[u8]) {
        let room = self.bytes.iter_mut().skip(self.length);
        self.length += room.zip(more).map(|(to, from)| *to = *from).count();
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

fn seal_in_place(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    bytes: &mut [u8],
) -> Option<[u8; TAG_LENGTH]> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), bytes)
        .ok()?;
    tag.as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode::{hex, unhex};

    fn pseudonymiser(key_id: &str, key: u8) -> Pseudonymiser {
        Pseudonymiser::new(key_id, [key; 32]).unwrap()
    }

    /// RFC 8452 appendix C.2 (AEAD_AES_256_GCM_SIV), with the key `01 00..`, nonce `03 00..`.
    #[test]
    fn the_rfc_8452_vectors_hold() {
        let mut key = [0; 32];
        key[0] = 1;
        let mut nonce = [0; 12];
        nonce[0] = 3;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &key).unwrap());
        for (aad, plaintext, result) in [
            ("", "", "07f5f4169bbf55a8400cd47ea6fd400f"),
            (
                "",
                "0100000000000000",
                "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28",
            ),
            (
                "",
                "010000000000000000000000",
                "9aab2aeb3faa0a34aea8e2b18ca50da9ae6559e48fd10f6e5c9ca17e",
            ),
            (
                "01",
                "0200000000000000",
                "1de22967237a813291213f267e3b452f02d01ae33e4ec854",
            ),
        ] {
            let mut bytes = unhex(plaintext).unwrap();
            let tag = seal_in_place(&key, nonce, &unhex(aad).unwrap(), &mut bytes).unwrap();
            assert_eq!(hex(&bytes) + &hex(&tag), result);
        }
    }

    #[test]
    fn one_identifier_has_one_pseudonym_and_it_opens() {
        let key = pseudonymiser("2026-11", 1);
        let first = key.seal(Domain::CLIENT, b"203.0.113.7").unwrap();
        assert_eq!(key.seal(Domain::CLIENT, b"203.0.113.7").unwrap(), first);
        assert!(first.starts_with("p1.2026-11."));
        assert_eq!(key_id_of(&first), Some("2026-11"));
        assert_eq!(key.open(Domain::CLIENT, &first).unwrap(), b"203.0.113.7");
    }

    #[test]
    fn domains_and_keys_do_not_mix() {
        let key = pseudonymiser("a", 1);
        let client = key.seal(Domain::CLIENT, b"same").unwrap();
        let principal = key.seal(Domain::PRINCIPAL, b"same").unwrap();
        assert_ne!(client, principal);
        assert_eq!(
            key.open(Domain::PRINCIPAL, &client),
            Err(PseudonymFault::Sealed)
        );
        assert_eq!(
            pseudonymiser("b", 1).open(Domain::CLIENT, &client),
            Err(PseudonymFault::OtherKey)
        );
        assert_eq!(
            pseudonymiser("a", 2).open(Domain::CLIENT, &client),
            Err(PseudonymFault::Sealed)
        );
        let renamed = client.replace("p1.a.", "p1.b.");
        assert_eq!(
            pseudonymiser("b", 1).open(Domain::CLIENT, &renamed),
            Err(PseudonymFault::Sealed)
        );
        assert!(key.open(Domain::CLIENT, &client).is_ok());
    }

    #[test]
    fn texts_that_are_no_pseudonyms_are_refused() {
        let key = pseudonymiser("a", 1);
        for text in ["", "p1", "p1.", "p1.a", "p2.a.AAAA", "p1.a.=", "p1.a.A"] {
            assert_eq!(
                key.open(Domain::CLIENT, text),
                Err(PseudonymFault::Form),
                "{text}"
            );
        }
        assert_eq!(
            key.open(Domain::CLIENT, "p1.a."),
            Err(PseudonymFault::Sealed)
        );
        let long = format!("p1.a.{}", "A".repeat(400));
        assert_eq!(
            key.open(Domain::CLIENT, &long),
            Err(PseudonymFault::TooLong)
        );
    }

    #[test]
    fn limits_hold_at_their_edge() {
        let key = pseudonymiser("a", 1);
        let longest = [7; IDENTIFIER_LIMIT];
        let text = key.seal(Domain::CLIENT, &longest).unwrap();
        assert_eq!(key.open(Domain::CLIENT, &text).unwrap(), longest);
        assert_eq!(
            key.seal(Domain::CLIENT, &[7; IDENTIFIER_LIMIT + 1]),
            Err(PseudonymFault::TooLong)
        );
        assert!(Pseudonymiser::new(&"a".repeat(NAME_LIMIT), [1; 32]).is_ok());
        for id in ["", "A", "a.b", "é", &"a".repeat(NAME_LIMIT + 1)] {
            assert_eq!(
                Pseudonymiser::new(id, [1; 32]).unwrap_err(),
                PseudonymFault::KeyId
            );
        }
    }

    proptest! {
        #[test]
        fn every_identifier_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..=256)) {
            let key = pseudonymiser("a", 9);
            let text = key.seal(Domain::SUBJECT, &bytes).unwrap();
            prop_assert_eq!(key.open(Domain::SUBJECT, &text).unwrap(), bytes);
        }

        #[test]
        fn no_altered_pseudonym_opens(at in 5_usize..48, bit in 0_u8..6) {
            let key = pseudonymiser("a", 9);
            let mut text = key.seal(Domain::CLIENT, &[3; 16]).unwrap().into_bytes();
            prop_assume!(at < text.len());
            text[at] ^= 1 << bit;
            let text = String::from_utf8(text).unwrap();
            prop_assert!(key.open(Domain::CLIENT, &text).is_err());
        }
    }
}
