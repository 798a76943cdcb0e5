//! Folders whose files a route serves.
//!
//! Owns `files` of `[[route]]`. Refuses a root that is none, one that shares its files with the data
//! folder or the configuration, settings that speak of an app, and methods that change something. The
//! folder is opened once, when the configuration is read; naming another needs a reload.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use config::{
    Fault, Table,
    secret::{Mode, Sources},
};
use files::{Name, Root, Settings};

/// What stands at the place of an app where a route has none: no app is there, so nothing is dialled.
pub const NO_APP: usize = usize::MAX;

/// Longest time for which an answer may be kept.
const LONGEST_KEPT: Duration = Duration::from_secs(365 * 86_400);

/// What belongs to an app and not to files.
const OF_APPS: [&str; 7] = [
    "app", "webhook", "accepts", "rows", "counts", "bind", "confine",
];

/// A folder whose files a route serves.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where they lie.
    pub root: Arc<Root>,
    /// What answers for a folder.
    pub index: Option<Name>,
    /// Whether names may begin with a dot.
    pub hidden: bool,
    /// Whether a folder without an index is listed, in JSON.
    pub listing: bool,
    /// How long an answer may be kept without asking again.
    pub cache: Option<Duration>,
    /// Whether a browser only ever stores them.
    pub download: bool,
}

/// What nobody may be served: the data folder, and the configuration with what lies beside it.
pub(super) fn private(deployment: &mut Table<'_>, sources: &Sources) -> Vec<PathBuf> {
    let data = deployment.text("data_dir");
    let data = data.map_or_else(|| "data".to_owned(), |found| found.value);
    let locate = |name: &str| sources.locate(Path::new(name));
    // Neither need be there: what counts is where it would be.
    vec![locate(&data), locate("vouchsafe.toml"), locate(".env")]
}

impl Folder {
    /// Reads `files` of a route. None where it has none, where a fault was noted, and where nothing
    /// outside the file is looked at.
    pub(super) fn read(
        route: &mut Table<'_>,
        sources: &Sources,
        private: &[PathBuf],
    ) -> Option<Self> {
        let mut table = route.optional_table("files")?;
        let path = table.required_text("root");
        let index = table.parse("index", "the name of a file such as index.html", |text| {
            Name::plain(text, false)
        });
        let hidden = table.flag("hidden", false);
        let listing = table.optional_one_of("listing", &["json"]).is_some();
        let cache = table.duration_in("cache", Duration::ZERO..=LONGEST_KEPT);
        let download = table.flag("download", false);
        let mounts = table.flag("mounts", false);
        for key in OF_APPS {
            if let Some(span) = route.span_of(key) {
                route.fault(
                    Fault::new(
                        "route.files-alone",
                        format!("{key} speaks of an app, and this route serves files itself"),
                    )
                    .at(span)
                    .hint(format!("remove {key}, or remove files")),
                );
            }
        }
        let path = path?;
        if sources.mode() == Mode::Unresolved {
            return None;
        }
        let private: Vec<&Path> = private.iter().map(PathBuf::as_path).collect();
        let place = sources.locate(Path::new(&path.value));
        match Root::open(&place, Settings { mounts }, &private) {
            Ok(root) => Some(Self {
                root: Arc::new(root),
                index: index.map(|found| found.value),
                hidden,
                listing,
                cache: cache.map(|found| found.value),
                download,
            }),
            Err(fault) => {
                table.fault(
                    Fault::new("files.root", format!("this is no root of files: {fault}"))
                        .at(path.span)
                        .label("this folder")
                        .hint(fault.hint()),
                );
                None
            }
        }
    }
}

/// The methods of a route that serves files: none but those that change nothing.
pub(super) fn methods(table: &Table<'_>, listed: Vec<Box<str>>) -> Vec<Box<str>> {
    if let Some(other) = listed.iter().find(|it| !["GET", "HEAD"].contains(&&***it)) {
        table.fault(
            Fault::new(
                "route.files-methods",
                format!("files are read, and {other} does something else"),
            )
            .at(table.span())
            .hint("write methods = [\"GET\", \"HEAD\"], or leave methods out"),
        );
    }
    if listed.is_empty() {
        vec!["GET".into(), "HEAD".into()]
    } else {
        listed
    }
}
