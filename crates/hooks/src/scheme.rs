//! What a provider's scheme says, as data.
//!
//! Owns the types a scheme file is read into and the list of built-in schemes. Refuses nothing by
//! itself: [`crate::load`] does, before a scheme can exist. Trusts the files compiled into this
//! build only as far as the lint lets it.
//!
//! A provider is added by a file under `schemes/`, its line in `load`, and a case in
//! `tests/vectors.rs` that somebody else made.

mod place;

use std::{collections::BTreeMap, sync::LazyLock};

use control::Secret;
use serde::Deserialize;

pub use self::place::{Atom, Param, Place};
use crate::{handshake::Handshake, load, token::TokenRule};

/// One provider's way of signing deliveries.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scheme {
    /// Name in the configuration, such as `twilio`.
    pub name: String,
    /// Who signs this way, for people.
    pub provider: String,
    /// The provider's own description.
    pub documentation: String,
    /// Where the vector comes from that this build is checked against and did not produce.
    #[serde(default)]
    pub vector: Option<String>,
    /// Whether no such vector is known.
    #[serde(default)]
    pub experimental: bool,
    /// Why a broken hash is accepted; `provider offers nothing else` is the one accepted reason.
    #[serde(default)]
    pub legacy: Option<String>,
    /// How much of a delivery the signature covers.
    pub integrity: Integrity,
    /// What to do at the provider, one or two sentences.
    #[serde(default)]
    pub setup: Option<String>,
    /// What an operator should know beyond that, one or two sentences.
    #[serde(default)]
    pub caution: Option<String>,
    /// Where the signature stands.
    pub signature: SignatureRule,
    /// The ways of signing; a signature is tried with every key of a way whose version it carries.
    pub way: Vec<Way>,
    /// What is signed; the first whose facts hold is the only one tried.
    pub variant: Vec<Variant>,
    /// What the claims of a token say, where the signature is one.
    #[serde(default)]
    pub token: Option<TokenRule>,
    /// How old a delivery may be; absent where nothing signed says when it was sent.
    #[serde(default)]
    pub freshness: Option<Freshness>,
    /// What makes two deliveries the same.
    pub dedupe: Dedupe,
    /// What the provider expects as acknowledgement.
    pub ack: Ack,
    /// What the provider asks of an endpoint, beside delivering to it.
    #[serde(default)]
    pub handshake: Vec<Handshake>,
    /// Names that the operator chose at the provider, by what they are for.
    #[serde(default)]
    pub option: BTreeMap<String, OptionRule>,
}

/// Something an operator may choose at the provider, such as the name of a header.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptionRule {
    /// What it is, for people.
    pub about: String,
    /// What it is when nothing is said: the name of a header.
    pub default: String,
}

/// How much of a delivery a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Integrity {
    /// The received bytes of the body.
    Body,
    /// The decoded parameters of a form and the public URL; a JSON body by its digest.
    Parameters,
    /// Nothing of the body: authenticity without integrity.
    None,
}

impl Integrity {
    /// The words a listing and a report print.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Body => "body bytes",
            Self::Parameters => "URL and parameters",
            Self::None => "authenticity without integrity",
        }
    }
}

/// Where the signature stands and how its value is split.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignatureRule {
    /// The place.
    pub from: Place,
    /// Further places that may hold one, such as the header of a second key: any of them counts.
    #[serde(default)]
    pub also: Vec<Place>,
    /// What separates several signatures; absent where there is exactly one.
    #[serde(default)]
    pub separator: Option<char>,
    /// What separates a version from its value; absent where there are no versions.
    #[serde(default)]
    pub version_separator: Option<char>,
}

/// One way of signing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Way {
    /// The version a signature of this way carries, where there are versions.
    #[serde(default)]
    pub version: Option<String>,
    /// The algorithm.
    pub mac: Mac,
    /// Text in front of the encoded signature, such as `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// How the signature is written.
    pub encoding: Encoding,
    /// How a secret of this way is read.
    pub key: KeyRule,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mac {
    /// HMAC with SHA-1; only where a scheme declares `legacy`.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, written as DER (RFC 3279 section 2.2.3).
    EcdsaP256,
    /// A token in JWS compact form, signed with HMAC and SHA-256; its claims are the scheme's `token`.
    TokenHs256,
    /// The secret itself; covers nothing.
    Static,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64 with the standard alphabet and padding.
    Base64,
    /// Base64 with the alphabet for URLs, without padding.
    Base64Url,
    /// The bytes of the text themselves.
    Utf8,
}

/// How a secret is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyRule {
    /// How it is written.
    pub encoding: Encoding,
    /// Text in front of it, such as `whsec_`.
    #[serde(default)]
    pub prefix: String,
    /// Whether a secret without that text is of this way too.
    #[serde(default)]
    pub bare: bool,
    /// For key pairs: the text in front of the private half, which signs and never verifies.
    #[serde(default)]
    pub private_prefix: Option<String>,
    /// Fewest and most bytes after decoding.
    pub bytes: [usize; 2],
}

