//! The claims of a token (RFC 7519 section 4.1).
//!
//! Owns their types and bounds. Refuses a claim that stands twice, a number that is no moment and a
//! list without end; keeps the members it does not know, for rules that name them.

use std::fmt;

use control::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::Value;

/// Most members of a token's claims.
const MEMBERS_LIMIT: usize = 100;

/// Most values of a claim that is a list.
const VALUES_LIMIT: usize = 200;

/// Longest subject, issuer, audience or token id, in bytes.
const TEXT_LIMIT: usize = 1024;

/// Latest moment that is one, in seconds: the end of the year 9999.
const LATEST: i64 = 253_402_300_799;

/// What a token says. Nothing in it is believed by being read.
#[derive(Clone, PartialEq)]
pub struct Claims {
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) audience: Vec<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) issued: Option<Timestamp>,
    pub(super) id: Option<String>,
    /// Every other member.
    rest: Vec<(String, Value)>,
}

impl Claims {
    /// Reads the payload of a token; none where it is not a JSON object of this form.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// Whom it speaks of.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Whom it is for.
    pub(crate) fn audience(&self) -> &[String] {
        &self.audience
    }

    /// When it was issued.
    pub(crate) const fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// Its own id.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// A member that is not one of the registered claims. A dot in `name` leads into an object where
    /// no member has the whole name, so that `realm_access.roles` finds its list.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let member = |name: &str| self.rest.iter().find(|(key, _)| key == name);
        if let Some((_, value)) = member(name) {
            return Some(value);
        }
        let (first, path) = name.split_once('.')?;
        let (_, value) = member(first)?;
        path.split('.').try_fold(value, |value, key| value.get(key))
    }

    /// The texts of a member: a list of them, or a single one. Others are left out.
    pub fn texts<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c str> {
        let (list, single) = match self.get(name) {
            Some(Value::Array(list)) => (list.as_slice(), None),
            Some(Value::String(text)) => (&[][..], Some(text.as_str())),
            _ => (&[][..], None),
        };
        let listed = list.iter().take(VALUES_LIMIT).filter_map(Value::as_str);
        listed.chain(single)
    }
}

impl fmt::Debug for Claims {
    /// Says nothing: claims are about a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(..)")
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of a token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims = Claims {
            issuer: None,
            subject: None,
            audience: Vec::new(),
            expires: None,
            not_before: None,
            issued: None,
            id: None,
            rest: Vec::new(),
        };
        let mut seen: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.len() == MEMBERS_LIMIT || seen.contains(&name) {
                return Err(A::Error::custom("too many claims, or one twice"));
            }
            match name.as_str() {
                "iss" => claims.issuer = Some(map.next_value::<Text>()?.0),
                "sub" => claims.subject = Some(map.next_value::<Text>()?.0),
                "jti" => claims.id = Some(map.next_value::<Text>()?.0),
                "aud" => claims.audience = map.next_value::<Audience>()?.0,
                "exp" => claims.expires = Some(map.next_value::<Moment>()?.0),
                "nbf" => claims.not_before = Some(map.next_value::<Moment>()?.0),
                "iat" => claims.issued = Some(map.next_value::<Moment>()?.0),
                _ => claims.rest.push((name.clone(), map.next_value()?)),
            }
            seen.push(name);
        }
        Ok(claims)
    }
}

/// A text that is neither empty nor too long and shows as what it is.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fits = (1..=TEXT_LIMIT).contains(&text.len());
        if !fits || text.chars().any(char::is_control) {
            return Err(D::Error::custom("not a text of a claim"));
        }
        Ok(Self(text))
    }
}

/// One audience or a list of them.
struct Audience(Vec<String>);

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(Text),
            Many(Vec<Text>),
        }
        let all = match Form::deserialize(deserializer)? {
            Form::One(one) => vec![one.0],
            Form::Many(many) => many.into_iter().map(|text| text.0).collect(),
        };
        if all.len() > VALUES_LIMIT {
            return Err(D::Error::custom("too many audiences"));
        }
        Ok(Self(all))
    }
}

