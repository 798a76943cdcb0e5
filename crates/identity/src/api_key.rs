//! What an API key looks like.
//!
//! ```text
//! vsk_4fGh81LmQ0Zt_8Jx…43 characters of secret…pQ7Yc1aB
//! └┬─┘└────┬─────┘ └───────────────┬────────────────┘└─┬──┘
//!  mark   public prefix, the id    secret, 256 bits    checksum
//! ```
//!
//! Owns that form. All of it is ASCII letters, digits and underscores of one length, so that a
//! double click selects a key whole, and the checksum (CRC-32 of everything before it) lets a
//! scanner tell a key from a look-alike without asking anyone. The checksum guards against slips,
//! not against people. The secret is its characters: digests are taken over the text, and no second
//! text means the same secret.

use std::fmt;

use control::rng::{NoRandomness, Rng};
use zeroize::Zeroizing;

use crate::base62;

/// What every key starts with.
pub const MARK: &str = "vsk_";

/// Characters of the public prefix.
pub const ID_LENGTH: usize = 12;

/// Characters of the secret.
pub const SECRET_LENGTH: usize = 43;

/// Characters of the checksum.
pub const CHECKSUM_LENGTH: usize = 6;

/// Characters of a whole key.
pub const LENGTH: usize = MARK.len() + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH;

/// Bits that stay unknown to whoever sees the public prefix: 43 characters, each one of 62, all
/// drawn independently, are 256.03 bits, rounded down here.
pub const SECRET_BITS: u32 = 256;

/// The public prefix of a key: its name in lists, logs and commands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_LENGTH]);

impl KeyId {
    /// The id `text`, if it has the form of one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let id: [u8; ID_LENGTH] = text.as_bytes().try_into().ok()?;
        base62::are_members(&id).then_some(Self(id))
    }

    /// The id as text: 12 ASCII letters and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor admits ASCII alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A whole key, on its way from its making to the one time it is shown. Wiped when dropped.
pub struct ApiKey {
    text: Zeroizing<[u8; LENGTH]>,
    id: KeyId,
}

impl ApiKey {
    /// A new key from `rng`.
    pub fn generate(rng: &dyn Rng) -> Result<Self, NoRandomness> {
        let mut id = KeyId([b'0'; ID_LENGTH]);
        base62::random(rng, &mut id.0)?;
        let mut secret = Zeroizing::new([b'0'; SECRET_LENGTH]);
        base62::random(rng, secret.as_mut_slice())?;
        let mut text = Zeroizing::new([b'0'; LENGTH]);
        write_from(&mut text, [MARK.as_bytes(), &id.0, b"_", secret.as_slice()]);
        let checksum = checksum_of(text.as_slice());
        write_from(
            &mut text,
            [MARK.as_bytes(), &id.0, b"_", secret.as_slice(), &checksum],
        );
        Ok(Self { text, id })
    }

    /// The public prefix.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The whole key, to be shown once. Each call is a place where it could leak.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.text.as_slice()).unwrap_or_default()
    }

    /// What is stored of it: SHA-256 of the secret's characters.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let from = LENGTH - CHECKSUM_LENGTH - SECRET_LENGTH;
        let secret = self.text.get(from..from + SECRET_LENGTH);
        seal::sha256(secret.unwrap_or_default())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, ..)", self.id)
    }
}

/// Writes `parts` one behind the other from the start of `text`.
fn write_from<const N: usize>(text: &mut [u8; LENGTH], parts: [&[u8]; N]) {
    let bytes = parts.into_iter().flatten();
    for (to, from) in text.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// The checksum a key of [`LENGTH`] bytes must end with.
fn checksum_of(key: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let body = key
        .split_last_chunk::<CHECKSUM_LENGTH>()
        .map_or(key, |(body, _)| body);
    base62::six(crc32fast::hash(body))
}

/// The parts of a key that a request carries; borrowed, so nothing is copied.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    id: KeyId,
    secret: &'a [u8; SECRET_LENGTH],
}

impl Presented<'_> {
    /// The public prefix.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What is stored and compared: SHA-256 of the secret's characters.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        seal::sha256(self.secret)
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({}, ..)", self.id)
    }
}

/// Why bytes are not a key. Nothing of the bytes is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatFault {
    /// Not [`LENGTH`] bytes.
    #[error("a key has {LENGTH} characters")]
    Length,
    /// It does not start with [`MARK`].
    #[error("a key starts with {MARK}")]
    Mark,
    /// A character that no key has at that place.
    #[error("a key has letters and digits, and one underscore behind its public prefix")]
    Character,
    /// The checksum says that it was mistyped, cut or made up.
    #[error("the key's checksum is wrong: it was mistyped or cut")]
    Checksum,
}

/// The parts of a key, if `bytes` are one, whole and nothing else.
pub fn parse(bytes: &[u8]) -> Result<Presented<'_>, FormatFault> {
    let key: &[u8; LENGTH] = bytes.try_into().map_err(|_| FormatFault::Length)?;
    let rest = key.strip_prefix(MARK.as_bytes()).ok_or(FormatFault::Mark)?;
    let (id, rest) = rest
        .split_first_chunk::<ID_LENGTH>()
        .ok_or(FormatFault::Length)?;
    let (separator, rest) = rest.split_first().ok_or(FormatFault::Length)?;
    let (secret, checksum) = rest
        .split_first_chunk::<SECRET_LENGTH>()
        .ok_or(FormatFault::Length)?;
    let sound =
        base62::are_members(id) & base62::are_members(secret) & base62::are_members(checksum);
    if *separator != b'_' || !sound {
        return Err(FormatFault::Character);
    }
    if checksum != checksum_of(key) {
        return Err(FormatFault::Checksum);
    }
    Ok(Presented {
        id: KeyId(*id),
        secret,
    })
}

