//! HKDF with SHA-256 (RFC 5869): keys for separate purposes from one key.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// More was asked for than HKDF-SHA-256 can give: 255 times 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("HKDF-SHA-256 gives at most 8160 bytes")]
pub struct TooMuch;

/// Derives `N` bytes, at most 8160, from `secret` for the purpose `info`.
///
/// `salt` may be empty. Different `info` gives independent keys, so name the purpose and its
/// version there.
pub fn derive<const N: usize>(
    salt: &[u8],
    secret: &[u8],
    info: &[&[u8]],
) -> Result<Zeroizing<[u8; N]>, TooMuch> {
    let mut out = Zeroizing::new([0; N]);
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .and_then(|okm| okm.fill(out.as_mut_slice()))
        .map_err(|_| TooMuch)?;
    Ok(out)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{hex, unhex};

    /// RFC 5869 appendix A.1 to A.3.
    #[test]
    fn the_rfc_5869_vectors_hold() {
        let out = derive::<42>(
            &unhex("000102030405060708090a0b0c").unwrap(),
            &[0x0b; 22],
            &[&unhex("f0f1f2f3f4f5f6f7f8f9").unwrap()],
        );
        assert_eq!(
            hex(out.unwrap().as_slice()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );

        let range = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
        let out = derive::<82>(
            &range(0x60, 0xaf),
            &range(0x00, 0x4f),
            &[&range(0xb0, 0xff)],
        );
        assert_eq!(
            hex(out.unwrap().as_slice()),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb\
             41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        );

        let out = derive::<42>(b"", &[0x0b; 22], &[]);
        assert_eq!(
            hex(out.unwrap().as_slice()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    #[test]
    fn more_than_the_function_can_give_is_refused() {
        assert!(derive::<8160>(b"", b"secret", &[]).is_ok());
        assert_eq!(derive::<8161>(b"", b"secret", &[]), Err(TooMuch));
    }
}
