//! The body of a fuzz target: any text at all may be parsed, read and complained about.

use crate::{Document, Look, dotenv, quantity};

/// Parses `bytes` as a configuration and as a dotenv file, reads a little of it and renders every
/// fault. Must return for every input.
pub fn document(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut document = Document::parse("fuzz.toml", text);
    let mut root = document.root();
    let mut deployment = root.table("deployment");
    let _ = deployment.required_text("name");
    let _ = deployment.duration("age");
    let _ = deployment.secret("key");
    deployment.done();
    for mut route in root.tables("route") {
        let _ = route.one_or_more("methods");
        let _ = route.one_of("kind", &["open", "closed"], "closed");
        route.done();
    }
    root.done();
    let _ = document.tree();
    if let Err(faults) = document.finish() {
        let _ = faults.render(Look::Plain);
        let _ = faults.render(Look::Drawn { colour: true });
        let _ = faults.to_json();
        for fault in faults.list() {
            // A span lies within the text, at whole characters: a person is shown that place.
            if let Some(span) = fault.span {
                assert!(text.get(span.start..span.end).is_some(), "{}", fault.code);
            }
            assert!(!fault.message.is_empty(), "{}", fault.code);
        }
    }
    let _ = dotenv::parse(text);
}

/// Durations and sizes: what reads, written our way, reads as the same.
pub fn quantity(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(time) = quantity::duration(text) {
        assert_eq!(
            quantity::duration(&quantity::write_duration(time)),
            Some(time)
        );
        assert!(text.starts_with(|first: char| first.is_ascii_digit()));
    }
    if let Some(size) = quantity::size(text) {
        assert_eq!(quantity::size(&quantity::write_size(size)), Some(size));
        assert!(text.starts_with(|first: char| first.is_ascii_digit()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,200}") {
            document(text.as_bytes());
        }

        #[test]
        fn text_that_looks_like_a_configuration_is_survived(
            lines in proptest::collection::vec(
                r#"(\[{1,2}(deployment|route|secrets)(\.[a-z])?\]{1,2}|(name|age|key|kind|methods|x) ?= ?("[^"]{0,9}"?|[0-9.:TZ+_-]{0,12}|\[.{0,9}\]?|\{.{0,9}\}?|true|'''.{0,9}))"#,
                0..12,
            )
        ) {
            document(lines.join("\n").as_bytes());
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_deep_recursion() {
        let dotted = vec!["a"; 79].join(".");
        let header = format!("[{dotted}]\n");
        let inline = format!("{dotted} = {{").repeat(70);
        for text in [
            format!("x = {}", "[".repeat(100_000)),
            format!("x = {}{}", "[".repeat(70), "]".repeat(70)),
            format!("x = {}{}", "{a=".repeat(79), "1"),
            format!("{header}{inline}"),
            format!("{header}{inline}{dotted} = 1{}", "}".repeat(70)),
            format!("{header}{dotted} = {}1{}", "{a=".repeat(70), "}".repeat(70)),
        ] {
            document(text.as_bytes());
            let mut deep = Document::parse("deep.toml", text.clone());
            let _ = deep.root();
            assert!(deep.finish().is_err(), "{}", text.len());
        }
    }

    #[test]
    fn a_table_of_many_keys_is_refused_and_one_of_few_is_not() {
        let keys = |count: u32| {
            (0..count)
                .map(|n| format!("k{n} = 1\n"))
                .collect::<String>()
        };
        for (count, faults) in [(2001, 1), (2000, 0)] {
            let mut document = Document::parse("broad.toml", keys(count));
            let mut root = document.root();
            for key in root.keys() {
                let _ = root.count(&key.value);
            }
            root.done();
            let found = document
                .finish()
                .err()
                .map_or(0, |faults| faults.list().len());
            assert_eq!(found, faults, "{count}");
        }
    }
}
