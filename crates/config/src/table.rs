//! The cursor with which the owner of a section reads it.
//!
//! Owns what every read has in common: looking a key up, remembering that it was asked for, saying
//! what was expected and what was found, and refusing keys nobody asked for. That last check runs
//! when the cursor is dropped, so it cannot be forgotten.
//!
//! Reads answer `None` for a key that is absent and for one that is wrong; a wrong one has left a
//! fault behind, so the document will not finish. Ask for every key first and use `?` on the
//! answers afterwards: a key that is never asked for is reported as unknown.

use crate::{
    document::Document,
    fault::{Fault, Span, position},
    mask::holds_token,
    node::{Branch, Entry, Item, Node},
    suggest::{alternatives, nearest},
};

/// A value and the place where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Found<T> {
    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        Found {
            value: change(self.value),
            span: self.span,
        }
    }
}

/// A table of the file that is being read.
#[derive(Debug)]
pub struct Table<'d> {
    pub(crate) document: &'d Document,
    /// Absent tables read as empty ones.
    branch: Option<&'d Branch>,
    /// Dotted path from the root; empty for the root itself.
    path: String,
    /// Number from 1 inside an array of tables.
    number: Option<usize>,
    asked: Vec<String>,
    /// Faults for keys that are missing, until the unknown keys show which of them are misspelt.
    lacking: Vec<(String, Fault)>,
    /// Stands in for a value of the wrong type: what is missing in it is not worth a word.
    mute: bool,
}

impl<'d> Table<'d> {
    pub(crate) fn root(document: &'d Document, branch: &'d Branch) -> Self {
        Self {
            document,
            branch: Some(branch),
            path: String::new(),
            number: None,
            asked: Vec::new(),
            lacking: Vec::new(),
            mute: false,
        }
    }

