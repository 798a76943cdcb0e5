//! The self-test for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::self_test::SelfTest;

/// The self-test as text.
#[must_use]
pub fn self_test_table(test: &SelfTest) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n", test.line());
    for unheld in &test.unheld {
        let _ = writeln!(
            out,
            "! {} (line {}) is {} on a child in good order",
            unheld.promise,
            unheld.line,
            unheld.verdict.word()
        );
        for saw in &unheld.saw {
            let _ = writeln!(out, "    {saw}");
        }
    }
    for trial in &test.trials {
        let (mark, turned) = match &trial.fault {
            None => ('✓', "turned broken".to_owned()),
            Some(fault) => ('✗', format!("NOT AS IT SHOULD: {fault}")),
        };
        let _ = writeln!(
            out,
            "{mark} {:<26} {}: {turned}",
            trial.promise, trial.weakened
        );
        if !trial.beside.is_empty() {
            let _ = writeln!(out, "    with it: {}", trial.beside.join(", "));
        }
    }
    out
}

/// The self-test as one JSON object.
#[must_use]
pub fn self_test_json(test: &SelfTest) -> Value {
    json!({
        "trials": test.trials.iter().map(|trial| json!({
            "id": trial.promise,
            "line": trial.line,
            "weakened": trial.weakened,
            "verdict": trial.verdict,
            "beside": trial.beside,
            "fault": trial.fault,
        })).collect::<Vec<_>>(),
        "unheld": test.unheld.iter().map(|unheld| json!({
            "id": unheld.promise,
            "line": unheld.line,
            "verdict": unheld.verdict,
            "saw": unheld.saw,
        })).collect::<Vec<_>>(),
        "summary": {
            "line": test.line(),
            "trials": test.trials.len(),
            "faults": test.trials.iter().filter(|trial| trial.fault.is_some()).count(),
            "unheld": test.unheld.len(),
        },
    })
}