#[cfg(test)]
mod tests {
    use control::rng::{CountingRng, SystemRng};
    use proptest::prelude::*;

    use super::*;

    fn key(seed: u64) -> String {
        let key = ApiKey::generate(&CountingRng::from_seed(seed)).unwrap();
        key.expose().to_owned()
    }

    #[test]
    fn what_is_made_and_what_is_presented_agree() {
        let key = ApiKey::generate(&CountingRng::from_seed(1)).unwrap();
        let presented = parse(key.expose().as_bytes()).unwrap();
        assert_eq!(presented.id(), key.id());
        assert_eq!(presented.digest(), key.digest());
    }

    #[test]
    fn a_key_has_its_form() {
        let key = key(1);
        assert_eq!(key.len(), 66);
        assert!(key.starts_with("vsk_"));
        assert_eq!(key.find('_'), Some(3));
        assert_eq!(key[4..].find('_'), Some(12));
        let presented = parse(key.as_bytes()).unwrap();
        assert_eq!(presented.id().as_str(), &key[4..16]);
        assert_eq!(
            presented.digest(),
            seal::sha256(&key.as_bytes()[17..60]),
            "the digest covers the secret alone"
        );
    }

    /// The checksum by an independent route: Python's `zlib.crc32`, its value in base 62.
    #[test]
    fn the_checksum_is_the_crc_32_of_everything_before_it() {
        let text = "vsk_000000000000_0000000000000000000000000000000000000000000";
        assert_eq!(crc32fast::hash(text.as_bytes()), 102_144_241);
        assert!(parse(format!("{text}06uaNl").as_bytes()).is_ok());
        assert!(parse(format!("{text}06uaNm").as_bytes()).is_err());
    }

    #[test]
    fn what_stays_unknown_behind_the_prefix_is_far_more_than_promised() {
        let bits = f64::log2(62.0) * f64::from(u32::try_from(SECRET_LENGTH).unwrap());
        assert!(bits >= f64::from(SECRET_BITS), "{bits}");
        assert!(bits >= 112.0);
        let shown = parse(key(1).as_bytes()).unwrap().id().to_string();
        assert!(!key(1)[17..].contains(&shown));
    }

    #[test]
    fn no_two_keys_share_anything_but_their_mark() {
        let keys: Vec<String> = (0..200)
            .map(|_| ApiKey::generate(&SystemRng).unwrap().expose().to_owned())
            .collect();
        for part in [4..16, 17..60] {
            let mut parts: Vec<&str> = keys.iter().map(|key| &key[part.clone()]).collect();
            parts.sort_unstable();
            parts.dedup();
            assert_eq!(parts.len(), keys.len());
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = ApiKey::generate(&CountingRng::from_seed(1)).unwrap();
        let presented = parse(key.expose().as_bytes()).unwrap();
        let id = &key.expose()[4..16];
        assert_eq!(
            format!("{key:?} {presented:?}"),
            format!("ApiKey({id}, ..) Presented({id}, ..)")
        );
    }

    #[test]
    fn near_misses_are_refused_for_what_they_are() {
        let good = key(1);
        assert!(parse(good.as_bytes()).is_ok());
        let cases = [
            (String::new(), FormatFault::Length),
            (good[..65].to_owned(), FormatFault::Length),
            (format!("{good} "), FormatFault::Length),
            (good.replace("vsk_", "VSK_"), FormatFault::Mark),
            (good.replace("vsk_", "vsk-"), FormatFault::Mark),
            (
                format!("{}-{}", &good[..16], &good[17..]),
                FormatFault::Character,
            ),
            (format!("{}!", &good[..65]), FormatFault::Character),
            (format!("{}é", &good[..64]), FormatFault::Character),
        ];
        for (text, fault) in cases {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), fault, "{text}");
        }
    }

    #[test]
    fn ids_are_twelve_letters_and_digits() {
        assert_eq!(KeyId::new("4fGh81LmQ0Zt").unwrap().as_str(), "4fGh81LmQ0Zt");
        for text in [
            "",
            "4fGh81LmQ0Z",
            "4fGh81LmQ0Ztt",
            "4fGh81LmQ0Z_",
            "4fGh81LmQ0é",
        ] {
            assert_eq!(KeyId::new(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_single_changed_character_is_caught(seed: u64, at in 0..LENGTH, to: u8) {
            let mut text = key(seed).into_bytes();
            prop_assume!(text[at] != to);
            text[at] = to;
            prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn any_two_swapped_neighbours_are_caught(seed: u64, at in 0..LENGTH - 1) {
            let mut text = key(seed).into_bytes();
            prop_assume!(text[at] != text[at + 1]);
            text.swap(at, at + 1);
            prop_assert!(parse(&text).is_err());
        }

        #[test]
        fn any_bytes_are_parsed_without_harm(bytes: Vec<u8>) {
            crate::fuzz::key(&bytes);
        }

        #[test]
        fn look_alikes_are_parsed_without_harm(text in "vsk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}") {
            crate::fuzz::key(text.as_bytes());
        }
    }
}