    /// Whether the table stands in the file.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.branch.is_some()
    }

    /// The place of the table: its header, or its braces. `None` where it is absent.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.branch
            .filter(|_| !self.path.is_empty())
            .map(|branch| branch.span)
    }

    /// The line of the file that the table begins in, from 1; 0 where it is absent.
    #[must_use]
    pub fn line(&self) -> usize {
        self.span().map_or(0, |span| self.line_of(span))
    }

    /// The line of the file that `span` begins in, from 1.
    #[must_use]
    pub fn line_of(&self, span: Span) -> usize {
        position(self.document.text(), span.start).0
    }

    /// The name of the table as a person writes it: `[deployment]`, `[[route]] number 2`.
    #[must_use]
    pub fn title(&self) -> String {
        match (self.path.as_str(), self.number) {
            ("", _) => "the top of the file".to_owned(),
            (path, None) => format!("[{path}]"),
            (path, Some(number)) => format!("[[{path}]] number {number}"),
        }
    }

    /// Whether `key` stands in the table; counts as asking for it.
    pub fn has(&mut self, key: &str) -> bool {
        self.look(key).is_some()
    }

    /// Whether a table stands under `key`, where something else may as well; counts as asking for it.
    pub fn holds_table(&mut self, key: &str) -> bool {
        self.look(key)
            .is_some_and(|entry| matches!(entry.item.node, Node::Branch(_)))
    }

    /// The place of the value under `key`, for faults about it. Counts as asking for it.
    pub fn span_of(&mut self, key: &str) -> Option<Span> {
        self.look(key).map(|entry| entry.item.span)
    }

    /// Every key that stands in the table, in order, with its place. For tables whose keys are
    /// names the user gives, such as `[secrets]`; does not count as asking for them.
    #[must_use]
    pub fn keys(&self) -> Vec<Found<String>> {
        let entries = self.branch.map_or(&[][..], |branch| &branch.entries);
        entries
            .iter()
            .map(|entry| Found {
                value: entry.key.clone(),
                span: entry.key_span,
            })
            .collect()
    }

    /// The table under `key`. An absent one reads as empty, so that defaults hold.
    pub fn table(&mut self, key: &str) -> Table<'d> {
        let (branch, mute) = match self.look(key) {
            None => (None, self.mute),
            Some(entry) => match self.branch_of(key, entry) {
                Some(branch) => (Some(branch), false),
                None => (None, true),
            },
        };
        self.below(key, None, branch, mute)
    }

    /// The table under `key`, or `None` where it is absent.
    pub fn optional_table(&mut self, key: &str) -> Option<Table<'d>> {
        self.has(key).then(|| self.table(key))
    }

    /// The table under `key`; absence is a fault.
    pub fn required_table(&mut self, key: &str) -> Table<'d> {
        let there = self.has(key);
        let mut table = self.table(key);
        if !there {
            let title = table.title();
            self.missing(key, &format!("add a {title} table"));
            table.mute = true;
        }
        table
    }

    /// The tables under `[[key]]`, in order; none where it is absent.
    pub fn tables(&mut self, key: &str) -> Vec<Table<'d>> {
        let Some(entry) = self.look(key) else {
            return Vec::new();
        };
        let Node::List(items) = &entry.item.node else {
            self.wrong(
                key,
                &entry.item,
                "tables",
                &format!("write [[{key}]], once for each"),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (at, item) in items.iter().enumerate() {
            match &item.node {
                Node::Branch(branch) => {
                    tables.push(self.below(key, Some(at + 1), Some(branch), false));
                }
                _ => self.wrong(
                    key,
                    item,
                    "tables",
                    &format!("write [[{key}]], once for each"),
                ),
            }
        }
        tables
    }

    /// Adds a fault of the owner's own.
    pub fn fault(&self, fault: Fault) {
        self.document.push(fault);
    }

    /// Ends the reading: keys that nobody asked for are faults. Dropping the table does the same.
    pub fn done(self) {}

    fn below(
        &self,
        key: &str,
        number: Option<usize>,
        branch: Option<&'d Branch>,
        mute: bool,
    ) -> Table<'d> {
        let path = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Table {
            document: self.document,
            branch,
            path,
            number,
            asked: Vec::new(),
            lacking: Vec::new(),
            mute,
        }
    }

    fn branch_of(&self, key: &str, entry: &'d Entry) -> Option<&'d Branch> {
        match &entry.item.node {
            Node::Branch(branch) => Some(branch),
            Node::List(items) if matches!(items.first(), Some(first) if matches!(first.node, Node::Branch(_))) =>
            {
                self.document.push(
                    Fault::new(
                        "config.wrong-type",
                        format!("`{key}` is one table, and the file has several"),
                    )
                    .at(entry.key_span)
                    .hint(format!("write [{key}] with single brackets, once")),
                );
                None
            }
            _ => {
                self.wrong(
                    key,
                    &entry.item,
                    "a table",
                    &format!("write [{key}] with its keys below it"),
                );
                None
            }
        }
    }

    pub(crate) fn look(&mut self, key: &str) -> Option<&'d Entry> {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_owned());
        }
        self.branch.and_then(|branch| branch.get(key))
    }

    /// Faults a value of the wrong type.
    pub(crate) fn wrong(&self, key: &str, item: &Item, expected: &str, hint: &str) {
        let found = item.node.kind();
        self.document.push(
            Fault::new(
                "config.wrong-type",
                format!("`{key}` takes {expected}, and this is {found}"),
            )
            .at(item.span)
            .label(format!("expected {expected}"))
            .hint(hint),
        );
    }

    /// Faults a value of the right type that cannot be used.
    pub(crate) fn unusable(&self, key: &str, span: Span, why: &str, hint: &str) {
        self.document.push(
            Fault::new("config.value", format!("`{key}` {why}"))
                .at(span)
                .label("here")
                .hint(hint),
        );
    }

    /// Faults an absent key.
    pub(crate) fn missing(&mut self, key: &str, hint: &str) {
        if self.mute {
            return;
        }
        let fault = Fault::new(
            "config.missing-key",
            format!("{} lacks `{key}`", self.title()),
        )
        .at(self.span())
        .hint(hint);
        self.lacking.push((key.to_owned(), fault));
    }

    /// Faults a key nobody asked for; answers with the key that was probably meant.
    fn refuse_unknown(&self, entry: &Entry) -> Option<&str> {
        let absent = |key: &&str| self.branch.is_some_and(|branch| branch.get(key).is_none());
        let known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        let near = nearest(&entry.key, known.iter().copied().filter(absent));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("{} takes no keys", self.title()),
            None => format!("{} takes {}", self.title(), alternatives(&known)),
        };
        self.document.push(
            Fault::new(
                "config.unknown-key",
                format!("{} does not take `{}`", self.title(), shown(&entry.key)),
            )
            .at(entry.key_span)
            .label("unknown key")
            .hint(hint),
        );
        near
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        let entries = self.branch.map_or(&[][..], |branch| &branch.entries);
        let misspelt: Vec<&str> = entries
            .iter()
            .filter(|entry| !self.asked.contains(&entry.key))
            .filter_map(|entry| self.refuse_unknown(entry))
            .collect();
        for (key, fault) in &self.lacking {
            if !misspelt.contains(&key.as_str()) {
                self.document.push(fault.clone());
            }
        }
    }
}

/// A value as a message may quote it: short, on one line, and never something like a token.
pub(crate) fn shown(value: &str) -> String {
    if holds_token(value) || value.contains('@') {
        return "...".to_owned();
    }
    let short: String = value
        .chars()
        .take(40)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(40).is_some() {
        format!("{short}...")
    } else {
        short
    }
}
