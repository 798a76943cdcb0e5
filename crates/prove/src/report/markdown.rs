//! The report for pages, and the status block of the document.
//!
//! Owns what is told to whoever may read the document: which promises are broken is only told when
//! asked for, because an attacker reads it too.

use std::fmt::Write;

use control::Verdict;

use crate::{
    dates,
    outcome::{Outcome, Report},
};

/// How much the status block tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Date, counts, kept promises, checkpoint.
    Kept,
    /// Every promise with its verdict.
    Full,
}

/// The report as a Markdown page.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}\n", escape(&report.summary().line()));
    let _ = writeln!(
        out,
        "{} on {}.\n",
        escape(&report.file),
        dates::day(report.at)
    );
    rows(&mut out, report.outcomes.iter());
    for outcome in report
        .outcomes
        .iter()
        .filter(|o| matches!(o.verdict, Verdict::Broken | Verdict::Error))
    {
        details(&mut out, outcome);
    }
    if !report.not_promised.is_empty() {
        let _ = writeln!(out, "\n## Not promised\n");
        for control in &report.not_promised {
            let _ = writeln!(out, "- {} ({})", escape(control.title), control.control);
        }
    }
    for waiver in &report.expired {
        let _ = writeln!(
            out,
            "\nThe waiver of `{}` by {} ended on {}.",
            waiver.promise,
            escape(&waiver.owner),
            dates::last_day(waiver.until)
        );
    }
    checkpoint(&mut out, report);
    out
}

/// What stands between the status markers of the document.
#[must_use]
pub fn status(report: &Report, detail: Detail) -> String {
    let mut out = String::new();
    let line = report.summary().line();
    let _ = writeln!(
        out,
        "Proved on {}: {}.\n",
        dates::day(report.at),
        escape(&line)
    );
    let told = report
        .outcomes
        .iter()
        .filter(|o| detail == Detail::Full || o.verdict == Verdict::Kept);
    rows(&mut out, told);
    checkpoint(&mut out, report);
    out
}

fn rows<'a>(out: &mut String, outcomes: impl Iterator<Item = &'a Outcome>) {
    let _ = writeln!(
        out,
        "| verdict | promise | rows | what was said | what was proven |"
    );
    let _ = writeln!(out, "|---|---|---|---|---|");
    for outcome in outcomes {
        let _ = writeln!(
            out,
            "| {} {} | `{}` | {} | {} | {} |",
            outcome.verdict.mark(),
            word(outcome),
            outcome.promise,
            outcome.rows.join(" "),
            escape(&outcome.sentence),
            escape(&outcome.proven)
        );
    }
}

fn word(outcome: &Outcome) -> String {
    let until = match (outcome.verdict, &outcome.waiver, &outcome.attested) {
        (Verdict::Waived, Some(waiver), _) => Some(waiver.until),
        (Verdict::Attested, _, Some(attested)) => Some(attested.until),
        _ => None,
    };
    match until {
        Some(until) => format!(
            "{} until {}",
            outcome.verdict.word(),
            dates::last_day(until)
        ),
        None => outcome.verdict.word().to_owned(),
    }
}

fn details(out: &mut String, outcome: &Outcome) {
    let _ = writeln!(
        out,
        "\n## {}: {}\n",
        outcome.promise,
        outcome.verdict.word()
    );
    for evidence in outcome.evidence.iter().filter(|evidence| !evidence.held) {
        let twin = evidence
            .twin
            .as_ref()
            .map(|twin| format!("; twin: {}", escape(twin)))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "- {}: {}{twin}",
            escape(&evidence.attempt),
            escape(&evidence.saw)
        );
    }
    for mend in &outcome.mends {
        let _ = writeln!(
            out,
            "\n{}:\n\n```toml\n{}\n```",
            escape(&mend.wrong),
            mend.write.trim_end()
        );
    }
    if let Some(hint) = &outcome.hint {
        let _ = writeln!(out, "\n{}.", escape(hint));
    }
}

fn checkpoint(out: &mut String, report: &Report) {
    let Some(checkpoint) = &report.checkpoint else {
        return;
    };
    let mut lines = checkpoint.lines();
    if let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) {
        let _ = writeln!(
            out,
            "\nLedger checkpoint: `{}`, {} entries, root `{}`.",
            code(origin),
            escape(size),
            code(root)
        );
    }
}

/// Keeps text inside a code span.
fn code(text: &str) -> String {
    text.replace('`', "'")
}

/// Keeps text on its line and in its cell, and keeps it from becoming markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
