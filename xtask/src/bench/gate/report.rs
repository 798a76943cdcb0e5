//! What the rounds come to: the table, the ratios and the aims.

use super::{
    super::{
        Table,
        figures::Spread,
        packages::{self, HAPROXY, NGINX, WRK},
    },
    CASES, Case, Sample,
};

/// What the figures include, and what they do not.
pub(super) const ABOUT: &str = "\
    Processor time is user and system time of the proxy's whole process tree, for Vouchsafe with \
    its ledger writer, counted until 1.2 s after the load ends. Proxies have one worker for each \
    core, keep connections to the origin and the client open, and share the cores with origin and \
    load generator: latencies are those of a saturated machine and say little by themselves. \
    Vouchsafe runs with every default: pass-through is an open route with strict framing, host \
    allow-list, forwarding fields, request id, response headers and one ledger event for each \
    request; the full chain adds an API key with role and scope and the signed assertion. nginx and \
    HAProxy pass through with logs off; the row of nginx with key, log and headers adds a map of the \
    key, a buffered JSON access log and three response headers. TLS is off in every row.";

pub(super) fn tabulate(samples: &[Vec<Sample>]) -> Table {
    let mut table = Table::new(&[
        "server",
        "CPU µs/request",
        "× nginx",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "RSS MB",
        "PSS MB",
        "failed",
    ]);
    for (case, own) in CASES.iter().zip(samples) {
        let middle = |of: fn(&Sample) -> f64| Spread::of(own.iter().map(of));
        let plain = |of, decimals| {
            middle(of).map_or_else(String::new, |s: Spread| format!("{:.decimals$}", s.median))
        };
        let failed = failed(own);
        let name = match failed {
            0 => case.name.to_owned(),
            _ => format!("{} (not comparable: requests failed)", case.name),
        };
        table.row([
            name,
            middle(|s| s.micros).map_or_else(String::new, |s| format!("{s:.1}")),
            ratio(case, samples).map_or_else(|| "–".to_owned(), |s| format!("{s:.2}")),
            plain(|s| s.report.per_second, 0),
            plain(|s| s.report.p50.as_secs_f64() * 1e3, 2),
            plain(|s| s.report.p99.as_secs_f64() * 1e3, 2),
            plain(|s| s.memory.resident as f64 / 1e6, 1),
            plain(|s| s.memory.proportional as f64 / 1e6, 1),
            failed.to_string(),
        ]);
    }
    table
}

/// Requests of the counted rounds that were not answered as they should.
fn failed(samples: &[Sample]) -> u64 {
    samples.iter().map(|sample| sample.report.failed).sum()
}

/// Cost against that of the row it is compared with, round by round.
fn ratio(case: &Case, samples: &[Vec<Sample>]) -> Option<Spread> {
    let (own, other) = (of(case.name, samples)?, of(case.against(), samples)?);
    Spread::of(
        own.iter()
            .zip(other)
            .map(|(own, other)| own.micros / other.micros),
    )
}

/// The samples of the row called `name`.
fn of<'a>(name: &str, samples: &'a [Vec<Sample>]) -> Option<&'a [Sample]> {
    let at = CASES.iter().position(|case| case.name == name)?;
    samples.get(at).map(Vec::as_slice)
}

/// Whether the aim of a row is met; `None` where it has none.
pub(super) fn aim(case: &Case, samples: &[Vec<Sample>]) -> Option<String> {
    let (aim, ratio) = (case.aim?, ratio(case, samples)?);
    let verdict = match failed(of(case.name, samples)?) {
        0 if ratio.median <= aim => "met",
        0 => "missed",
        // A refusal costs less than what was asked for.
        _ => "missed, because requests failed",
    };
    let (name, against) = (case.name, case.against());
    Some(format!(
        "Aim: {name} at most {aim:.1} times the cost of {against}. {ratio:.2}: {verdict}."
    ))
}

/// Whom we were measured beside, and with what.
pub(super) fn versions() -> String {
    let all = [NGINX, HAPROXY, WRK].map(|package| packages::version(&package).unwrap_or_default());
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            super::{process::Memory, wrk::Report},
            NGINX_ALONE,
        },
        *,
    };

    /// Samples that cost `micros`, one for each round; the rows in between cost nothing.
    fn samples(of: &[(&str, &[f64])]) -> Vec<Vec<Sample>> {
        let costs = |case: &Case| of.iter().find(|(name, _)| *name == case.name);
        CASES
            .iter()
            .map(|case| costs(case).map_or(&[][..], |(_, micros)| micros))
            .map(|micros| {
                let sample = |micros: &f64| Sample {
                    micros: *micros,
                    memory: Memory::default(),
                    report: Report::default(),
                };
                micros.iter().map(sample).collect()
            })
            .collect()
    }

    fn case(name: &str) -> &'static Case {
        CASES.iter().find(|case| case.name == name).unwrap()
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let ours = "Vouchsafe, pass-through";
        // A machine half as fast in the second round changes both costs and no ratio.
        let samples = samples(&[(NGINX_ALONE, &[10.0, 20.0]), (ours, &[7.0, 14.0])]);
        assert_eq!(
            format!("{:.2}", ratio(case(ours), &samples).unwrap()),
            "0.70 (0.70–0.70)"
        );
        assert!(
            aim(case(ours), &samples)
                .unwrap()
                .ends_with("0.70 (0.70–0.70): met.")
        );
    }

    #[test]
    fn a_missed_aim_is_said() {
        let ours = "Vouchsafe, full chain";
        let samples = samples(&[(NGINX_ALONE, &[10.0]), (ours, &[10.1])]);
        assert!(aim(case(ours), &samples).unwrap().ends_with("missed."));
        assert_eq!(aim(case(NGINX_ALONE), &samples), None);
    }

    #[test]
    fn a_row_with_failures_meets_no_aim_and_says_so() {
        let ours = "Vouchsafe, full chain";
        let mut samples = samples(&[(NGINX_ALONE, &[10.0]), (ours, &[5.0])]);
        assert!(aim(case(ours), &samples).unwrap().ends_with(": met."));
        for sample in samples.iter_mut().flatten() {
            sample.report.failed = 1;
        }
        let said = aim(case(ours), &samples).unwrap();
        assert!(said.ends_with("missed, because requests failed."), "{said}");
        let table = tabulate(&samples).markdown();
        assert!(
            table.contains("| Vouchsafe, full chain (not comparable"),
            "{table}"
        );
    }

    #[test]
    fn the_table_has_a_row_for_every_case() {
        let table = tabulate(&samples(&[])).markdown();
        for case in CASES {
            assert!(table.contains(case.name), "{table}");
        }
    }
}
