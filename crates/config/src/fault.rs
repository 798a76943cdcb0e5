//! What is wrong with a file, where, and what to do about it.
//!
//! Owns the shape of a fault and its rendering: with the source line for a person, plainly for a
//! log, as JSON for a script. Refuses to show secrets: the source it prints has been masked.

use std::{fmt, fmt::Write as _, ops::Range, sync::Arc};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use serde_json::{Value, json};

/// A range of bytes in the text of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end.max(range.start),
        }
    }
}

/// One thing that is wrong with a document.
///
/// Messages are one sentence without a final period; the hint says what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable code, such as `config.unknown-key`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where, if it has a place in the file.
    pub span: Option<Span>,
    /// A few words that stand at the place in the source; may be empty.
    pub label: String,
    /// What to do.
    pub hint: String,
}

impl Fault {
    /// A fault without a place and a hint yet; see [`Fault::at`] and [`Fault::hint`].
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            label: String::new(),
            hint: String::new(),
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// Says a few words at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// How faults are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// One line per fault and one per hint: `file:line:column: code: message`.
    Plain,
    /// With the source line and box drawing; `colour` adds colour, which never stands alone.
    Drawn {
        /// Whether ANSI colours are used.
        colour: bool,
    },
}

/// Every fault of one document, in the order of the file.
#[derive(Clone, Debug)]
pub struct Faults {
    name: String,
    source: Arc<str>,
    faults: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl Faults {
    /// `source` must have been masked.
    pub(crate) fn new(name: String, source: Arc<str>, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.span.map_or(0, |span| span.start));
        Self {
            name,
            source,
            faults,
        }
    }

    /// The name of the document.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The faults, in the order of the file; those without a place come first.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.faults
    }

    /// Line and column of a fault, both from 1 and the column in characters.
    #[must_use]
    pub fn position(&self, fault: &Fault) -> Option<(usize, usize)> {
        fault.span.map(|span| position(&self.source, span.start))
    }

    /// `file`, or `file:line:column` where the fault has a place.
    #[must_use]
    pub fn place(&self, fault: &Fault) -> String {
        match self.position(fault) {
            Some((line, column)) => format!("{}:{line}:{column}", self.name),
            None => self.name.clone(),
        }
    }

    /// All faults as text, ending in a newline.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let theme = match look {
            Look::Plain => return self.to_string(),
            Look::Drawn { colour: false } => GraphicalTheme::unicode_nocolor(),
            Look::Drawn { colour: true } => GraphicalTheme::unicode(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_links(false)
            .with_context_lines(1);
        let mut text = String::new();
        for fault in &self.faults {
            let drawn = Drawn {
                fault,
                source: NamedSource::new(&self.name, Arc::clone(&self.source)),
            };
            if handler.render_report(&mut text, &drawn).is_err() {
                return self.to_string();
            }
            text.push('\n');
        }
        let _ = writeln!(text, "{}", self.tally());
        text
    }

    /// All faults for a script: a list of `{code, file, line, column, message, hint}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.faults
            .iter()
            .map(|fault| {
                let position = self.position(fault);
                json!({
                    "code": fault.code,
                    "file": self.name,
                    "line": position.map(|(line, _)| line),
                    "column": position.map(|(_, column)| column),
                    "message": fault.message,
                    "hint": fault.hint,
                })
            })
            .collect()
    }

    fn tally(&self) -> String {
        match self.faults.len() {
            1 => format!("1 fault in {}", self.name),
            many => format!("{many} faults in {}", self.name),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(
                f,
                "{}: {}: {}",
                self.place(fault),
                fault.code,
                fault.message
            )?;
            writeln!(f, "  help: {}", fault.hint)?;
        }
        writeln!(f, "{}", self.tally())
    }
}

impl Diagnostic for Faults {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("config"))
    }
}

/// One fault as miette wants to see it.
struct Drawn<'a> {
    fault: &'a Fault,
    source: NamedSource<Arc<str>>,
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.fault.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.fault.hint))
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.fault
            .span
            .map(|_| &self.source as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.fault.span?;
        let label = (!self.fault.label.is_empty()).then(|| self.fault.label.clone());
        let label = LabeledSpan::new(label, span.start, span.end.saturating_sub(span.start));
        Some(Box::new(std::iter::once(label)))
    }
}

/// Line and column of a byte, both from 1 and the column in characters.
pub(crate) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text
        .get(..byte.min(text.len()))
        .unwrap_or_else(|| text.get(..text.floor_char_boundary(byte)).unwrap_or(""));
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |last| last.chars().count())
        + 1;
    (line, column)
}
