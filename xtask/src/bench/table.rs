//! Figures in rows and columns, for a terminal and for a document.

/// A table of figures and what must be said about them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// A row with as many figures as there are columns beside the first.
    pub(crate) fn cells(&mut self, name: &str, figures: impl IntoIterator<Item = String>) {
        self.rows
            .push(std::iter::once(name.to_owned()).chain(figures).collect());
    }

    /// A sentence below the table: what was off, which aim was missed.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// In columns of equal width; the first is text, the others are figures.
    pub(crate) fn aligned(&self) -> String {
        let all = || std::iter::once(&self.columns).chain(&self.rows);
        let width = |at: usize| {
            all()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let mut text = String::new();
        for row in all() {
            for (at, cell) in row.iter().enumerate() {
                let width = width(at);
                text.push_str(&match at {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            }
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }

    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = (0..self.columns.len())
            .map(|at| (if at == 0 { "---" } else { "---:" }).to_owned())
            .collect();
        let mut text = line(&self.columns) + &line(&rule);
        text.extend(self.rows.iter().map(|row| line(row)));
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["server", "µs"]);
        table.row(["nginx".to_owned(), "10.4".to_owned()]);
        table.row(["us".to_owned(), "7.3".to_owned()]);
        table.note("Aim met.");
        table
    }

    #[test]
    fn a_terminal_gets_columns() {
        assert_eq!(
            sample().aligned(),
            "server    µs\nnginx   10.4\nus       7.3\n\nAim met.\n"
        );
    }

    #[test]
    fn a_document_gets_a_markdown_table() {
        assert_eq!(
            sample().markdown(),
            "| server | µs |\n| --- | ---: |\n| nginx | 10.4 |\n| us | 7.3 |\n\nAim met.\n"
        );
    }
}
