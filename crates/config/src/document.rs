//! A configuration file: its text, its tree and its faults.
//!
//! Owns loading within [`FILE_LIMIT`], parsing, and the collection of faults that tables and their
//! owners find. Refuses to be read as valid while one fault stands: see [`Document::finish`].

use std::{cell::RefCell, io::Read, path::Path, sync::Arc};

use serde_json::Value;

use crate::{
    convert,
    fault::{Fault, Faults, Span, position},
    files::open_regular,
    mask::masked,
    node,
    node::{Branch, Item, Node},
    secret::SecretReference,
    table::Table,
};

/// The largest configuration file that is read: 1 MiB.
pub const FILE_LIMIT: u64 = 1 << 20;

/// How many faults are kept; a file with more is not read by a person anyway.
const FAULT_LIMIT: usize = 100;

/// A configuration file that is being read.
#[derive(Debug)]
pub struct Document {
    name: String,
    text: Arc<str>,
    root: Branch,
    /// Whether the text is TOML; otherwise the tree is a best guess and only syntax is reported.
    well_formed: bool,
    faults: RefCell<Vec<Fault>>,
    /// Ranges that must not be shown.
    hidden: RefCell<Vec<Span>>,
}

impl Document {
    /// Reads the file at `path` and parses it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is larger than [`FILE_LIMIT`] or is not UTF-8. What is wrong
    /// with its content is said by [`Document::finish`].
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let name = path.display().to_string();
        let refuse = |fault: Fault| Faults::new(name.clone(), Arc::from(""), vec![fault]);
        let unreadable = |cause: std::io::Error| {
            let hint = match cause.kind() {
                std::io::ErrorKind::NotFound => {
                    "write one with `vouchsafe init`, or name another with --config"
                }
                _ => "check the path and who may read it",
            };
            refuse(
                Fault::new(
                    "config.unreadable",
                    format!("the configuration cannot be read: {cause}"),
                )
                .hint(hint),
            )
        };
        let mut bytes = Vec::new();
        open_regular(path)
            .and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(refuse(too_large()));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::parse(name, text)),
            Err(cause) => {
                let at = cause.utf8_error().valid_up_to();
                Err(refuse(
                    Fault::new(
                        "config.not-utf8",
                        format!("the file is not UTF-8 text: byte {at} cannot be read"),
                    )
                    .hint("save it as UTF-8 text"),
                ))
            }
        }
    }

    /// Parses `text`; `name` stands in messages. Never fails here: see [`Document::finish`].
    pub fn parse(name: impl Into<String>, text: impl Into<String>) -> Self {
        let (name, text): (String, Arc<str>) = (name.into(), text.into().into());
        if text.len() as u64 > FILE_LIMIT {
            return Self::assemble(name, Arc::from(""), Branch::empty(), vec![too_large()]);
        }
        let (root, faults) = node::parse(&text);
        Self::assemble(name, text, root, faults)
    }

    fn assemble(name: String, text: Arc<str>, root: Branch, faults: Vec<Fault>) -> Self {
        let document = Self {
            name,
            text,
            root,
            well_formed: faults.is_empty(),
            faults: RefCell::new(Vec::new()),
            hidden: RefCell::new(Vec::new()),
        };
        for fault in faults {
            document.push(fault);
        }
        document.refuse_passwords(&document.root);
        document.hide_literals();
        document
    }

    /// The cursor over the whole file. Call [`Table::done`] on it before [`Document::finish`].
    pub fn root(&self) -> Table<'_> {
        Table::root(self, &self.root)
    }

    /// Whether the document stands without a fault.
    ///
    /// Takes the document mutably so that no table is still being read.
    ///
    /// # Errors
    ///
    /// All faults found so far. Where the text is not TOML, only what is wrong with its syntax:
    /// the rest would be guesses.
    pub fn finish(&mut self) -> Result<(), Faults> {
        let faults = self.faults.get_mut();
        if faults.is_empty() {
            return Ok(());
        }
        let faults = faults.clone();
        Err(Faults::new(self.name.clone(), self.shown_text(), faults))
    }

    /// The name that stands in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text as it was read. It may hold what must not be shown.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file as a tree: tables are objects, dates are text, secrets are references.
    ///
    /// What stands where only a reference may stand is replaced by asterisks.
    pub fn tree(&self) -> Value {
        convert::to_json(&self.root, &self.hidden.borrow())
    }

    /// Line and column of the start of `span`, both from 1, the column in characters.
    pub fn position(&self, span: Span) -> (usize, usize) {
        position(&self.text, span.start)
    }

    /// Adds a fault, once.
    pub(crate) fn push(&self, fault: Fault) {
        let semantic = fault.code != "config.syntax" && fault.code != "config.too-large";
        if semantic && !self.well_formed {
            return;
        }
        let mut faults = self.faults.borrow_mut();
        if faults.len() < FAULT_LIMIT && !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// Marks a range that must never be shown.
    pub(crate) fn hide(&self, span: Span) {
        self.hidden.borrow_mut().push(span);
    }

    fn shown_text(&self) -> Arc<str> {
        Arc::from(masked(&self.text, &self.hidden.borrow()))
    }

    /// Refuses any text of the form `scheme://user:password@host`, whatever key it stands under.
    fn refuse_passwords(&self, branch: &Branch) {
        for entry in &branch.entries {
            self.refuse_password(&entry.key, &entry.item);
        }
    }

    fn refuse_password(&self, key: &str, item: &Item) {
        match &item.node {
            Node::Text(text) if has_password(text) => {
                self.hide(item.span);
                self.push(
                    Fault::new(
                        "config.url-password",
                        format!("the URL in `{key}` carries a password"),
                    )
                    .at(item.span)
                    .label("a password stands in here")
                    .hint(format!(
                        "put the whole URL elsewhere and refer to it: {key} = \"env:{}\"",
                        key.to_uppercase().replace('-', "_")
                    )),
                );
            }
            Node::List(items) => {
                for item in items {
                    self.refuse_password(key, item);
                }
            }
            Node::Branch(branch) => self.refuse_passwords(branch),
            _ => {}
        }
    }

    /// Hides what stands literally under `[secrets]`, so that not even a fault elsewhere in the
    /// file shows it as the line above.
    fn hide_literals(&self) {
        let Some(Node::Branch(secrets)) = self.root.get("secrets").map(|entry| &entry.item.node)
        else {
            return;
        };
        for entry in &secrets.entries {
            let reference = match &entry.item.node {
                Node::Text(text) => text.parse::<SecretReference>().is_ok(),
                _ => false,
            };
            if !reference {
                self.hide(entry.item.span);
            }
        }
    }
}

