//! Secrets, decoded by the rule of a scheme.
//!
//! Owns the step from the text an operator pasted to a key of exactly one way of signing, so that
//! a public key with its prefix can never serve as an HMAC secret. Refuses empty, blank, short and
//! undecodable secrets, and the private half of a pair where only verifying is wanted. Shows none
//! of them.

use std::{fmt, sync::Arc};

use control::{Rng, Secret, rng, rng::NoRandomness};
use seal::{
    ed25519, encode,
    hmac::{self, Algorithm},
    jws::TokenKey,
    p256,
};

use crate::scheme::{Encoding, KeyRule, Mac, Scheme, Way};

/// A decoded key, bound to the one way of signing it belongs to.
#[derive(Clone)]
pub struct Key {
    way: usize,
    material: Material,
    /// Tells whether a configuration still has this key; stays in memory.
    fingerprint: [u8; 32],
}

/// What a key does; no comparison, no printing.
#[derive(Clone)]
pub(crate) enum Material {
    Hmac(Box<hmac::Key>),
    Public(Public),
    Private(Private),
    Static(Secret),
    Token {
        verifies: Box<TokenKey>,
        signs: Box<hmac::Key>,
    },
}

/// The half of a pair that verifies.
#[derive(Clone)]
pub(crate) enum Public {
    Ed25519(ed25519::VerifyingKey),
    P256(p256::VerifyingKey),
}

impl Public {
    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => key.verify(message, signature),
            Self::P256(key) => key.verify(message, signature),
        }
    }
}

/// The half of a pair that signs.
#[derive(Clone)]
pub(crate) enum Private {
    Ed25519(Arc<ed25519::SigningKey>),
    P256(Arc<p256::SigningKey>),
}

impl Private {
    /// The signature over `message`; `None` if the library could not sign.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Ed25519(key) => Some(key.sign(message).to_vec()),
            Self::P256(key) => key.sign_der(message).ok(),
        }
    }

    fn public(&self) -> Result<Public, KeyFault> {
        match self {
            Self::Ed25519(key) => key.verifying_key().map(Public::Ed25519),
            Self::P256(key) => {
                return key
                    .verifying_key()
                    .map(Public::P256)
                    .map_err(|_| KeyFault::NotAKey);
            }
        }
        .map_err(|_| KeyFault::NotAKey)
    }
}

/// A secret is not of the form its scheme gives secrets. Says what is wanted, never what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It has no bytes, or only white space.
    #[error("the secret is empty")]
    Empty,
    /// It does not begin as this scheme's secrets do.
    #[error("the secret does not begin with {0}")]
    Prefix(String),
    /// It is not written in the encoding this scheme's secrets have.
    #[error("the secret is not valid {0} behind its prefix")]
    Encoding(&'static str),
    /// It has too few or too many bytes.
    #[error("the secret has {found} bytes, and {fewest} to {most} are wanted")]
    Length {
        /// Fewest bytes.
        fewest: usize,
        /// Most bytes.
        most: usize,
        /// Bytes found.
        found: usize,
    },
    /// It is the private half of a pair, which no verifier should hold.
    #[error("the secret is a private key, and verifying needs only the public one")]
    PrivateHalf,
    /// It is the public half of a pair, which signs nothing.
    #[error("the secret is a public key, which cannot sign")]
    PublicHalf,
    /// Its bytes are no key of their algorithm.
    #[error("the secret is not a key of its algorithm")]
    NotAKey,
}

impl KeyFault {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "put the provider's signing secret where the reference points",
            Self::Prefix(_) | Self::Encoding(_) => {
                "copy the secret again from the provider's console, whole, prefix included"
            }
            Self::Length { .. } => {
                "check that nothing was cut off; a secret you chose yourself must be longer"
            }
            Self::PrivateHalf => "configure the public key (whpk_…) and keep the private one away",
            Self::PublicHalf => "sign with the private key (whsk_…)",
            Self::NotAKey => "copy the key again from the provider's console",
        }
    }
}

impl Key {
    /// Decodes a secret that verifies deliveries.
    pub fn verifying(scheme: &Scheme, secret: &Secret) -> Result<Self, KeyFault> {
        let key = decode(scheme, secret)?;
        match key.material {
            Material::Private(_) => Err(KeyFault::PrivateHalf),
            _ => Ok(key),
        }
    }

    /// Decodes a secret that was minted for one delivery, which both signs and verifies it.
    pub(crate) fn minted(scheme: &Scheme, secret: &Secret) -> Result<Self, KeyFault> {
        let mut key = decode(scheme, secret)?;
        if let Material::Private(private) = &key.material {
            key.material = Material::Public(private.public()?);
        }
        Ok(key)
    }

    /// Decodes a secret that signs deliveries.
    pub fn signing(scheme: &Scheme, secret: &Secret) -> Result<Self, KeyFault> {
        let key = decode(scheme, secret)?;
        match key.material {
            Material::Public(_) => Err(KeyFault::PublicHalf),
            _ => Ok(key),
        }
    }

