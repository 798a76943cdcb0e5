//! Which names and which exact paths are served.

use control::{Asked, Probe, Sheet, Target, probe::TargetError, sheet::Met};

use super::{
    draft::{Draft, Echo},
    named_route, passing,
};

/// Attacks `host.allow-list`: asks under names that are not ours.
pub(super) struct HostAllowList;

impl Probe for HostAllowList {
    fn promise(&self) -> &'static str {
        "host.allow-list"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let Some(plain) = passing(at, sheet)? else {
            return Ok(());
        };
        let ours = plain.host.clone();
        let name = ours
            .rsplit_once(':')
            .map_or(ours.as_str(), |(name, _)| name)
            .to_owned();
        for foreign in [
            "other.invalid".to_owned(),
            format!("{name}.other.invalid"),
            format!("other-{name}"),
            format!("{name}@other.invalid"),
            format!("{name}."),
            "203.0.113.77".to_owned(),
        ] {
            let twin = Met::status(&plain.clone().ticketed(at)?.send(at)?, &[200]);
            let attack = plain.clone().host(&foreign).ticketed(at)?.send(at)?;
            sheet.pair(
                format!("Host: {foreign}"),
                Met::status(&attack, &[400]),
                twin,
            );
        }
        let reply = plain
            .field("X-Forwarded-Host", "other.invalid")
            .ticketed(at)?
            .send(at)?;
        let echo = Echo::of(&reply);
        let met = match &echo {
            Some(echo) => match echo.carrying("other.invalid").first() {
                Some(field) => Met::when(false, format!("reached the app in {field}")),
                None => Met::when(true, "did not reach the app"),
            },
            None => Met::inconclusive("no echo"),
        };
        sheet.pair(
            "X-Forwarded-Host names another",
            met,
            Met::status(&reply, &[200]),
        );
        Ok(())
    }
}

/// Attacks `health.exact-path`: asks for everything that looks like the health check.
pub(super) struct ExactHealthPath;

impl Probe for ExactHealthPath {
    fn promise(&self) -> &'static str {
        "health.exact-path"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let path = named_route(at, asked, "path")?.path.clone();
        let upper = path.to_uppercase();
        let last = path.rsplit('/').next().unwrap_or_default();
        let encoded = path.replacen(&format!("/{last}"), &format!("%2f{last}"), 1);
        for (name, method, target) in [
            ("a path below it", "GET", format!("{path}/x")),
            ("a trailing slash", "GET", format!("{path}/")),
            ("a trailing dot", "GET", format!("{path}.")),
            ("trailing dots", "GET", format!("{path}/..")),
            ("a double slash", "GET", format!("/{path}")),
            ("an encoded slash", "GET", encoded),
            ("a path parameter", "GET", format!("{path};x")),
            ("capitals", "GET", upper),
            ("a longer name", "GET", format!("{path}x")),
            ("another method", "POST", path.clone()),
        ] {
            let twin = Met::status(
                &Draft::new(at, "GET", &path).ticketed(at)?.send(at)?,
                &[200],
            );
            let attack = Draft::new(at, method, &target).ticketed(at)?.send(at)?;
            sheet.pair(name, Met::status(&attack, &[400, 401, 403, 404, 405]), twin);
        }
        Ok(())
    }
}
