//! Our own log lines: JSON, one a line, on standard error or in the file that `[log]` names.
//!
//! Owns their shape. Says what happens to the instance, never what is in a request: events of
//! requests go to the ledger, and texts here are the program's own.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use control::Clock;
use serde_json::{Map, Value};

/// Where log lines go.
pub(crate) struct Log {
    file: Option<Mutex<File>>,
    clock: Arc<dyn Clock>,
}

impl Log {
    /// A log in `file`, which is appended to, or on standard error.
    pub(crate) fn open(file: Option<&Path>, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let file = match file {
            Some(path) => Some(Mutex::new(
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o640)
                    .open(path)?,
            )),
            None => None,
        };
        Ok(Self { file, clock })
    }

    pub(crate) fn info(&self, event: &'static str, fields: &[(&str, &str)]) {
        self.line("info", event, fields);
    }

    pub(crate) fn warn(&self, event: &'static str, fields: &[(&str, &str)]) {
        self.line("warn", event, fields);
    }

    fn line(&self, level: &str, event: &str, fields: &[(&str, &str)]) {
        let mut line = Map::new();
        line.insert("time".to_owned(), Value::from(self.clock.now().to_string()));
        line.insert("level".to_owned(), Value::from(level));
        line.insert("event".to_owned(), Value::from(event));
        for (name, value) in fields {
            line.insert((*name).to_owned(), Value::from(*value));
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // A log that cannot be written has nowhere to say so; the ledger is what must not be lost.
        let _ = match &self.file {
            Some(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(text.as_bytes()),
            None => std::io::stderr().lock().write_all(text.as_bytes()),
        };
    }
}
