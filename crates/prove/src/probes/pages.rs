//! What pages run, and what is never a page.
//!
//! The echo answers as an app does that shows what people wrote, or what they uploaded, as it is. No
//! browser runs here: what is read is what every browser keeps to.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Answer, Reply, TargetError},
    sheet::Met,
};

use super::{answers::Stage, named_route};

/// Attacks `page.scripts`.
pub(super) struct Scripts;
/// Attacks `download.inert`.
pub(super) struct Inert;

/// A page into which somebody wrote.
const PAGE: &str = "<!doctype html><p>Hello <img src=x onerror=alert(1)><script>alert(2)</script>";

const POLICY: &str = "Content-Security-Policy";

/// What a careless app says of its scripts, or does not say.
const CARELESS: &[(&str, &str)] = &[
    ("says nothing of scripts", ""),
    (
        "says that anything may run",
        "\nContent-Security-Policy: default-src * 'unsafe-inline' 'unsafe-eval'",
    ),
    (
        "says who may frame it and no more",
        "\nContent-Security-Policy: frame-ancestors 'none'",
    ),
    (
        "would only be told of it",
        "\nContent-Security-Policy-Report-Only: script-src 'self'",
    ),
];

impl Probe for Scripts {
    fn promise(&self) -> &'static str {
        "page.scripts"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        for route in &at.facts().routes {
            let Some(stage) = Stage::new(at, route)? else {
                continue;
            };
            let plain = stage.plainly()?;
            for (attempt, said) in CARELESS {
                let reply = stage.answered(&format!("200\nContent-Type: text/html{said}"), PAGE)?;
                sheet.pair(
                    format!("a page of {} that {attempt}", route.path),
                    on_answer(&reply, |answer| {
                        let strict = policies(answer).any(is_strict);
                        Met::when(strict, said_of_scripts(answer))
                    }),
                    Met::status(&plain, &[200]),
                );
            }
        }
        Ok(())
    }
}

impl Probe for Inert {
    fn promise(&self) -> &'static str {
        "download.inert"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "on")?;
        let Some(stage) = Stage::new(at, route)? else {
            sheet.unproven(format!("a proof has no credential for {}", route.path));
            return Ok(());
        };
        let twin = || -> Result<Met, TargetError> {
            let head = "200\nContent-Type: text/plain\nContent-Disposition: attachment; filename=\"a.txt\"";
            let reply = stage.answered(head, "a")?;
            Ok(on_answer(&reply, |answer| {
                let name = answer.field("Content-Disposition").unwrap_or_default();
                Met::when(
                    name.contains("a.txt") && answer.body == b"a",
                    "stored as a.txt",
                )
            }))
        };
        for (kind, said) in [
            ("text/html", ""),
            ("image/svg+xml", ""),
            ("application/xhtml+xml", "\nContent-Disposition: inline"),
            (
                "text/html",
                "\nContent-Disposition: inline; filename=attachment",
            ),
            (
                "text/html",
                "\nContent-Security-Policy: script-src 'unsafe-inline'",
            ),
        ] {
            let reply = stage.answered(&format!("200\nContent-Type: {kind}{said}"), PAGE)?;
            let said = said.trim_start().split_once(": ").map_or("", |(_, it)| it);
            sheet.pair(
                format!("{} with {kind} that somebody uploaded {said}", route.path),
                on_answer(&reply, stored),
                twin()?,
            );
        }
        Ok(())
    }
}

fn on_answer(reply: &Reply, judge: impl Fn(&Answer) -> Met) -> Met {
    match reply.answer() {
        Some(answer) if answer.status == 200 => judge(answer),
        // Whatever is not passed on is not shown.
        Some(answer) if answer.status == 502 => Met::when(true, "502: it is not passed on"),
        Some(answer) => Met::inconclusive(format!("{}", answer.status)),
        None => Met::inconclusive("no answer"),
    }
}

fn values<'a>(answer: &'a Answer, name: &'a str) -> impl Iterator<Item = &'a str> {
    let fields = answer.fields.iter();
    fields
        .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn policies(answer: &Answer) -> impl Iterator<Item = &str> {
    values(answer, POLICY).flat_map(|value| value.split(','))
}

/// The sources of a directive of a policy.
fn sources<'p>(policy: &'p str, name: &str) -> Option<Vec<&'p str>> {
    policy.split(';').find_map(|directive| {
        let mut words = directive.split_ascii_whitespace();
        let head = words.next()?;
        head.eq_ignore_ascii_case(name).then(|| words.collect())
    })
}

/// Whether a policy has scripts come from the origin alone, as files.
fn is_strict(policy: &str) -> bool {
    let sources = sources(policy, "script-src").or_else(|| sources(policy, "default-src"));
    sources.is_some_and(|sources| {
        let alone = ["'self'", "'none'"];
        sources
            .iter()
            .all(|source| alone.iter().any(|one| source.eq_ignore_ascii_case(one)))
    })
}

fn said_of_scripts(answer: &Answer) -> String {
    let all: Vec<&str> = values(answer, POLICY).collect();
    match all.as_slice() {
        [] => "nothing says what may run".to_owned(),
        all => all.join(" and "),
    }
}

/// Whether a browser stores it, believes no other type, and would run nothing in it.
fn stored(answer: &Answer) -> Met {
    let dispositions: Vec<&str> = values(answer, "Content-Disposition").collect();
    let [disposition] = dispositions.as_slice() else {
        return Met::when(false, format!("{} dispositions", dispositions.len()));
    };
    let kind = disposition.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("attachment") {
        return Met::when(false, format!("Content-Disposition: {disposition}"));
    }
    let inert = policies(answer).any(|policy| {
        sources(policy, "default-src") == Some(vec!["'none'"])
            && sources(policy, "sandbox") == Some(Vec::new())
    });
    Met::when(inert, format!("Content-Disposition: {disposition}"))
}

#[cfg(test)]
mod tests {
    use control::Verdict;

    use super::*;

    fn answer(fields: &[(&str, &str)]) -> Answer {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Answer {
            status: 200,
            fields: fields.iter().map(pair).collect(),
            ..Answer::default()
        }
    }

    #[test]
    fn a_policy_is_strict_where_scripts_are_files_of_the_origin() {
        for (policy, strict) in [
            ("default-src 'self'; img-src *", true),
            ("script-src 'none'", true),
            ("default-src *; script-src 'self'", true),
            (
                "default-src 'self'; script-src 'self' 'unsafe-inline'",
                false,
            ),
            ("script-src https:", false),
            ("frame-ancestors 'self'", false),
            ("", false),
        ] {
            assert_eq!(is_strict(policy), strict, "{policy}");
        }
    }

    #[test]
    fn what_is_stored_is_an_attachment_that_runs_nothing() {
        let inert = (POLICY, "default-src 'none'; sandbox");
        let held = |fields: &[(&str, &str)]| {
            let mut sheet = Sheet::new();
            sheet.pair("", stored(&answer(fields)), Met::when(true, ""));
            sheet.verdict() == Verdict::Kept
        };
        let attachment = ("Content-Disposition", "attachment; filename=a");
        assert!(held(&[attachment, inert]));
        assert!(!held(&[attachment]));
        assert!(!held(&[inert]));
        assert!(!held(&[("Content-Disposition", "inline"), inert]));
        assert!(!held(&[attachment, attachment, inert]));
        let allowing = (POLICY, "default-src 'none'; sandbox allow-scripts");
        assert!(!held(&[attachment, allowing]));
    }
}
