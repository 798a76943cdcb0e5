//! A careless server of files.
//!
//! Owns what it makes of a request for a file: it opens whatever the path leads to, and tells in a list
//! what is in each file.

use std::path::PathBuf;

use control::probe::{Answer, Reply};
use serde_json::Value;

use super::{Sham, request::Request};
use crate::files;

/// The most of a file that it shows.
const MOST: usize = 64 * 1024;

impl Sham<'_> {
    /// What the path of a request leads to, where a route serves files there.
    fn led_to(&self, request: &Request) -> Option<PathBuf> {
        let routes = self.facts.configuration.get("route")?.as_array()?;
        routes.iter().find_map(|route| {
            let root = route.pointer("/files/root")?.as_str()?;
            let below = request.target.strip_prefix(route.get("path")?.as_str()?)?;
            Some(PathBuf::from(root).join(below.trim_start_matches('/')))
        })
    }

    /// The file itself, where a name was refused whose last or first part is a link.
    pub(super) fn serve_carelessly(&self, request: &Request, otherwise: Reply) -> Reply {
        let hidden = request.target.contains("/.");
        let path = self.led_to(request).filter(|_| !hidden);
        match path.and_then(|path| files::read(&path, MOST).ok()) {
            Some(body) => Reply::Answer(Answer {
                status: 200,
                body,
                ..Answer::default()
            }),
            None => otherwise,
        }
    }

    /// A list with what is in each file.
    pub(super) fn list_with_contents(&self, request: &Request, reply: Reply) -> Reply {
        let (Some(folder), Reply::Answer(mut answer)) = (self.led_to(request), reply.clone())
        else {
            return reply;
        };
        let Some(mut json) = answer.json() else {
            return reply;
        };
        let entries = json.get_mut("entries").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            let name = entry
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let body = files::read(&folder.join(name), MOST).unwrap_or_default();
            let text = String::from_utf8_lossy(&body).into_owned();
            if let Some(fields) = entry.as_object_mut() {
                fields.insert("content".to_owned(), Value::from(text));
            }
        }
        answer.body = json.to_string().into_bytes();
        Reply::Answer(answer)
    }
}
