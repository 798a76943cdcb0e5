//! Reading as often as one likes.
//!
//! A document that states this risk says so of what it has. What is counted is only whether somebody is
//! held up: how fast the app answers is its own affair.

use control::{Asked, Probe, Sheet, Target, probe::TargetError, sheet::Met};

use crate::probes::draft::Draft;

/// Attacks `limits.reads-free`.
pub(crate) struct ReadsFree;

/// Requests of one burst: more than a limit for people has within a minute.
const BURST: u32 = 300;

impl Probe for ReadsFree {
    fn promise(&self) -> &'static str {
        "limits.reads-free"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let on = asked.value("on").unwrap_or("/");
        // A proof is counted where it is known: its tickets for open routes use up nobody's limit.
        let Some(route) = super::route(at, Some(on), Some("GET")) else {
            sheet.unproven(format!("no route at {on} knows who reads"));
            return Ok(());
        };
        let reader = super::visitor(at, route, "GET")?;
        let first = reader.sends(at, &Draft::new(at, "GET", on))?;
        let mut met = Met::when(true, "nobody was held up: the risk is as stated");
        for number in 2..=BURST {
            let reply = reader.sends(at, &Draft::new(at, "GET", on))?;
            if reply.answer().is_none_or(|answer| answer.status == 429) {
                met = Met::when(false, format!("held up at number {number}"));
                break;
            }
        }
        sheet.pair(
            format!("GET {on}, {BURST} times in one burst"),
            met,
            Met::status(&first, &[200]),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use control::{
        Verdict,
        probe::{Answer, Guard, Reply},
    };

    use super::*;
    use crate::target::double::{Double, echo};

    fn verdict(most: u32) -> Verdict {
        let had = Cell::new(0);
        let mut at = Double::answering(move |_| {
            had.set(had.get() + 1);
            if had.get() <= most {
                return echo(&[]);
            }
            Reply::Answer(Answer {
                status: 429,
                ..Answer::default()
            })
        });
        at.facts
            .routes
            .retain(|route| matches!(route.guard, Guard::Key(_)));
        let path = at.facts.routes[0].path.clone();
        let asked = Asked {
            promise: "limits.reads-free".to_owned(),
            values: [("on".to_owned(), path)].into(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        ReadsFree.run(&asked, &at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn a_burst_that_nobody_holds_up_is_the_risk_that_was_stated_and_a_limit_is_not() {
        assert_eq!(verdict(BURST), Verdict::Kept);
        assert_eq!(verdict(BURST - 1), Verdict::Broken);
        assert_eq!(verdict(1), Verdict::Broken);
        assert_eq!(verdict(0), Verdict::Error);
    }
}
