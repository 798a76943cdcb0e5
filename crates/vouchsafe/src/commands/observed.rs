//! `observed`: what routes under observation would have refused, over the admin socket of a running gate.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use serde_json::Value;

use super::{Format, print};
use crate::{admin, failure::Failure, load};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration of the running gate
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let observed = admin::client(&loaded)
        .get("/v1/observed")
        .map_err(admin::unanswered)?;
    match args.format {
        Format::Json => print(&observed.to_string()),
        Format::Text => print(&drawn(&observed)),
    }
}

fn drawn(observed: &Value) -> String {
    let text = |of: &Value, name: &str| match of.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let list = |name: &str| observed.get(name).and_then(Value::as_array);
    let mut drawn = String::new();
    for route in list("routes").into_iter().flatten() {
        let (id, until) = (text(route, "route"), text(route, "until"));
        let _ = match route.get("observes").and_then(Value::as_bool) {
            Some(true) => writeln!(drawn, "{id} is observed until {until}"),
            _ => writeln!(drawn, "{id} enforces: its observation ended on {until}"),
        };
    }
    if drawn.is_empty() {
        drawn.push_str("no route is observed\n");
    }
    let since = text(observed, "since");
    let rows: Vec<&Value> = list("would_have_refused").into_iter().flatten().collect();
    if rows.is_empty() {
        let _ = write!(drawn, "nothing would have been refused since {since}");
        return drawn;
    }
    let _ = write!(drawn, "would have been refused since {since}:");
    for row in rows {
        let _ = write!(
            drawn,
            "\n{:>8}  {:<20} {:<17} {}",
            text(row, "requests"),
            text(row, "route"),
            text(row, "control"),
            text(row, "reason"),
        );
    }
    drawn
}