/// One shape of delivery.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Variant {
    /// Its name, for people.
    pub name: String,
    /// Query parameters that make a delivery of this shape by standing in the signed URL.
    #[serde(default)]
    pub with_query: Vec<String>,
    /// Query parameters that keep a delivery from being of this shape.
    #[serde(default)]
    pub without_query: Vec<String>,
    /// Methods it comes with; empty means any.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The one media type it comes with, without parameters; absent means any.
    #[serde(default)]
    pub content_type: Option<String>,
    /// A digest of the body that stands in a signed place.
    #[serde(default)]
    pub body_digest: Option<BodyDigest>,
    /// What is signed, in order.
    pub message: Vec<Atom>,
}

/// A digest of the body in a signed place of the request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BodyDigest {
    /// Where it stands.
    pub from: Place,
    /// How the SHA-256 is written there.
    pub encoding: Encoding,
}

/// How old a delivery may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Freshness {
    /// The signed place that says when it was sent.
    pub from: Place,
    /// How the time is written.
    pub unit: Unit,
    /// Seconds it may lie in the past.
    pub past: u32,
    /// Seconds it may lie in the future.
    pub future: u32,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds since 1970, decimal.
    Seconds,
    /// Milliseconds since 1970, decimal.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
    /// RFC 3339 without a zone, in UTC.
    Rfc3339NoZone,
}

/// What makes two deliveries the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dedupe {
    /// Atoms of the signed message; empty means the whole signed message.
    #[serde(default)]
    pub by: Vec<Atom>,
    /// Seconds a done delivery is remembered; absent means twice the tolerance, or as long as the
    /// secret where there is no timestamp.
    #[serde(default)]
    pub retain: Option<u32>,
}

/// The acknowledgement a provider expects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ack {
    /// Status, 200 to 299.
    pub status: u16,
    /// Media type of the body; absent where there is none.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// Status of a refusal, where the provider asks for another than 403.
    #[serde(default)]
    pub refused: Option<u16>,
    /// Seconds within which the provider wants an answer, where it says so.
    #[serde(default)]
    pub deadline: Option<u32>,
}

static BUILT_IN: LazyLock<Result<Vec<Scheme>, load::SchemeFault>> =
    LazyLock::new(load::read_built_in);

impl Scheme {
    /// Every scheme this build carries, in the order they are listed.
    #[must_use]
    pub fn built_in() -> &'static [Self] {
        // A file that does not read is a fault of the build, which a test of this crate refuses;
        // with no scheme at all every webhook route is then refused at load.
        BUILT_IN.as_deref().unwrap_or_default()
    }

    /// The built-in scheme called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::built_in().iter().find(|scheme| scheme.name == name)
    }

    /// Seconds that a delivery may lie in the past and in the future; `None` where nothing signed says
    /// when it was sent.
    #[must_use]
    pub fn tolerance(&self) -> Option<(u32, u32)> {
        let time = self.token.as_ref().and_then(|token| token.time.as_ref());
        let of_token = time.map(|time| (time.past, time.future));
        let signed = self.freshness.as_ref().map(|it| (it.past, it.future));
        signed.or(of_token)
    }

    /// Whether the URL is signed in every shape of delivery.
    #[must_use]
    pub fn signs_url(&self) -> bool {
        let urls = |variant: &Variant| variant.message.contains(&Atom::Url);
        let of_token = self.token.as_ref().is_some_and(|it| it.url.is_some());
        of_token || self.variant.iter().all(urls)
    }

    /// Whether the provider shows a token of the operator's when it asks something.
    #[must_use]
    pub fn takes_token(&self) -> bool {
        self.handshake.iter().any(|it| it.token.is_some())
    }

    /// Methods that deliveries and questions come with.
    #[must_use]
    pub fn methods(&self) -> Vec<&str> {
        let delivered = self.variant.iter().flat_map(|variant| &variant.methods);
        let asked = self.handshake.iter().map(|it| &it.method);
        let mut methods: Vec<&str> = delivered.chain(asked).map(String::as_str).collect();
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// A fresh secret that a configuration may hold, which verifies and, of a pair, does not sign.
    pub fn mint_verifying(
        &self,
        rng: &dyn control::Rng,
    ) -> Result<Secret, control::rng::NoRandomness> {
        crate::key::mint_verifying(self, rng)
    }

    /// A fresh secret in the form this scheme's secrets have, such as `whsec_…`.
    pub fn mint_secret(
        &self,
        rng: &dyn control::Rng,
    ) -> Result<Secret, control::rng::NoRandomness> {
        crate::key::mint(self, rng)
    }
}
