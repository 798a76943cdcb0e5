//! What something adds to a request: rows beside the one without it, of the same server.

use super::{
    super::{
        Table,
        figures::Spread,
        table::{Aim, Verdict},
    },
    rows::{self, Row, Sample},
};

/// The table of rows, each less the row it is compared with, round by round. `bound` says of a row the
/// most that may be added, in microseconds, where there is an aim.
pub(super) fn tabulate(
    title: &str,
    rows: &[Row],
    samples: &[Vec<Sample>],
    bound: impl Fn(&Row) -> Option<f64>,
) -> Table {
    let columns = [
        "server",
        "CPU µs/request",
        "added µs",
        "requests/s",
        "failed",
    ];
    let mut table = Table::titled(title, &columns);
    for (row, own) in rows.iter().zip(samples) {
        let spread = |of: fn(&Sample) -> f64, decimals: usize| {
            let spread = Spread::of(own.iter().map(of));
            spread.map_or_else(String::new, |it| format!("{it:.decimals$}"))
        };
        let failed = rows::failed(own);
        let added = added(row, rows, own, samples);
        table.row([
            row.name.clone(),
            spread(|it| it.micros, 1),
            added.map_or_else(|| "–".to_owned(), |added| format!("{added:.1}")),
            spread(|it| it.per_second, 0),
            failed.to_string(),
        ]);
        if let (Some(added), Some(bound)) = (added, bound(row)) {
            table.aim(Aim {
                what: format!("added by {}, µs", row.name),
                bound: format!("≤ {bound:.1}"),
                measured: format!("{added:.1}"),
                verdict: Verdict::of(added.median <= bound, failed),
            });
        }
    }
    table
}

/// What `row` costs more than the one it is compared with; nothing for that one itself.
fn added(row: &Row, rows: &[Row], own: &[Sample], samples: &[Vec<Sample>]) -> Option<Spread> {
    let bare = row.against.as_deref().filter(|bare| *bare != row.name)?;
    let bare = samples.get(rows.iter().position(|it| it.name == bare)?)?;
    let pairs = own.iter().zip(bare);
    Spread::of(pairs.map(|(own, bare)| own.micros - bare.micros))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{super::table, rows::Drive, systems::Which},
        *,
    };

    #[test]
    fn what_is_added_is_taken_within_each_round() {
        let row = |name: &str| Row {
            name: name.to_owned(),
            which: Which::Nginx,
            drive: Drive::Wrk { path: "/" },
            against: Some("bare".to_owned()),
            aim: None,
        };
        let samples = [[10.0, 20.0], [11.0, 21.5]].map(|micros| {
            let sample = |micros| Sample {
                micros,
                ..Sample::default()
            };
            micros.map(sample).to_vec()
        });
        let rows = [row("bare"), row("with")];
        let bound = |row: &Row| (row.name == "with").then_some(1.0);
        let text = table::markdown(&[tabulate("Requests", &rows, &samples, bound)]);
        assert!(
            text.contains("| with | 16.2 (11.0–21.5) | 1.2 (1.0–1.5) |"),
            "{text}"
        );
        assert!(text.contains("| bare | 15.0 (10.0–20.0) | – |"), "{text}");
        assert!(text.contains("| added by with, µs | ≤ 1.0 | 1.2"), "{text}");
        assert!(!text.contains("added by bare"), "{text}");
    }
}
