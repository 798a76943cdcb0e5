//! `session list|end`: over the admin socket of a running gate.
//!
//! Owns the reading of arguments and what is printed. Refuses to work without a running gate, which
//! holds the sessions in use.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use serde_json::{Value, json};

use super::{Format, print};
use crate::{admin, failure::Failure, load};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List who is logged in
    List(List),
    /// End a session, or all of a person's
    End(End),
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// Of this local account alone
    #[arg(long, conflicts_with = "principal")]
    user: Option<String>,
    /// Of this person alone, as lists name them
    #[arg(long)]
    principal: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct End {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// The session, as the list names it
    #[arg(group = "which")]
    id: Option<String>,
    /// Every session of this local account
    #[arg(long, group = "which")]
    user: Option<String>,
    /// Every session of this person, as lists name them
    #[arg(long, group = "which")]
    principal: Option<String>,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::List(args) => list(args),
        Command::End(args) => end(args),
    }
}

fn list(args: &List) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let which = json!({ "user": args.user, "principal": args.principal });
    let listed = admin::client(&loaded).post("/v1/sessions", &which);
    let listed = listed.map_err(admin::unanswered)?;
    if args.format == Format::Json {
        return print(&listed.to_string());
    }
    let rows = listed.get("sessions").and_then(Value::as_array);
    let mut text = format!(
        "{:<17} {:<18} {:<25} {:<25} roles",
        "id", "principal", "last seen", "ends"
    );
    for row in rows.into_iter().flatten() {
        let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("-");
        let roles = row.get("roles").and_then(Value::as_array);
        let roles = roles.into_iter().flatten().filter_map(Value::as_str);
        text.push_str(&format!(
            "\n{:<17} {:<18} {:<25} {:<25} {}",
            field("id"),
            field("principal"),
            field("last_seen"),
            field("ends"),
            roles.collect::<Vec<_>>().join("; ")
        ));
    }
    print(&text)
}

fn end(args: &End) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let which = json!({ "id": args.id, "user": args.user, "principal": args.principal });
    let ended = admin::client(&loaded).post("/v1/sessions/end", &which);
    let ended = ended.map_err(admin::unanswered)?;
    let count = ended.get("ended").and_then(Value::as_u64).unwrap_or(0);
    let _ = writeln!(std::io::stderr(), "{count} sessions ended");
    Ok(if count == 0 {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}
