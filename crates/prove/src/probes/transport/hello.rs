//! The first message of a TLS handshake, and what comes back.
//!
//! Owns just enough of RFC 5246 and RFC 8446 to offer a version and ciphers, and to tell a server's hello
//! from its refusal. Nothing is ever agreed on: the connection is closed behind the first record.

use control::{Target, probe::TargetError, rng};

use crate::target::dial::host_of;

/// What a client offers.
pub(super) struct Offer {
    /// What it is called in a report.
    pub(super) name: &'static str,
    /// The record that is sent.
    pub(super) bytes: Vec<u8>,
}

/// What a server says to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It agrees.
    Hello,
    /// It refuses, with this description (RFC 8446, section 6).
    Alert(u8),
    /// Something else, or nothing.
    Nothing,
}

const TLS10: [u8; 2] = [3, 1];
const TLS11: [u8; 2] = [3, 2];
const TLS12: [u8; 2] = [3, 3];

/// Strong ciphers of TLS 1.2: ECDHE with AES-GCM or ChaCha20-Poly1305.
const STRONG: &[u16] = &[0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9];

/// The ciphers of TLS 1.3.
const NEWEST: &[u16] = &[0x1301, 0x1302, 0x1303];

/// What servers of old agreed on.
const OF_OLD: &[u16] = &[0xc013, 0xc014, 0xc009, 0xc00a, 0x002f, 0x0035, 0x000a];

/// Kinds of ciphers that protect nothing, or too little (RFC 9325, section 4).
const WEAK: &[(&str, &[u16])] = &[
    (
        "ciphers without a key (NULL)",
        &[0x0001, 0x0002, 0x003b, 0xc010],
    ),
    (
        "ciphers without a certificate (anonymous)",
        &[0x0034, 0x003a, 0x006c, 0xc018],
    ),
    ("ciphers with RC4 or MD5", &[0x0004, 0x0005, 0xc011]),
    ("ciphers for export", &[0x0003, 0x0006, 0x0014]),
    ("ciphers with DES", &[0x0009, 0x000a, 0xc012]),
    (
        "ciphers without forward secrecy",
        &[0x002f, 0x0035, 0x009c, 0x009d],
    ),
    (
        "ciphers that chain blocks",
        &[0xc013, 0xc014, 0xc027, 0xc028],
    ),
];

impl Offer {
    /// One that every server of today takes: TLS 1.3, and 1.2 with strong ciphers.
    pub(super) fn modern(at: &dyn Target) -> Result<Self, TargetError> {
        let suites = [NEWEST, STRONG].concat();
        Self::make(at, "TLS of today", TLS12, &suites, true)
    }

    /// TLS 1.2 with strong ciphers and nothing newer.
    pub(super) fn tls12(at: &dyn Target) -> Result<Self, TargetError> {
        Self::make(at, "TLS 1.2", TLS12, STRONG, false)
    }

    /// Versions that must no longer be spoken (RFC 8996).
    pub(super) fn old(at: &dyn Target) -> Result<Vec<Self>, TargetError> {
        let of = |(name, version)| Self::make(at, name, version, OF_OLD, false);
        [("TLS 1.0", TLS10), ("TLS 1.1", TLS11)]
            .into_iter()
            .map(of)
            .collect()
    }

    /// TLS 1.2 with each kind of weak ciphers alone.
    pub(super) fn weak(at: &dyn Target) -> Result<Vec<Self>, TargetError> {
        let of =
            |(name, suites): &(&'static str, &[u16])| Self::make(at, name, TLS12, suites, false);
        WEAK.iter().map(of).collect()
    }

    fn make(
        at: &dyn Target,
        name: &'static str,
        version: [u8; 2],
        suites: &[u16],
        newest: bool,
    ) -> Result<Self, TargetError> {
        let random: [u8; 32] =
            rng::array(at.rng()).map_err(|fault| TargetError::new("make an offer", fault))?;
        let mut body = version.to_vec();
        body.extend_from_slice(&random);
        body.push(0);
        let suites: Vec<u8> = suites
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect();
        body.extend(prefixed(&suites));
        body.extend_from_slice(&[1, 0]);
        body.extend(prefixed(&extensions(
            &at.facts().public_host,
            &random,
            newest,
        )));
        let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
        let message = [&[1][..], length.get(1..).unwrap_or_default(), &body].concat();
        let bytes = [&[22, 3, 1][..], &prefixed(&message)].concat();
        Ok(Self { name, bytes })
    }
}

/// `bytes` behind their length in two bytes.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// What a hello says beside versions and ciphers (RFC 8446, section 4.2): the name, groups, points and
/// signatures, and for TLS 1.3 versions and half of a key. Any 32 bytes are half of one for X25519.
fn extensions(host: &str, random: &[u8; 32], newest: bool) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u16, bytes: &[u8]| {
        all.extend_from_slice(&kind.to_be_bytes());
        all.extend(prefixed(bytes));
    };
    let name = host_of(host);
    if name.parse::<std::net::IpAddr>().is_err() {
        let name = [&[0][..], &prefixed(name.as_bytes())].concat();
        add(0, &prefixed(&name));
    }
    add(10, &prefixed(&[0, 29, 0, 23, 0, 24]));
    add(11, &[1, 0]);
    let signatures = [
        4, 3, 5, 3, 8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1, 2, 1, 2, 3, 8, 7,
    ];
    add(13, &prefixed(&signatures));
    if newest {
        add(43, &[4, 3, 4, 3, 3]);
        let share = [&[0, 29][..], &prefixed(random)].concat();
        add(51, &prefixed(&share));
    }
    all
}

impl Said {
    /// Reads the first record that came back.
    pub(super) fn read(bytes: &[u8]) -> Self {
        match bytes {
            [22, 3, _, _, _, 2, ..] => Self::Hello,
            [21, 3, _, 0, 2, _, description, ..] => Self::Alert(*description),
            _ => Self::Nothing,
        }
    }

    pub(super) fn is_hello(self) -> bool {
        self == Self::Hello
    }

    /// For a report.
    pub(super) fn told(self) -> String {
        match self {
            Self::Hello => "agreed on".to_owned(),
            Self::Alert(70) => "refused: protocol version".to_owned(),
            Self::Alert(40) => "refused: handshake failure".to_owned(),
            Self::Alert(description) => format!("refused with alert {description}"),
            Self::Nothing => "no answer of TLS".to_owned(),
        }
    }
}
