//! Requests and answers that no description has.
//!
//! What is asked for as it is described is the route's own path and method; each attempt differs from it in
//! one thing. The echo answers as an app does that was changed and whose description was not.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Reply, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{
    answers::Stage, bodies::entry, draft::Draft, method_of, named_route, visitor::Visitor,
};

/// Attacks `api.contract`.
pub(super) struct Contract;

/// What a request that no description has is answered with.
const REFUSED: &[u16] = &[400, 404, 405, 415, 422];

impl Probe for Contract {
    fn promise(&self) -> &'static str {
        "api.contract"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "on")?;
        let method = method_of(route);
        let (Some(visitor), Some(stage)) =
            (Visitor::new(at, route, method)?, Stage::new(at, route)?)
        else {
            return Err(TargetError::new("find a caller", "nobody can ask there"));
        };
        let plain = |change: &dyn Fn(Draft) -> Draft| -> Result<Reply, TargetError> {
            visitor.sends(at, &change(Draft::new(at, method, &route.path)))
        };
        let twin = || plain(&|draft| draft).map(|reply| Met::status(&reply, &[200]));
        let target = |target: String| {
            move |draft: Draft| {
                let mut draft = draft;
                draft.target.clone_from(&target);
                draft
            }
        };
        let path = route.path.trim_end_matches('/');
        let free = entry(at, path).and_then(|entry| entry.pointer("/accepts/unknown_query"));
        let free = free == Some(&Value::Bool(true));
        let query = [(
            "with a query that it does not have",
            target(format!("{path}?vouchsafe=1")),
        )];
        let query = query.into_iter().filter(|_| !free);
        let below = [
            (
                "at a path that it does not have",
                target(format!("{path}/vouchsafe/not/described")),
            ),
            (
                "at its own path with another end",
                target(format!("{path}/")),
            ),
        ];
        // What lies below a route of one path alone is another's to judge.
        let below = below.into_iter().filter(|_| !route.exact);
        for (attempt, change) in query.chain(below) {
            sheet.pair(
                format!("{method} {path} {attempt}"),
                Met::status(&plain(&change)?, REFUSED),
                twin()?,
            );
        }
        // A body where none belongs is a matter of framing; of what type it is, is described.
        if !matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") {
            let body = |draft: Draft| draft.body("application/x-vouchsafe", b"vouchsafe");
            sheet.pair(
                format!("{method} {path} with a body that it does not have"),
                Met::status(&plain(&body)?, REFUSED),
                twin()?,
            );
        }
        for (attempt, head, said) in [
            ("a page", "200\nContent-Type: text/html", "<p>vouchsafe</p>"),
            (
                "no JSON at all",
                "200\nContent-Type: application/json",
                "vouchsafe",
            ),
            (
                "JSON that it does not have",
                "200\nContent-Type: application/json",
                "{\"vouchsafe\":[[\"not described\"]]}",
            ),
        ] {
            sheet.pair(
                format!("an answer to {method} {path} that is {attempt}"),
                Met::status(&stage.answered(head, said)?, &[502]),
                twin()?,
            );
        }
        Ok(())
    }
}
