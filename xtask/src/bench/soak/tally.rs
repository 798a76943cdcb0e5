//! Requests that clients were answered, against those the ledger holds.
//!
//! Owns which entries stand for a request, and the comparison for each status. A client that leaves
//! cannot know whether it was counted: each such may account for one entry more and never for one
//! less.

use std::{collections::BTreeMap, io::BufRead};

use serde_json::Value;

/// Requests by status; 0 is none.
pub(super) type Counts = BTreeMap<u16, u64>;

/// Counts the requests in an export, one entry a line. `None` for a line that is no entry.
pub(super) fn recorded(export: impl BufRead) -> Option<Counts> {
    let mut counts = Counts::new();
    for line in export.lines() {
        let entry: Value = serde_json::from_str(&line.ok()?).ok()?;
        let count = match entry.get("kind")?.as_str()? {
            "request" | "websocket.open" | "webhook.duplicate" | "auth.failure" => 1,
            "request.refusals" => entry.get("count")?.as_u64()?,
            _ => continue,
        };
        let status = entry.get("status").and_then(Value::as_u64).unwrap_or(0);
        *counts.entry(u16::try_from(status).ok()?).or_default() += count;
    }
    Some(counts)
}

/// What does not agree, in words; nothing where all does.
pub(super) fn compare(answered: &Counts, left: u64, recorded: &Counts) -> Vec<String> {
    let mut faults = Vec::new();
    for (status, count) in answered {
        let held = recorded.get(status).copied().unwrap_or(0);
        if held < *count {
            faults.push(format!(
                "{count} requests were answered {status}, and the ledger holds {held} of them"
            ));
        }
    }
    let (answered, recorded): (u64, u64) = (answered.values().sum(), recorded.values().sum());
    if recorded > answered + left {
        faults.push(format!(
            "the ledger holds {recorded} requests, and only {answered} were answered and {left} left"
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_stand_for_requests_are_counted_by_status() {
        let export = r#"{"v":1,"kind":"instance.start"}
{"v":1,"kind":"request","status":200}
{"v":1,"kind":"request","status":200}
{"v":1,"kind":"request"}
{"v":1,"kind":"auth.success"}
{"v":1,"kind":"auth.failure","status":401}
{"v":1,"kind":"request.refusals","status":400,"count":30}
{"v":1,"kind":"websocket.open","status":101}
{"v":1,"kind":"websocket.close","status":101}
"#;
        let counts = recorded(export.as_bytes()).unwrap();
        let right = [(0, 1), (101, 1), (200, 2), (400, 30), (401, 1)];
        assert_eq!(counts, Counts::from(right));
        assert_eq!(recorded(&b"{\n"[..]), None);
    }

    #[test]
    fn an_answer_without_an_entry_is_told() {
        let answered = Counts::from([(200, 5), (401, 1)]);
        let held = Counts::from([(200, 4), (401, 3)]);
        let faults = compare(&answered, 9, &held);
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].contains("200, and the ledger holds 4"),
            "{faults:?}"
        );
    }

    #[test]
    fn those_who_left_may_account_for_entries_and_nobody_else() {
        let (answered, held) = (Counts::from([(200, 5)]), Counts::from([(200, 6), (408, 1)]));
        assert_eq!(compare(&answered, 2, &held), Vec::<String>::new());
        assert_eq!(compare(&answered, 1, &held).len(), 1);
    }
}
