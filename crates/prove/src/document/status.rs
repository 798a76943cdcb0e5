//! The status block of a document.
//!
//! Owns the text between `<!-- vouchsafe:status -->` and `<!-- /vouchsafe:status -->`. Changes
//! nothing else in the file, byte for byte, and refuses a file in which the two markers do not stand
//! exactly once, in this order.

use std::path::Path;

use super::LARGEST;
use crate::files;

/// The line before the block.
pub const OPENS: &str = "<!-- vouchsafe:status -->";
/// The line behind it.
pub const CLOSES: &str = "<!-- /vouchsafe:status -->";

/// The status block could not be renewed; the file is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// The markers are not there, or not once and in order.
    #[error(
        "the document has no status block; hint: put `{OPENS}` and `{CLOSES}` on lines of their own where it should stand"
    )]
    NoBlock,
    /// The file could not be read or replaced.
    #[error("{0}")]
    Disk(String),
}

/// `text` with `status` in its status block.
pub fn renew(text: &str, status: &str) -> Result<String, StatusError> {
    let (before, rest) = text.split_once(OPENS).ok_or(StatusError::NoBlock)?;
    let (_, after) = rest.split_once(CLOSES).ok_or(StatusError::NoBlock)?;
    let again = |part: &str| part.contains(OPENS) || part.contains(CLOSES);
    if again(before) || again(after) || status.contains("<!--") {
        return Err(StatusError::NoBlock);
    }
    Ok(format!(
        "{before}{OPENS}\n{}\n{CLOSES}{after}",
        status.trim()
    ))
}

/// Renews the status block of a file, in one step: a reader sees the old file or the new one.
pub fn write(path: &Path, status: &str) -> Result<(), StatusError> {
    let text = files::read_text(path, LARGEST).map_err(StatusError::Disk)?;
    let new = renew(&text, status)?;
    files::replace(path, new.as_bytes()).map_err(|cause| StatusError::Disk(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_block_changes() {
        let text = format!("# Head\n\n{OPENS}\nold\n{CLOSES}\n\ntail\r\n");
        let new = renew(&text, "new\n").unwrap();
        assert_eq!(new, format!("# Head\n\n{OPENS}\nnew\n{CLOSES}\n\ntail\r\n"));
        assert_eq!(renew(&new, "new").unwrap(), new);
    }

    #[test]
    fn a_document_without_exactly_one_block_is_left_alone() {
        for text in [
            "no block".to_owned(),
            OPENS.to_owned(),
            format!("{CLOSES}\n{OPENS}"),
            format!("{OPENS}{CLOSES}{OPENS}{CLOSES}"),
            format!("{OPENS}{OPENS}{CLOSES}{CLOSES}"),
        ] {
            assert_eq!(renew(&text, "new"), Err(StatusError::NoBlock), "{text}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("SECURITY.md");
        std::fs::write(&path, format!("a\n{OPENS}\n{CLOSES}\nb\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, "status").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("a\n{OPENS}\nstatus\n{CLOSES}\nb\n"));
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn everything_outside_the_block_stays(before in "[^<]{0,40}", old in "[^<]{0,40}", after in "[^<]{0,40}") {
            let text = format!("{before}{OPENS}{old}{CLOSES}{after}");
            let new = renew(&text, "status").unwrap();
            let head = format!("{before}{OPENS}");
            let tail = format!("{CLOSES}{after}");
            prop_assert!(new.starts_with(&head));
            prop_assert!(new.ends_with(&tail));
        }
    }
}
