//! The boundary parameter of a request's Content-Type.
//!
//! Owns its grammar (RFC 2046 section 5.1.1, parameters as in RFC 9110 section 5.6.6). A boundary
//! that needs quotes must have them, because readers end an unquoted one at different bytes.

use crate::refusal::UploadRefusal;

/// 1 to 70 bytes that divide parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary(Vec<u8>);

impl Boundary {
    /// Reads the Content-Type of a request; `None` when it is not multipart/form-data.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Boundary`] when the boundary is missing, doubled or malformed, or beside
    /// another parameter than `charset=utf-8`.
    pub fn of_content_type(value: &[u8]) -> Result<Option<Self>, UploadRefusal> {
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default();
        if !essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"multipart/form-data")
        {
            return Ok(None);
        }
        let mut rest = value.get(essence.len()..).unwrap_or_default();
        let mut boundary = None;
        while let Some(parameter) = rest.strip_prefix(b";") {
            let (name, text, behind) = parameter_of(parameter).ok_or(UploadRefusal::Boundary)?;
            rest = behind;
            if name.eq_ignore_ascii_case(b"boundary") {
                if boundary.replace(Self::read(text)?).is_some() {
                    return Err(UploadRefusal::Boundary);
                }
            } else if !name.eq_ignore_ascii_case(b"charset") || !text.eq_ignore_ascii_case(b"utf-8")
            {
                return Err(UploadRefusal::Boundary);
            }
        }
        if !rest.is_empty() {
            return Err(UploadRefusal::Boundary);
        }
        boundary.map(Some).ok_or(UploadRefusal::Boundary)
    }

    /// Reads the bytes of a boundary.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Boundary`].
    pub fn read(bytes: &[u8]) -> Result<Self, UploadRefusal> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
        let fits = (1..=70).contains(&bytes.len())
            && bytes.iter().all(allowed)
            && bytes.last() != Some(&b' ');
        if fits {
            Ok(Self(bytes.to_vec()))
        } else {
            Err(UploadRefusal::Boundary)
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One `name=value` behind a semicolon: name, value without quotes, and what follows. A backslash
/// within quotes is refused: readers differ over what it escapes.
pub(super) fn parameter_of(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let bytes = skip_spaces(bytes);
    let equals = memchr::memchr(b'=', bytes)?;
    let (name, value) = bytes.split_at_checked(equals)?;
    let value = value.get(1..)?;
    if !is_token(name) {
        return None;
    }
    if let Some(quoted) = value.strip_prefix(b"\"") {
        let end = memchr::memchr(b'"', quoted)?;
        let text = quoted.get(..end)?;
        let behind = skip_spaces(quoted.get(end + 1..)?);
        return (!text.contains(&b'\\')).then_some((name, text, behind));
    }
    let end = value
        .iter()
        .position(|byte| matches!(byte, b';' | b' ' | b'\t'));
    let (text, behind) = value.split_at_checked(end.unwrap_or(value.len()))?;
    is_token(text).then_some((name, text, skip_spaces(behind)))
}

pub(super) fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    bytes.get(spaces..).unwrap_or_default()
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_of_browsers_and_tools_are_read() {
        for (value, boundary) in [
            (
                "multipart/form-data; boundary=----WebKitFormBoundaryabc",
                "----WebKitFormBoundaryabc",
            ),
            ("Multipart/Form-Data;boundary=x", "x"),
            ("multipart/form-data; boundary=\"a b=c\"", "a b=c"),
            ("multipart/form-data; charset=UTF-8; boundary=x", "x"),
        ] {
            let read = Boundary::of_content_type(value.as_bytes())
                .unwrap()
                .unwrap();
            assert_eq!(read.as_bytes(), boundary.as_bytes());
        }
        assert_eq!(Boundary::of_content_type(b"text/csv"), Ok(None));
        assert!(Boundary::read(&[b'a'; 70]).is_ok());
    }

    #[test]
    fn doubtful_boundaries_are_refused() {
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for value in [
            "multipart/form-data",
            "multipart/form-data;",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=a=b",
            "multipart/form-data; boundary=\"a",
            "multipart/form-data; boundary=\"a \"",
            "multipart/form-data; boundary=\"a\\b\"",
            "multipart/form-data; boundary=a; boundary=a",
            "multipart/form-data; boundary=a b",
            "multipart/form-data; boundary=a, text/plain",
            "multipart/form-data; boundary*=a",
            "multipart/form-data; x=y; boundary=a",
            long.as_str(),
        ] {
            let refused = Boundary::of_content_type(value.as_bytes());
            assert_eq!(refused, Err(UploadRefusal::Boundary), "{value}");
        }
    }
}
