//! What a provider writes into the body it signs.
//!
//! Owns the placing of a time, an id or a signature in a JSON body. Leaves what is there already.

use serde_json::{Map, Value};

/// `body` with `text` at `pointer`, which is made where it is not there; `None` where the body is no
/// JSON that could hold it. A time is a number, as providers write it.
pub(super) fn put(body: &[u8], pointer: &str, text: &str) -> Option<Vec<u8>> {
    let mut whole: Value = serde_json::from_slice(body).ok()?;
    let number = text.parse::<i64>().ok().map(Value::from);
    let mut place = &mut whole;
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = match name.as_str() {
                "0" => Value::Array(Vec::new()),
                _ => Value::Object(Map::new()),
            };
        }
        place = match place {
            Value::Object(object) => object.entry(name).or_insert(Value::Null),
            Value::Array(list) => {
                let at: usize = name.parse().ok()?;
                if at == list.len() {
                    list.push(Value::Null);
                }
                list.get_mut(at)?
            }
            _ => return None,
        };
    }
    *place = number.unwrap_or_else(|| Value::from(text));
    serde_json::to_vec(&whole).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_where_its_pointer_says() {
        let put = |body: &str, pointer: &str, text: &str| {
            put(body.as_bytes(), pointer, text).map(|body| String::from_utf8(body).unwrap())
        };
        assert_eq!(
            put("{}", "/a/b", "x").as_deref(),
            Some(r#"{"a":{"b":"x"}}"#)
        );
        assert_eq!(
            put("{}", "/a/0/b", "7").as_deref(),
            Some(r#"{"a":[{"b":7}]}"#)
        );
        assert_eq!(
            put(r#"{"a":1}"#, "/b", "x").as_deref(),
            Some(r#"{"a":1,"b":"x"}"#)
        );
        for (body, pointer) in [
            ("[]", "/a"),
            ("1", "/a"),
            ("a=1", "/a"),
            (r#"{"a":1}"#, "/a/b"),
        ] {
            assert_eq!(put(body, pointer, "x"), None, "{body}");
        }
    }
}
