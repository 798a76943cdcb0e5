//! Parameters that name files of an app.
//!
//! Owns `confine` of `[[route]]`: which parameters of a request an app takes for the name of a file, and
//! what kind of name each may be. Refuses two rules for one parameter, and a parameter without a name.

use config::{Fault, Table};

/// Most rules of a route.
const MOST: usize = 32;

/// A parameter that names a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Where it stands.
    pub place: Place,
    /// Whether it is one segment, and not a way down.
    pub plain: bool,
    /// Whether its segments may begin with a dot.
    pub hidden: bool,
}

/// Where a parameter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the query, under this name.
    Query(Box<str>),
    /// It is what follows the route in the path.
    Path,
}

impl Parameter {
    /// Reads every rule of a route.
    pub(super) fn read_all(route: &mut Table<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for mut table in route.tables("confine") {
            let Some(parameter) = Self::read(&mut table) else {
                continue;
            };
            if all.iter().any(|other| other.place == parameter.place) {
                table.fault(
                    Fault::new("confine.twice", "two rules speak of the same parameter")
                        .at(table.span())
                        .hint("remove one of them"),
                );
            }
            all.push(parameter);
        }
        if all.len() > MOST {
            route.fault(
                Fault::new(
                    "confine.too-many",
                    format!("a route confines at most {MOST} parameters"),
                )
                .at(route.span())
                .hint("give some of them a route of their own"),
            );
        }
        all
    }

    fn read(table: &mut Table<'_>) -> Option<Self> {
        let place = table.one_of("in", &["query", "path"], "query");
        let plain = table.one_of("kind", &["path", "name"], "path") == "name";
        let hidden = table.flag("hidden", false);
        let place = match place {
            "path" => Place::Path,
            _ => Place::Query(
                table
                    .required_parse("parameter", "a name such as file", name)?
                    .value,
            ),
        };
        Some(Self {
            place,
            plain,
            hidden,
        })
    }
}

/// The name of a parameter: what every app reads in the same way.
fn name(text: &str) -> Result<Box<str>, &'static str> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&text.len()) && text.bytes().all(sound) {
        Ok(text.into())
    } else {
        Err("has other characters than letters, digits, - and _, or more than 64")
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OPEN, read, text};

    #[test]
    fn rules_that_are_none_are_refused() {
        let with = |rules: &str| text(&format!("{OPEN}confine = {rules}\n"));
        for good in [
            "[]",
            "[{ parameter = \"file\" }]",
            "[{ parameter = \"file\", in = \"query\", kind = \"name\" }, { in = \"path\" }]",
        ] {
            assert!(read(&with(good)).is_ok(), "{good}");
        }
        for bad in [
            "[{}]",
            "[{ parameter = \"a b\" }]",
            "[{ parameter = \"\" }]",
            "[{ parameter = \"a\" }, { parameter = \"a\", kind = \"name\" }]",
            "[{ parameter = \"a\", in = \"header\" }]",
            "[{ parameter = \"a\", knd = \"name\" }]",
            "[{ in = \"path\", parameter = \"a\" }]",
        ] {
            assert!(read(&with(bad)).is_err(), "{bad}");
        }
    }
}
