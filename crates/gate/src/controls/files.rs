//! Files that are served here, as a control.
//!
//! Owns whether the file has a route for the sentence, and what is taken away for a self-test.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Map, Value};

use super::{falls, path_of, routes, routes_mut};
use crate::stages::files::FILES;

/// `files.confined`, `files.names`, `files.metadata` and `files.parameter`: what is served lies beneath a
/// root, and what an app takes for the name of a file is one.
#[derive(Clone, Copy, Debug)]
pub struct Files;

const fn key(
    path: &'static str,
    takes: &'static str,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key {
        path,
        takes,
        default,
        about,
    }
}

const KEYS: &[Key] = &[
    key(
        "[[route]] files.root",
        "a folder",
        "-",
        "The folder whose files the route serves instead of an app. It is opened once; what its name leads to later counts only after a reload.",
    ),
    key(
        "[[route]] files.index",
        "a name",
        "-",
        "The file that answers for a folder.",
    ),
    key(
        "[[route]] files.hidden",
        "true or false",
        "false",
        "Whether names may begin with a dot.",
    ),
    key(
        "[[route]] files.listing",
        "\"json\"",
        "-",
        "Lists a folder without an index: names, sizes and times of at most 1000 entries.",
    ),
    key(
        "[[route]] files.cache",
        "a duration",
        "-",
        "How long an answer may be kept without asking again; `0s` keeps none.",
    ),
    key(
        "[[route]] files.download",
        "true or false",
        "false",
        "Whether a browser stores the files and never shows them: for what users have uploaded.",
    ),
    key(
        "[[route]] files.mounts",
        "true or false",
        "false",
        "Whether file systems that are mounted beneath the root belong to it.",
    ),
    key(
        "[[route]] confine.parameter",
        "a name",
        "-",
        "A parameter of the query that the app takes for the name of a file.",
    ),
    key(
        "[[route]] confine.in",
        "\"query\" or \"path\"",
        "\"query\"",
        "Where it stands; `path` is what follows the route.",
    ),
    key(
        "[[route]] confine.kind",
        "\"path\" or \"name\"",
        "\"path\"",
        "Whether it may go down into folders, or is one name.",
    ),
    key(
        "[[route]] confine.hidden",
        "true or false",
        "false",
        "Whether it may begin with a dot.",
    ),
];

impl Control for Files {
    fn card(&self) -> &'static Card {
        &Card {
            id: FILES,
            title: "Files beneath a root",
            summary: "A route may serve the files of a folder instead of an app. Names are read once and strictly, and what they lead to is opened by the kernel's `openat2`, which never leaves the folder: no `..`, no link, no other file system, and no moment between check and opening. Only regular files are served, to GET and HEAD, with the guards of any route before them. Parameters that an app takes for names of files are held to the same rule before the app reads them.",
            promises: &[
                "files.confined",
                "files.names",
                "files.metadata",
                "files.parameter",
            ],
            keys: KEYS,
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let on = asked.value("on").unwrap_or_default();
        if asked.promise == "files.parameter" {
            let parameter = asked.value("parameter").unwrap_or_default();
            let route = routes(configuration).find(|route| path_of(route) == on);
            let rules = route.and_then(|route| route.get("confine"));
            let rules = rules.and_then(Value::as_array).into_iter().flatten();
            let names =
                |rule: &Value| rule.get("parameter").and_then(Value::as_str) == Some(parameter);
            if rules.into_iter().any(names) {
                return Fit::Fits;
            }
            return falls(
                format!("{on} passes on whatever {parameter} is"),
                format!("confine = [{{ parameter = \"{parameter}\", kind = \"name\" }}]"),
            );
        }
        let files = routes(configuration)
            .find(|route| path_of(route) == on)
            .and_then(|route| route.get("files"));
        let Some(files) = files else {
            return falls(
                format!("{on} does not serve the files of a folder"),
                "files = { root = \"public\" }",
            );
        };
        let says = |key: &str| files.get(key);
        match asked.promise.as_str() {
            "files.names" if says("hidden").and_then(Value::as_bool) == Some(true) => falls(
                format!("{on} serves names that begin with a dot"),
                "hidden = false",
            ),
            "files.metadata" if says("listing").is_none() => {
                falls(format!("{on} lists nothing"), "listing = \"json\"")
            }
            _ => Fit::Fits,
        }
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let on = asked.value("on").unwrap_or_default();
        let at = |route: &Map<String, Value>| route.get("path").and_then(Value::as_str) == Some(on);
        match asked.promise.as_str() {
            "files.names" => {
                for route in routes_mut(configuration).filter(|route| at(route)) {
                    if let Some(files) = route.get_mut("files").and_then(Value::as_object_mut) {
                        files.insert("hidden".to_owned(), Value::from(true));
                    }
                }
                Weakening::Configured(format!("{on} serves hidden files"))
            }
            "files.parameter" => {
                for route in routes_mut(configuration).filter(|route| at(route)) {
                    route.remove("confine");
                }
                Weakening::Configured(format!("{on} passes on any parameter"))
            }
            "files.metadata" => Weakening::Sham("list-with-contents"),
            _ => Weakening::Sham("links-followed"),
        }
    }
}