fn too_large() -> Fault {
    Fault::new(
        "config.too-large",
        format!("the configuration is larger than {FILE_LIMIT} bytes"),
    )
    .hint("a configuration of this size was surely not meant; check the path")
}

/// Whether `text` is a URL that carries a password: in its user information, or as a parameter of
/// that name, which database drivers take as well.
pub(crate) fn has_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let in_user = authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'));
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let in_query = query
        .split('&')
        .any(|part| part.to_ascii_lowercase().starts_with("password="));
    !scheme.is_empty() && (in_user || in_query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_a_password_is_known_and_one_without_is_left_alone() {
        for url in [
            "postgres://vouchsafe:hunter2@db/x",
            "redis://:hunter2@cache:6379",
            "postgres://db/x?sslmode=require&Password=hunter2",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "https://coach.school.example:8443/@jansen",
            "postgres://vouchsafe@db/x?sslmode=require",
            "env:DATABASE_URL",
            "10:30 @ noon",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_and_one_at_the_limit_is_not() {
        let limit = usize::try_from(FILE_LIMIT).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vouchsafe.toml");
        std::fs::write(&path, "#".repeat(limit + 1)).unwrap();
        let faults = Document::load(&path).unwrap_err();
        assert_eq!(faults.list()[0].code, "config.too-large");
        std::fs::write(&path, "#".repeat(limit)).unwrap();
        Document::load(&path).unwrap().finish().unwrap();
        let mut document = Document::parse("x.toml", "#".repeat(limit + 1));
        let faults = document.finish().unwrap_err();
        assert_eq!(faults.list()[0].code, "config.too-large");
    }

    #[test]
    fn a_file_that_is_not_there_or_not_text_is_refused_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vouchsafe.toml");
        let faults = Document::load(&path).unwrap_err();
        assert_eq!(faults.list()[0].code, "config.unreadable");
        assert!(faults.list()[0].hint.contains("vouchsafe init"));
        std::fs::write(&path, b"name = \"\xff\"").unwrap();
        let faults = Document::load(&path).unwrap_err();
        assert_eq!(faults.list()[0].code, "config.not-utf8");
    }

    #[test]
    fn a_pipe_is_refused_instead_of_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vouchsafe.toml");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let faults = Document::load(&path).unwrap_err();
        assert_eq!(faults.list()[0].code, "config.unreadable");
        assert!(faults.list()[0].message.contains("regular file"));
    }

    #[test]
    fn a_table_that_is_dropped_without_a_word_still_reports_unknown_keys() {
        let mut document = Document::parse("x.toml", "[a]\nb = 1\n");
        {
            let mut root = document.root();
            let _ = root.table("a");
        }
        let faults = document.finish().unwrap_err();
        assert_eq!(faults.list()[0].code, "config.unknown-key");
        let mut document = Document::parse("x.toml", "[a]\nb = 1\n");
        {
            let mut root = document.root();
            let _ = root.table("a").count("b");
        }
        document.finish().unwrap();
    }

    #[test]
    fn a_missing_key_that_is_only_misspelt_is_one_fault() {
        let mut document = Document::parse("x.toml", "[a]\nnmae = \"x\"\n");
        let mut root = document.root();
        let mut table = root.table("a");
        assert!(table.required_text("name").is_none());
        table.done();
        root.done();
        let faults = document.finish().unwrap_err();
        assert_eq!(faults.list().len(), 1);
        assert_eq!(faults.list()[0].hint, "did you mean `name`?");
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let document = Document::parse("x.toml", "a = 1\nb = \"é\" # ü\n");
        assert_eq!(document.position(Span { start: 0, end: 1 }), (1, 1));
        let at = document.text().find('#').unwrap();
        assert_eq!(document.position(Span { start: at, end: at }), (2, 9));
        // Inside a character and behind the end, as a careless owner might ask.
        assert_eq!(document.position(Span { start: 12, end: 12 }), (2, 6));
        assert_eq!(
            document.position(Span {
                start: 999,
                end: 999
            }),
            (3, 1)
        );
    }

    #[test]
    fn more_faults_than_a_person_reads_are_not_kept() {
        let text: String = (0..1000).map(|n| format!("k{n} = 1\n")).collect();
        let mut document = Document::parse("x.toml", text);
        document.root().done();
        assert_eq!(document.finish().unwrap_err().list().len(), FAULT_LIMIT);
    }
}
