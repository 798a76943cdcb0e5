//! The report for people.
//!
//! Owns its layout and wrapping. The first line says the whole of it; what is broken comes with the
//! attempts that showed it, the line of configuration that mends it, and what to do next.

use std::fmt::Write;

use control::Verdict;

use crate::{
    dates,
    outcome::{Outcome, Report},
};

/// Characters of one line.
const WIDTH: usize = 100;
/// Where text starts under a verdict.
const INDENT: usize = 14;

/// The report as text; `colour` paints marks and verdicts, which say the same without it.
#[must_use]
pub fn table(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", report.summary().line());
    for outcome in &report.outcomes {
        let _ = writeln!(out);
        promise(&mut out, outcome, colour);
    }
    if !report.not_promised.is_empty() {
        let _ = writeln!(out, "\nnot promised");
        for control in &report.not_promised {
            let line = format!(
                "{} ({}): {}",
                control.title,
                control.control,
                control.promises.join(", ")
            );
            wrapped(&mut out, "", &line);
        }
    }
    for waiver in &report.expired {
        let _ = writeln!(
            out,
            "\nthe waiver of {} by {} ended on {}",
            waiver.promise,
            waiver.owner,
            dates::last_day(waiver.until)
        );
        wrapped(
            &mut out,
            "hint: ",
            "keep the promise, or have the waiver renewed by its owner",
        );
    }
    if let Some(cause) = &report.unrecorded {
        let _ = writeln!(out, "\nthe verdicts are not in the ledger: {cause}");
    }
    if let Some(cause) = &report.left_behind {
        let _ = writeln!(out, "\ncanaries of this proof stayed behind: {cause}");
        wrapped(
            &mut out,
            "hint: ",
            "canary keys end by themselves within 60 seconds",
        );
    }
    out
}

fn promise(out: &mut String, outcome: &Outcome, colour: bool) {
    let verdict = outcome.verdict;
    let word = format!("{} {:<11}", verdict.mark(), verdict.word());
    let _ = writeln!(
        out,
        "{} {}  {}  line {}",
        painted(&word, verdict, colour),
        outcome.promise,
        outcome.rows.join(" "),
        outcome.line
    );
    wrapped(out, "said:   ", &outcome.sentence);
    let shown = match verdict {
        Verdict::Kept => "proven: ",
        Verdict::Attested => "word:   ",
        _ => "means:  ",
    };
    wrapped(out, shown, &outcome.proven);
    if verdict == Verdict::Kept {
        let attempts = outcome.evidence.iter().filter(|e| e.twin.is_some()).count();
        let attempts = if attempts == 1 {
            "1 attempt failed beside a twin that succeeded".to_owned()
        } else {
            format!("{attempts} attempts failed, each beside a twin that succeeded")
        };
        wrapped(out, "by:     ", &attempts);
    }
    if let Some(shown_by) = &outcome.shown_by {
        wrapped(out, "by:     ", shown_by);
    }
    if let Some(attested) = &outcome.attested {
        let until = dates::last_day(attested.until);
        wrapped(out, "by:     ", &format!("{}, until {until}", attested.by));
    }
    if let Some(waiver) = &outcome.waiver {
        let until = dates::last_day(waiver.until);
        wrapped(
            out,
            "waived: ",
            &format!("{}, until {until}: {}", waiver.owner, waiver.reason),
        );
    }
    if matches!(verdict, Verdict::Broken | Verdict::Error) {
        for evidence in outcome.evidence.iter().filter(|evidence| !evidence.held) {
            let twin = evidence
                .twin
                .as_ref()
                .map(|twin| format!("; twin: {twin}"))
                .unwrap_or_default();
            wrapped(
                out,
                "tried:  ",
                &format!("{}: {}{twin}", evidence.attempt, evidence.saw),
            );
        }
    }
    for mend in &outcome.mends {
        wrapped(out, "wrong:  ", &mend.wrong);
        for line in mend.write.lines() {
            let _ = writeln!(out, "{:INDENT$}mend:   {line}", "");
        }
    }
    if let Some(hint) = &outcome.hint {
        wrapped(out, "hint:   ", hint);
    }
}

fn painted(word: &str, verdict: Verdict, colour: bool) -> String {
    if !colour {
        return word.to_owned();
    }
    let code = match verdict {
        Verdict::Kept | Verdict::Constructed => 32,
        Verdict::Attested | Verdict::Waived | Verdict::Unproven => 33,
        Verdict::Error | Verdict::Broken => 31,
    };
    format!("\u{1b}[{code}m{word}\u{1b}[0m")
}

/// Writes `text` behind `label`, broken between words, its further lines under its first.
fn wrapped(out: &mut String, label: &str, text: &str) {
    let room = WIDTH.saturating_sub(INDENT + label.chars().count());
    let mut line = String::new();
    let mut lead = label.to_owned();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            let _ = writeln!(out, "{:INDENT$}{lead}{line}", "");
            lead = " ".repeat(label.chars().count());
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{:INDENT$}{lead}{line}", "");
}