/// Seconds since 1970, with a fraction that is cut (RFC 7519 section 2, NumericDate).
struct Moment(Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let seconds = number.as_i64().or_else(|| {
            let text = number.to_string();
            let (whole, fraction) = text.split_once('.')?;
            let plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| whole.parse().ok()).flatten()
        });
        seconds
            .filter(|seconds| (0..=LATEST).contains(seconds))
            .map(|seconds| Self(Timestamp::from_seconds(seconds)))
            .ok_or_else(|| D::Error::custom("not a moment"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Claims> {
        Claims::read(text.as_bytes())
    }

    #[test]
    fn registered_claims_have_their_types() {
        let claims = read(
            r#"{"iss":"https://a.test","sub":"u1","aud":["x","y"],"exp":1800000000,
                "nbf":1799999000.75,"iat":1799999000,"jti":"t1","hd":"a.test"}"#,
        )
        .unwrap();
        assert_eq!(claims.issuer.as_deref(), Some("https://a.test"));
        assert_eq!(claims.subject.as_deref(), Some("u1"));
        assert_eq!(claims.audience, ["x", "y"]);
        assert_eq!(claims.expires, Some(Timestamp::from_seconds(1_800_000_000)));
        assert_eq!(
            claims.not_before,
            Some(Timestamp::from_seconds(1_799_999_000))
        );
        assert_eq!(claims.id.as_deref(), Some("t1"));
        assert_eq!(claims.texts("hd").collect::<Vec<_>>(), ["a.test"]);
        assert_eq!(read(r#"{"aud":"x"}"#).unwrap().audience, ["x"]);
    }

    #[test]
    fn claims_of_another_form_are_none() {
        let wide: Vec<String> = (0..=MEMBERS_LIMIT)
            .map(|n| format!(r#""c{n}":1"#))
            .collect();
        let audiences = vec![r#""a""#; VALUES_LIMIT + 1].join(",");
        for text in [
            String::new(),
            "[]".into(),
            "null".into(),
            r#"{"sub":"a","sub":"b"}"#.into(),
            r#"{"x":1,"x":2}"#.into(),
            r#"{"sub":7}"#.into(),
            r#"{"sub":""}"#.into(),
            r#"{"sub":null}"#.into(),
            "{\"sub\":\"a\\nb\"}".into(),
            format!(r#"{{"sub":"{}"}}"#, "a".repeat(TEXT_LIMIT + 1)),
            r#"{"aud":{"a":1}}"#.into(),
            r#"{"aud":[1]}"#.into(),
            format!(r#"{{"aud":[{audiences}]}}"#),
            r#"{"exp":"1800000000"}"#.into(),
            r#"{"exp":-1}"#.into(),
            r#"{"exp":1e400}"#.into(),
            r#"{"exp":253402300800}"#.into(),
            r#"{"exp":18446744073709551615}"#.into(),
            r#"{"exp":null}"#.into(),
            format!("{{{}}}", wide.join(",")),
            format!(r#"{{"x":{}{}}}"#, "[".repeat(500), "]".repeat(500)),
            r#"{"sub":"a"} "#.to_owned() + "{}",
        ] {
            assert!(read(&text).is_none(), "{text:.60}");
        }
    }

    #[test]
    fn a_path_leads_into_objects_and_a_whole_name_goes_before_it() {
        let claims = read(
            r#"{"realm_access":{"roles":["mentor",7,"lead"]},"https://a.test/roles":["x"],
                "a":{"b":"path"},"a.b":"name"}"#,
        )
        .unwrap();
        let texts = |name: &str| claims.texts(name).collect::<Vec<_>>();
        assert_eq!(texts("realm_access.roles"), ["mentor", "lead"]);
        assert_eq!(texts("https://a.test/roles"), ["x"]);
        assert_eq!(texts("a.b"), ["name"]);
        assert!(texts("a").is_empty());
        assert!(texts("realm_access.nothing").is_empty());
    }

    #[test]
    fn nothing_of_a_person_is_shown() {
        let claims = read(r#"{"sub":"j.smith@a.test"}"#).unwrap();
        assert_eq!(format!("{claims:?}"), "Claims(..)");
    }
}
