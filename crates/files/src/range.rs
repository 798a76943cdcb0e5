//! Parts of a file.
//!
//! Owns the reading of `Range` (RFC 9110, section 14). Refuses several parts at once, which cost more to
//! answer than they cost to ask: who asks for them gets the whole, as the standard allows.

/// A part of a file, both ends included; never beyond the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its first byte, from 0.
    pub first: u64,
    /// Its last byte.
    pub last: u64,
}

impl Part {
    /// Its bytes.
    #[must_use]
    pub const fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

/// No byte of the file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsatisfiable;

/// Reads `Range` for a file of `length` bytes; none where the field says nothing that counts.
#[must_use]
pub fn read(field: &[u8], length: u64) -> Option<Result<Part, Unsatisfiable>> {
    let text = std::str::from_utf8(field).ok()?;
    let (unit, set) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    let (first, last) = set.trim_matches([' ', '\t']).split_once('-')?;
    let part = match (first, last) {
        ("", suffix) => {
            let suffix = number(suffix)?.min(length);
            if suffix == 0 {
                return Some(Err(Unsatisfiable));
            }
            Part {
                first: length - suffix,
                last: length - 1,
            }
        }
        (first, "") => Part {
            first: number(first)?,
            last: length.saturating_sub(1),
        },
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            // An end before its beginning is no range at all (section 14.1.1).
            if last < first {
                return None;
            }
            Part {
                first,
                last: last.min(length.saturating_sub(1)),
            }
        }
    };
    Some(if part.first < length {
        Ok(part)
    } else {
        Err(Unsatisfiable)
    })
}

/// A number of digits alone; one that is beyond all files is as large as any.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_in_its_file() {
        let part = |first, last| Some(Ok(Part { first, last }));
        for (field, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-9", part(0, 9)),
            ("bytes=5-", part(5, 9)),
            ("bytes=5-99999999999999999999999", part(5, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-30", part(0, 9)),
            ("Bytes= 1-2 ", part(1, 2)),
            ("bytes=10-", Some(Err(Unsatisfiable))),
            ("bytes=10-11", Some(Err(Unsatisfiable))),
            ("bytes=-0", Some(Err(Unsatisfiable))),
            ("bytes=2-1", None),
            ("bytes=0-1,3-4", None),
            ("bytes=", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(read(field.as_bytes(), 10), expected, "{field}");
        }
        assert_eq!(read(b"bytes=0-", 0), Some(Err(Unsatisfiable)));
        assert_eq!(read(b"bytes=-1", 0), Some(Err(Unsatisfiable)));
        assert_eq!(part(2, 4).unwrap().unwrap().length(), 3);
    }
}
