//! `docs/reference/wire.md`: every shape and what each server makes of it.
//!
//! Owns the tables, one for each group. The columns of other servers are as they were observed when
//! the page was last written whole; Vouchsafe's and the list of shapes are checked in every run of
//! the suite.

use std::collections::BTreeMap;

use super::{
    Column, Which,
    shape::{Group, Shape},
};
use crate::{failure::Failure, generate, marked, workspace::Workspace};

const PAGE: &str = "docs/reference/wire.md";
const PART: &str = "shapes";

/// Writes the page.
pub(super) fn write(
    workspace: &Workspace,
    groups: &[Group],
    columns: &BTreeMap<Which, Column>,
) -> Result<(), Failure> {
    let path = workspace.root().join(PAGE);
    let text = std::fs::read_to_string(&path).map_err(|cause| Failure::io(&path, &cause))?;
    let body = body(groups, columns);
    let new = marked::replace(&text, PART, &body).ok_or_else(unmarked)?;
    generate::store(&path, &new)?;
    eprintln!("{PAGE}: written");
    Ok(())
}

/// Demands that the page has these shapes and no others, with Vouchsafe's column as it is now.
pub(super) fn check(
    workspace: &Workspace,
    groups: &[Group],
    columns: &BTreeMap<Which, Column>,
) -> Result<(), Failure> {
    let path = workspace.root().join(PAGE);
    let text = std::fs::read_to_string(&path).map_err(|cause| Failure::io(&path, &cause))?;
    let written = ours(&text);
    let now = ours(&body(groups, columns));
    if written == now {
        return Ok(());
    }
    let changed: Vec<&str> = now
        .iter()
        .filter(|row| !written.contains(row))
        .chain(written.iter().filter(|row| !now.contains(row)))
        .filter_map(|row| row.first().map(String::as_str))
        .collect();
    Err(Failure::no(
        format!(
            "{PAGE} is not what the shapes say now: {}",
            changed.join(", ")
        ),
        "run `cargo xtask differential --write` and commit the page",
    ))
}

fn unmarked() -> Failure {
    Failure::stuck(
        format!("{PAGE} has no part marked {PART}"),
        format!("put `<!-- generated: {PART} -->` and `<!-- end: {PART} -->` into it"),
    )
}

/// The cells of each row as far as they are ours: all but those of other servers.
fn ours(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.split(" | ")
                .take(OURS)
                .map(|cell| cell.trim_matches(['|', ' ']).to_owned())
                .collect()
        })
        .collect()
}

/// Columns before those of other servers.
const OURS: usize = 5;

fn body(groups: &[Group], columns: &BTreeMap<Which, Column>) -> String {
    let count: usize = groups.iter().map(|group| group.shapes.len()).sum();
    let cases = groups.iter().flat_map(|group| &group.shapes);
    let conformance = cases.filter(|shape| shape.conformance).count();
    let mut text = format!(
        "{count} shapes, {conformance} of them cases of conformance (*), which any server must \
         serve.\n"
    );
    let others: Vec<Which> = Which::ALL
        .into_iter()
        .filter(|which| *which != Which::Vouchsafe)
        .collect();
    for group in groups {
        text += &format!("\n## {}\n\n{}\n\n", group.name, group.about);
        let titles: Vec<String> = others.iter().map(|which| which.title()).collect();
        text += &format!(
            "| shape | what | bytes | RFC | Vouchsafe | {} |\n",
            titles.join(" | ")
        );
        text += &"|---".repeat(OURS + others.len());
        text += "|\n";
        for shape in &group.shapes {
            let word = |which: &Which| {
                let row = columns.get(which).and_then(|column| column.get(&shape.id));
                row.map_or_else(|| "?".to_owned(), |row| cell(&row.word))
            };
            let star = if shape.conformance { " *" } else { "" };
            text += &format!(
                "| `{}`{star} | {} | {} | {} | {} | {} |\n",
                shape.id,
                cell(&shape.about),
                code(&short(shape)),
                shape.rfc,
                word(&Which::Vouchsafe),
                others.iter().map(word).collect::<Vec<_>>().join(" | "),
            );
        }
    }
    text
}

/// What of a shape is worth showing: the script without what all have in common.
fn short(shape: &Shape) -> String {
    const MOST: usize = 120;
    let script = if shape.answers.is_empty() {
        shape.send.clone()
    } else {
        shape.answers.join(" … ")
    };
    let text = script
        .replace(r"Host: {host}\r\n", "…")
        .replace(r"GET / HTTP/1.1\r\n…", "… ")
        .replace(r"POST / HTTP/1.1\r\n…", "POST … ");
    if text.chars().count() <= MOST {
        return text;
    }
    let begin: String = text.chars().take(MOST - 1).collect();
    format!("{begin}…")
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Code in a cell: between as many backticks as it takes.
fn code(text: &str) -> String {
    let text = cell(text);
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_that_are_checked_leave_out_other_servers() {
        let text = "a\n| `x` * | b | `c` | 9112 6 | 400 | 200 | open |\n";
        let cells = ours(text);
        assert_eq!(cells, [["`x` *", "b", "`c`", "9112 6", "400"]]);
    }
}
