//! Parts of a document that a program writes.
//!
//! Owns the two marks around such a part: `<!-- generated: NAME -->` and `<!-- end: NAME -->`, each
//! on a line of its own. What stands around them belongs to people.

/// `text` with the part called `name` replaced by `body`; `None` where the marks are missing.
pub(crate) fn replace(text: &str, name: &str, body: &str) -> Option<String> {
    let (open, close) = (
        format!("<!-- generated: {name} -->\n"),
        format!("<!-- end: {name} -->"),
    );
    let (before, rest) = text.split_once(&open)?;
    let (_, after) = rest.split_once(&close)?;
    let body = body.trim_end();
    Some(format!("{before}{open}\n{body}\n\n{close}{after}"))
}

/// `text` with a new part at its end, below a heading.
pub(crate) fn append(text: &str, heading: &str, name: &str, body: &str) -> String {
    let (text, body) = (text.trim_end(), body.trim_end());
    format!(
        "{text}\n\n## {heading}\n\n<!-- generated: {name} -->\n\n{body}\n\n<!-- end: {name} -->\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_part_changes() {
        let text = "a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n";
        let new = replace(text, "x", "new\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- generated: x -->\n\nnew\n\n<!-- end: x -->\nb\n"
        );
        assert_eq!(replace(&new, "x", "new").unwrap(), new);
    }

    #[test]
    fn a_document_without_marks_is_left_alone() {
        assert_eq!(replace("a\n", "x", "new"), None);
        assert_eq!(replace("<!-- generated: x -->\n", "x", "new"), None);
    }

    #[test]
    fn a_part_that_is_appended_can_be_replaced() {
        let text = append("# Figures\n", "disk", "bench disk", "old\n");
        assert!(text.starts_with("# Figures\n\n## disk\n\n"));
        let new = replace(&text, "bench disk", "new").unwrap();
        assert_eq!(new, append("# Figures\n", "disk", "bench disk", "new"));
    }
}