    /// Index of its way of signing in the scheme.
    pub(crate) const fn way(&self) -> usize {
        self.way
    }

    /// Whether both were decoded from the same secret.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.way == other.way && seal::equal(&self.fingerprint, &other.fingerprint)
    }

    /// Whether both have the same secret, whatever it is used for.
    pub(crate) fn has_secret_of(&self, other: &Self) -> bool {
        seal::equal(&self.fingerprint, &other.fingerprint)
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

fn decode(scheme: &Scheme, secret: &Secret) -> Result<Key, KeyFault> {
    let text = secret.expose();
    if text.trim_ascii().is_empty() {
        return Err(KeyFault::Empty);
    }
    let (at, way, written, private) = way_of(scheme, text).ok_or_else(|| {
        let wanted = scheme.way.iter().map(|way| way.key.prefix.as_str());
        KeyFault::Prefix(wanted.collect::<Vec<_>>().join(" or "))
    })?;
    let bytes = undo(way.key.encoding, written)?;
    let [fewest, most] = if private { [32, 32] } else { way.key.bytes };
    let found = bytes.expose().len();
    if found < fewest || found > most {
        return Err(KeyFault::Length {
            fewest,
            most,
            found,
        });
    }
    if bytes.expose().trim_ascii().is_empty() {
        return Err(KeyFault::Empty);
    }
    Ok(Key {
        way: at,
        material: material(way, &bytes, private)?,
        fingerprint: seal::sha256(bytes.expose()),
    })
}

/// The way `text` is a secret of, the text behind its prefix, and whether it is a private half.
/// A prefix decides before a bare secret is thought of.
fn way_of<'s, 't>(scheme: &'s Scheme, text: &'t [u8]) -> Option<(usize, &'s Way, &'t [u8], bool)> {
    let ways = || scheme.way.iter().enumerate();
    let prefixed = ways().find_map(|(at, way)| {
        let KeyRule {
            prefix,
            private_prefix,
            ..
        } = &way.key;
        let private = private_prefix
            .as_ref()
            .and_then(|prefix| text.strip_prefix(prefix.as_bytes()))
            .map(|rest| (at, way, rest, true));
        let public = (!prefix.is_empty())
            .then(|| text.strip_prefix(prefix.as_bytes()))
            .flatten()
            .map(|rest| (at, way, rest, false));
        private.or(public)
    });
    prefixed.or_else(|| {
        ways()
            .find(|(_, way)| way.key.bare || way.key.prefix.is_empty())
            .map(|(at, way)| (at, way, text, false))
    })
}

fn undo(encoding: Encoding, written: &[u8]) -> Result<Secret, KeyFault> {
    match encoding {
        Encoding::Utf8 => Ok(Secret::new(written.to_vec())),
        Encoding::Hex => encode::unhex(written)
            .map(Secret::new)
            .map_err(|_| KeyFault::Encoding("hexadecimal")),
        Encoding::Base64 => encode::unbase64(written)
            .map(Secret::new)
            .map_err(|_| KeyFault::Encoding("base64")),
        Encoding::Base64Url => encode::unbase64url(written)
            .map(Secret::new)
            .map_err(|_| KeyFault::Encoding("base64 for URLs")),
    }
}

fn hmac(algorithm: Algorithm, bytes: &[u8]) -> Material {
    Material::Hmac(Box::new(hmac::Key::new(algorithm, bytes)))
}

fn material(way: &Way, bytes: &Secret, private: bool) -> Result<Material, KeyFault> {
    let bytes = bytes.expose();
    if private {
        return private_half(way.mac, bytes).map(Material::Private);
    }
    Ok(match way.mac {
        Mac::HmacSha1 => hmac(Algorithm::Sha1, bytes),
        Mac::HmacSha256 => hmac(Algorithm::Sha256, bytes),
        Mac::HmacSha512 => hmac(Algorithm::Sha512, bytes),
        Mac::Ed25519 => ed25519::VerifyingKey::from_bytes(bytes)
            .map(|key| Material::Public(Public::Ed25519(key)))
            .map_err(|_| KeyFault::NotAKey)?,
        Mac::EcdsaP256 => p256::VerifyingKey::from_spki(bytes)
            .map(|key| Material::Public(Public::P256(key)))
            .map_err(|_| KeyFault::NotAKey)?,
        Mac::Static => Material::Static(Secret::new(bytes.to_vec())),
        Mac::TokenHs256 => Material::Token {
            verifies: Box::new(TokenKey::shared(bytes).map_err(|_| KeyFault::NotAKey)?),
            signs: Box::new(hmac::Key::new(Algorithm::Sha256, bytes)),
        },
    })
}

fn private_half(mac: Mac, bytes: &[u8]) -> Result<Private, KeyFault> {
    let number = <[u8; 32]>::try_from(bytes).map_err(|_| KeyFault::NotAKey)?;
    let key = match mac {
        Mac::EcdsaP256 => p256::SigningKey::from_number(number)
            .ok()
            .map(|key| Private::P256(Arc::new(key))),
        _ => ed25519::SigningKey::from_seed(number)
            .ok()
            .map(|key| Private::Ed25519(Arc::new(key))),
    };
    key.ok_or(KeyFault::NotAKey)
}

/// A fresh secret of the scheme's first way: 32 random bytes, written as its secrets are; of a pair
/// the private half.
pub(crate) fn mint(scheme: &Scheme, rng: &dyn Rng) -> Result<Secret, NoRandomness> {
    let bytes = rng::array::<32>(rng)?;
    let rule = scheme.way.first().map(|way| &way.key);
    let prefix = rule.map_or("", |rule| {
        rule.private_prefix.as_deref().unwrap_or(&rule.prefix)
    });
    let written = match rule.map(|rule| rule.encoding) {
        Some(Encoding::Base64) => encode::base64(&bytes),
        Some(Encoding::Base64Url) => encode::base64url(&bytes),
        _ => encode::hex(&bytes),
    };
    Ok(Secret::new([prefix, &written].concat().into_bytes()))
}

/// The half of a minted secret that verifies; the secret itself where it is no pair.
pub(crate) fn mint_verifying(scheme: &Scheme, rng: &dyn Rng) -> Result<Secret, NoRandomness> {
    let minted = mint(scheme, rng)?;
    let Some(way) = scheme.way.first() else {
        return Ok(minted);
    };
    let public = match Key::minted(scheme, &minted).map(|key| key.material) {
        Ok(Material::Public(Public::Ed25519(key))) => key.to_bytes().to_vec(),
        Ok(Material::Public(Public::P256(key))) => key.to_spki(),
        _ => return Ok(minted),
    };
    let written = match way.key.encoding {
        Encoding::Base64 => encode::base64(&public),
        Encoding::Base64Url => encode::base64url(&public),
        Encoding::Hex | Encoding::Utf8 => encode::hex(&public),
    };
    Ok(Secret::new(
        [way.key.prefix.as_str(), &written].concat().into_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use control::rng::CountingRng;

    use super::*;

    fn fault(scheme: &str, secret: &str) -> Option<KeyFault> {
        let secret = Secret::new(secret.as_bytes().to_vec());
        Key::verifying(Scheme::find(scheme).unwrap(), &secret).err()
    }

    #[test]
    fn empty_and_blank_secrets_are_refused_under_every_scheme() {
        for scheme in Scheme::built_in() {
            for blank in ["", " ", "\n", " \t "] {
                assert_eq!(fault(&scheme.name, blank), Some(KeyFault::Empty));
            }
        }
        assert_eq!(fault("github", "x"), None);
    }

    #[test]
    fn a_secret_must_decode_under_the_rule_of_its_scheme() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(fault("standard-webhooks", good), None);
        assert_eq!(
            fault("standard-webhooks", good.trim_start_matches("whsec_")),
            None
        );
        assert_eq!(
            fault("standard-webhooks", "whsec_not base64"),
            Some(KeyFault::Encoding("base64"))
        );
        assert!(matches!(
            fault("standard-webhooks", "whsec_c2hvcnQ="),
            Some(KeyFault::Length { .. })
        ));
        assert!(matches!(
            fault("standard-webhooks", "whsec_"),
            Some(KeyFault::Length { .. })
        ));
    }

    #[test]
    fn the_private_half_of_a_pair_is_refused_where_deliveries_are_verified() {
        let seed = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=";
        assert_eq!(
            fault("standard-webhooks", seed),
            Some(KeyFault::PrivateHalf)
        );
        let scheme = Scheme::find("standard-webhooks").unwrap();
        assert!(Key::signing(scheme, &Secret::new(seed.as_bytes().to_vec())).is_ok());
    }

    #[test]
    fn a_public_key_never_becomes_an_hmac_secret() {
        let scheme = Scheme::find("standard-webhooks").unwrap();
        let pair = ed25519::SigningKey::from_seed([7; 32]).unwrap();
        let public = pair.verifying_bytes();
        let text = format!("whpk_{}", encode::base64(&public));
        let key = Key::verifying(scheme, &Secret::new(text.into_bytes())).unwrap();
        assert!(matches!(key.material, Material::Public(_)));
        assert_eq!(scheme.way[key.way].mac, Mac::Ed25519);
    }

    #[test]
    fn a_minted_secret_decodes_and_none_is_shown() {
        for scheme in Scheme::built_in() {
            let secret = scheme.mint_secret(&CountingRng::from_seed(3)).unwrap();
            let key = Key::minted(scheme, &secret).unwrap();
            assert!(Key::signing(scheme, &secret).is_ok(), "{}", scheme.name);
            assert_eq!(format!("{key:?}"), "Key(..)");
            let configured = scheme.mint_verifying(&CountingRng::from_seed(3)).unwrap();
            let configured = Key::verifying(scheme, &configured).unwrap();
            assert_eq!(configured.way, key.way, "{}", scheme.name);
        }
    }
}
