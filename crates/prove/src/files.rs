//! Files read with a limit and replaced whole.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

/// The text of a file of at most `limit` bytes, or why not.
pub(crate) fn read_text(path: &Path, limit: usize) -> Result<String, String> {
    let bytes = read(path, limit)?;
    String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())
}

/// The bytes of a file of at most `limit` bytes, or why not.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|cause| cause.to_string())?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| cause.to_string())?;
    if bytes.len() > limit {
        return Err(format!("the file has more than {limit} bytes"));
    }
    Ok(bytes)
}

/// Replaces a file's bytes: readers see the old file or the new one, never half of either.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    new.as_file()
        .set_permissions(std::fs::metadata(path)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    File::open(folder)?.sync_all()
}
