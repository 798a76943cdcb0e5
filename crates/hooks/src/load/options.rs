//! Names that an operator chose at the provider.
//!
//! Owns the step from `options = { header = "X-Signature" }` of a route to a scheme of its own.
//! Refuses options that a scheme does not have and names that are no header's.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{FILES, SchemeFault, read_with};
use crate::scheme::Scheme;

/// Longest name.
const LONGEST: usize = 64;

/// Schemes with options, kept as long as the process: one for each choice that it ever loaded.
static CHOSEN: Mutex<BTreeMap<(String, Options), &'static Scheme>> = Mutex::new(BTreeMap::new());

/// What was chosen, by the option's name.
pub type Options = BTreeMap<String, String>;

/// A choice cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionFault {
    /// The scheme has no such option.
    #[error("the scheme {scheme} has no option `{option}`")]
    Unknown {
        /// The scheme.
        scheme: String,
        /// What was asked for.
        option: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It is not the name of a header.
    #[error("`{0}` is not the name of a header")]
    NotAName(String),
    /// With it the scheme would not load.
    #[error(transparent)]
    Scheme(#[from] SchemeFault),
}

impl OptionFault {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { known, .. } if known.is_empty() => {
                "take `options` away: this scheme has none".to_owned()
            }
            Self::Unknown { known, .. } => format!("it has {}", known.join(", ")),
            Self::NotAName(_) => {
                "write letters, digits, `-` and `_`, as in \"X-Alert-Signature\"".to_owned()
            }
            Self::Scheme(_) => "report this as a defect".to_owned(),
        }
    }
}

/// The scheme `base` with `options`; `base` itself where nothing is chosen.
///
/// # Errors
///
/// [`OptionFault`].
pub fn choose(base: &'static Scheme, options: &Options) -> Result<&'static Scheme, OptionFault> {
    if options.is_empty() {
        return Ok(base);
    }
    for (option, value) in options {
        if !base.option.contains_key(option) {
            return Err(OptionFault::Unknown {
                scheme: base.name.clone(),
                option: option.clone(),
                known: base.option.keys().cloned().collect(),
            });
        }
        if !is_header_name(value) {
            return Err(OptionFault::NotAName(value.clone()));
        }
    }
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (base.name.clone(), options.clone());
    if let Some(scheme) = chosen.get(&key) {
        return Ok(scheme);
    }
    let text = FILES.iter().find(|(name, _)| *name == base.name);
    let text = text.map_or("", |(_, text)| text);
    let scheme: &'static Scheme = Box::leak(Box::new(read_with(&base.name, text, options)?));
    chosen.insert(key, scheme);
    Ok(scheme)
}

/// `text` with every `{{option}}` replaced by what was chosen, or by its default.
pub(super) fn fill(text: &str, table: &toml::Table, chosen: &Options) -> String {
    let declared = table.get("option").and_then(toml::Value::as_table);
    let mut filled = text.to_owned();
    for (name, rule) in declared.into_iter().flatten() {
        let default = rule.get("default").and_then(toml::Value::as_str);
        let value = chosen.get(name).map(String::as_str).or(default);
        filled = filled.replace(&format!("{{{{{name}}}}}"), value.unwrap_or_default());
    }
    filled
}

/// Fewer characters than RFC 9110 section 5.6.2 allows, and none that quotes anything.
pub(super) fn is_header_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(list: &[(&str, &str)]) -> Options {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        list.iter().map(owned).collect()
    }

    #[test]
    fn a_chosen_header_is_the_one_that_is_read() {
        let base = Scheme::find("header-token").unwrap();
        let chosen = choose(base, &options(&[("header", "X-Alert-Token")])).unwrap();
        assert_eq!(
            chosen.signature.from,
            crate::scheme::Place::Header("X-Alert-Token".to_owned())
        );
        assert_ne!(base.signature.from, chosen.signature.from);
        let again = choose(base, &options(&[("header", "X-Alert-Token")])).unwrap();
        assert!(std::ptr::eq(chosen, again), "read once");
        assert!(std::ptr::eq(base, choose(base, &Options::new()).unwrap()));
    }

    #[test]
    fn what_is_no_option_or_no_header_is_refused() {
        let base = Scheme::find("header-token").unwrap();
        let unknown = choose(base, &options(&[("heder", "X-A")])).unwrap_err();
        assert_eq!(unknown.hint(), "it has header");
        for bad in ["", "X A", "X\"\ny = 1", "X:", "é", &"x".repeat(65)] {
            let fault = choose(base, &options(&[("header", bad)])).unwrap_err();
            assert_eq!(fault, OptionFault::NotAName(bad.to_owned()));
        }
        let none = choose(
            Scheme::find("github").unwrap(),
            &options(&[("header", "X")]),
        );
        assert!(matches!(none, Err(OptionFault::Unknown { .. })));
    }
}
