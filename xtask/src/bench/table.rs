//! Figures in rows and columns, for a terminal and for a document.

/// A table of figures and what must be said about them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    aims: Vec<Aim>,
    notes: Vec<String>,
}

/// What was aimed at, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aim {
    /// What is meant: a row and a figure of it.
    pub(crate) what: String,
    /// The bound, as it is said.
    pub(crate) bound: String,
    pub(crate) measured: String,
    pub(crate) verdict: Verdict,
}

/// Whether an aim was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// A refusal costs less than what was asked for.
    MissedByFailing,
    /// The machine lacks what the aim takes for granted.
    NotHere,
}

impl Verdict {
    /// The verdict on a row whose bound `holds` and of which `failed` requests failed.
    pub(crate) const fn of(holds: bool, failed: u64) -> Self {
        match (failed, holds) {
            (0, true) => Self::Met,
            (0, false) => Self::Missed,
            _ => Self::MissedByFailing,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::MissedByFailing => "missed, because requests failed",
            Self::NotHere => "not judged: this machine is slower than the aim assumes",
        }
    }
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self::titled("", columns)
    }

    /// A table below a heading of its own.
    pub(crate) fn titled(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
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

    /// How many rows it has.
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn aim(&mut self, aim: Aim) {
        self.aims.push(aim);
    }

    /// A sentence below the table: what was off, what a figure means.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn heading(&self, mark: &str) -> String {
        match self.title.as_str() {
            "" => String::new(),
            title => format!("{mark}{title}\n\n"),
        }
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
        let mut text = self.heading("");
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
        let mut text = self.heading("### ");
        text.push_str(&(line(&self.columns) + &line(&rule)));
        text.extend(self.rows.iter().map(|row| line(row)));
        for note in &self.notes {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }
}

/// All tables for a terminal, behind their aims.
pub(crate) fn aligned(tables: &[Table]) -> String {
    joined(tables, Table::aligned)
}

/// All tables for a document, behind their aims.
pub(crate) fn markdown(tables: &[Table]) -> String {
    joined(tables, Table::markdown)
}

fn joined(tables: &[Table], form: fn(&Table) -> String) -> String {
    let mut aims = Table::titled("Aims", &["aim", "bound", "measured", ""]);
    for aim in tables.iter().flat_map(|table| &table.aims) {
        let Aim {
            what,
            bound,
            measured,
            verdict,
        } = aim;
        let verdict = verdict.text().to_owned();
        aims.row([what.clone(), bound.clone(), measured.clone(), verdict]);
    }
    let aims = Some(&aims).filter(|aims| !aims.rows.is_empty());
    let parts: Vec<String> = aims.into_iter().chain(tables).map(form).collect();
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::titled("Cost", &["server", "µs"]);
        table.row(["nginx".to_owned(), "10.4".to_owned()]);
        table.row(["us".to_owned(), "7.3".to_owned()]);
        table.note("One core.");
        table
    }

    #[test]
    fn a_terminal_gets_columns() {
        assert_eq!(
            aligned(&[sample()]),
            "Cost\n\nserver    µs\nnginx   10.4\nus       7.3\n\nOne core.\n"
        );
    }

    #[test]
    fn a_document_gets_a_markdown_table() {
        assert_eq!(
            markdown(&[sample()]),
            "### Cost\n\n| server | µs |\n| --- | ---: |\n| nginx | 10.4 |\n| us | 7.3 |\n\nOne core.\n"
        );
    }

    #[test]
    fn aims_stand_before_all_tables_with_what_came_of_them() {
        let mut table = sample();
        for (failed, holds) in [(0, true), (0, false), (1, true)] {
            table.aim(Aim {
                what: "us".to_owned(),
                bound: "≤ 8.0".to_owned(),
                measured: "7.3".to_owned(),
                verdict: Verdict::of(holds, failed),
            });
        }
        let text = markdown(&[table, sample()]);
        let aims = "### Aims\n\n| aim | bound | measured |  |\n| --- | ---: | ---: | ---: |\n\
                    | us | ≤ 8.0 | 7.3 | met |\n| us | ≤ 8.0 | 7.3 | missed |\n\
                    | us | ≤ 8.0 | 7.3 | missed, because requests failed |\n\n### Cost\n";
        assert!(text.starts_with(aims), "{text}");
        assert_eq!(text.matches("### Cost").count(), 2);
    }
}
