//! Where the source and the build lie.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The workspace a chore runs on.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The workspace whose xtask this is: cargo says so when it runs one.
    pub(crate) fn find() -> Result<Self, Failure> {
        let root = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(xtask) => Path::new(&xtask).parent().map(Path::to_path_buf),
            None => std::env::current_dir().ok(),
        };
        let root = root.filter(|root| root.join("xtask/tidy.toml").is_file());
        let Some(root) = root else {
            return Err(Failure::stuck(
                "this is not the workspace",
                "run `cargo xtask` inside the clone",
            ));
        };
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
            || root.join("target"),
            // A relative one is relative to where cargo was called, which cargo made our own.
            |folder| std::env::current_dir().unwrap_or_default().join(folder),
        );
        Ok(Self { root, target })
    }

    /// A workspace at a place of the test's choosing.
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            target: root.join("target"),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The build folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}
