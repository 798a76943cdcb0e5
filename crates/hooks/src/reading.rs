//! What stands at a place of a delivery.
//!
//! Owns the reading of header parameters and of single values of a JSON body. Refuses a parameter or
//! a key that stands twice where one is looked for: two parsers would each take another. Builds no
//! tree of a body; trusts the caller to have bounded its size.

use std::{borrow::Cow, fmt};

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use crate::{
    delivery::Delivery,
    form,
    refusal::SignatureRefusal,
    scheme::{Param, Place},
};

/// The most parameters of one header that are looked at.
const MAX_PARAMS: usize = 32;

/// The value at `place`; `None` where nothing stands there.
pub(crate) fn value<'a>(
    delivery: &Delivery<'a>,
    place: &Place,
) -> Result<Option<Cow<'a, [u8]>>, SignatureRefusal> {
    match place {
        Place::Header(name) => Ok(delivery.header(name)?.map(Cow::Borrowed)),
        Place::Query(name) => form::query(delivery.target, name),
        Place::Param(param) => Ok(parameter(delivery, param)?.map(Cow::Borrowed)),
        Place::Json(pointer) => Ok(json(delivery.body, pointer)?.map(Cow::Owned)),
    }
}

/// The value of one header parameter.
fn parameter<'a>(
    delivery: &Delivery<'a>,
    param: &Param,
) -> Result<Option<&'a [u8]>, SignatureRefusal> {
    let Some(header) = delivery.header(&param.header)? else {
        return Ok(None);
    };
    let mut found = None;
    let entries = header.split(|byte| u32::from(*byte) == u32::from(param.separator));
    for (at, entry) in entries.enumerate() {
        if at == MAX_PARAMS {
            return Err(SignatureRefusal::TooMany);
        }
        let Some((name, value)) = form::split_once(entry.trim_ascii(), b'=') else {
            continue;
        };
        if name.trim_ascii() != param.name.as_bytes() {
            continue;
        }
        if found.replace(value.trim_ascii()).is_some() {
            return Err(SignatureRefusal::Malformed);
        }
    }
    Ok(found)
}

/// The text of the value at `pointer` in a JSON body: a string as it is meant, a whole number in
/// decimal, a truth value by its name. `None` where it is missing or null.
pub(crate) fn json(body: &[u8], pointer: &str) -> Result<Option<Vec<u8>>, SignatureRefusal> {
    let segments: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut reader = serde_json::Deserializer::from_slice(body);
    let found = At(&segments).deserialize(&mut reader);
    let whole = found.and_then(|found| reader.end().map(|()| found));
    whole
        .map(|found| found.map(String::into_bytes))
        .map_err(|_| SignatureRefusal::Malformed)
}

/// Whether `pointer` is one that a scheme may name.
pub(crate) fn is_pointer(pointer: &str) -> bool {
    let well_escaped = pointer
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    pointer.len() > 1 && pointer.starts_with('/') && well_escaped && pointer.split('/').count() <= 9
}

/// Looks for the value behind these segments.
struct At<'s>(&'s [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that is not a list, an object or a fraction")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.0.is_empty().then(|| value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.0.is_empty().then(|| value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.0.is_empty().then(|| value.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        // A fraction has more than one text, and which one was signed is not known.
        if self.0.is_empty() {
            Err(E::custom("a fraction"))
        } else {
            Ok(None)
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self.0.is_empty().then(|| value.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((wanted, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("an object where a value is wanted"));
        };
        let (mut found, mut met) = (None, false);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key != wanted.as_str() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut met, true) {
                return Err(A::Error::custom("a key that stands twice"));
            }
            found = map.next_value_seed(At(rest))?;
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Some((wanted, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("a list where a value is wanted"));
        };
        let wanted: Option<usize> = wanted.parse().ok();
        let mut found = None;
        for at in 0_usize.. {
            if Some(at) == wanted {
                match seq.next_element_seed(At(rest))? {
                    Some(value) => found = value,
                    None => break,
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str, pointer: &str) -> Result<Option<String>, SignatureRefusal> {
        json(body.as_bytes(), pointer).map(|found| found.map(|b| String::from_utf8(b).unwrap()))
    }

    #[test]
    fn a_value_of_a_body_is_found_by_its_pointer() {
        let body =
            r#"{"a":{"b/c":["x",{"~":-7}],"t":1700000000123,"y":true,"n":null},"é":"\u00e9"}"#;
        for (pointer, expected) in [
            ("/a/b~1c/0", Some("x")),
            ("/a/b~1c/1/~0", Some("-7")),
            ("/a/t", Some("1700000000123")),
            ("/a/y", Some("true")),
            ("/a/n", None),
            ("/a/n/x", None),
            ("/a/b~1c/2", None),
            ("/a/b~1c/x", None),
            ("/é", Some("é")),
            ("/none", None),
        ] {
            assert_eq!(
                text(body, pointer).unwrap().as_deref(),
                expected,
                "{pointer}"
            );
        }
    }

    #[test]
    fn what_two_parsers_read_differently_is_refused() {
        for (body, pointer) in [
            (r#"{"a":1,"a":2}"#, "/a"),
            (r#"{"a":1,"\u0061":2}"#, "/a"),
            (r#"{"a":1.5}"#, "/a"),
            (r#"{"a":{}}"#, "/a"),
            (r#"{"a":[1]}"#, "/a"),
            (r#"{"a":1} {}"#, "/a"),
            (r#"{"a":1,}"#, "/a"),
            ("", "/a"),
            ("{\"a\":\"\u{1}\"}", "/a"),
        ] {
            assert_eq!(
                text(body, pointer),
                Err(SignatureRefusal::Malformed),
                "{body}"
            );
        }
        // A key elsewhere is the app's business.
        assert_eq!(
            text(r#"{"b":1,"b":2,"a":"x"}"#, "/a"),
            Ok(Some("x".to_owned()))
        );
    }

    #[test]
    fn a_parameter_stands_once() {
        let read = |value: &[u8]| {
            let headers: &[(&[u8], &[u8])] = &[(b"x-sig", value)];
            let delivery = Delivery {
                method: "POST",
                public_url: "https://a.example",
                target: b"/",
                headers,
                body: b"",
                now: control::Timestamp::default(),
            };
            let param = Param {
                header: "X-Sig".to_owned(),
                name: "t".to_owned(),
                separator: ',',
            };
            parameter(&delivery, &param).map(|found| found.map(<[u8]>::to_vec))
        };
        assert_eq!(read(b"t=12,v1=ab"), Ok(Some(b"12".to_vec())));
        assert_eq!(read(b"v1=ab=, t = 12 "), Ok(Some(b"12".to_vec())));
        assert_eq!(read(b"v1=ab,T=12"), Ok(None));
        assert_eq!(read(b"t=1,t=1"), Err(SignatureRefusal::Malformed));
        let many = vec!["a=1"; 40].join(",");
        assert_eq!(read(many.as_bytes()), Err(SignatureRefusal::TooMany));
    }
}
