//! `user add|list|reset|disable|enable|unlock`: over the admin socket of a running gate.
//!
//! Owns the reading of arguments and what is printed. Refuses to work without a running gate, because
//! only it can write down what was changed, and knows who is signed in and who is locked.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{Format, print, roles};
use crate::{
    admin,
    failure::Failure,
    load::{self, Loaded},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make an account; prints the link by which its person sets a password, once
    Add(Add),
    /// List the accounts
    List(List),
    /// Take the password away, end the sessions, and print a new link
    Reset(Reset),
    /// Let nobody in with an account, and end its sessions
    Disable(One),
    /// Let the person of a disabled account in again
    Enable(One),
    /// Forgive an account its failed attempts
    Unlock(One),
}

#[derive(clap::Args)]
pub(crate) struct Add {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// What the person types; an e-mail address will do
    name: String,
    /// A role; repeat it
    #[arg(long = "role")]
    roles: Vec<String>,
    /// Tenant
    #[arg(long)]
    tenant: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct Reset {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// Name of the account
    name: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct One {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// Name of the account
    name: String,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(args) => add(args),
        Command::List(args) => list(args),
        Command::Reset(args) => {
            let made = ask(
                &args.config,
                "/v1/users/reset",
                &json!({ "name": args.name }),
            )?;
            show_link(&made, args.format)
        }
        Command::Disable(args) => change(args, "disable", "disabled"),
        Command::Enable(args) => change(args, "enable", "enabled"),
        Command::Unlock(args) => change(args, "unlock", "unlocked"),
    }
}

fn ask(configuration: &Path, path: &str, body: &Value) -> Result<Value, Failure> {
    ask_of(&load::unresolved(configuration)?, path, body)
}

fn ask_of(loaded: &Loaded, path: &str, body: &Value) -> Result<Value, Failure> {
    admin::client(loaded)
        .post(path, body)
        .map_err(admin::unanswered)
}

fn add(args: &Add) -> Result<ExitCode, Failure> {
    let wish = json!({ "name": args.name, "roles": args.roles, "tenant": args.tenant });
    let loaded = load::unresolved(&args.config)?;
    roles::known(&loaded, &args.roles)?;
    let made = ask_of(&loaded, "/v1/users", &wish)?;
    if args.roles.is_empty() {
        let _ = writeln!(
            std::io::stderr(),
            "note: the person has no role; routes that ask for one stay closed"
        );
    }
    show_link(&made, args.format)
}

/// Prints a link, which is the only time that it is seen.
fn show_link(made: &Value, format: Format) -> Result<ExitCode, Failure> {
    let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
    let line = match format {
        Format::Json => made.to_string(),
        Format::Text => {
            let _ = writeln!(
                std::io::stderr(),
                "account {}; give its person this link, which is good once, until {}:",
                text("name"),
                text("until")
            );
            text("link").to_owned()
        }
    };
    writeln!(std::io::stdout(), "{line}").map_err(|cause| {
        Failure::new(
            format!("the link could not be shown: {cause}"),
            format!("nobody has it; run: vouchsafe user reset {}", text("name")),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn list(args: &List) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let listed = admin::client(&loaded).get("/v1/users");
    let listed = listed.map_err(admin::unanswered)?;
    if args.format == Format::Json {
        return print(&listed.to_string());
    }
    let rows = listed.get("users").and_then(Value::as_array);
    let mut text = format!("{:<32} {:<18} {:<34} roles", "name", "principal", "state");
    for row in rows.into_iter().flatten() {
        let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("-");
        let roles = row.get("roles").and_then(Value::as_array);
        let roles = roles.into_iter().flatten().filter_map(Value::as_str);
        let state = match (field("disabled"), field("changed"), field("claimable")) {
            ("-", "-", "-") => "no password, no link".to_owned(),
            ("-", "-", until) => format!("link until {until}"),
            ("-", _, _) => "in use".to_owned(),
            (since, _, _) => format!("disabled {since}"),
        };
        text.push_str(&format!(
            "\n{:<32} {:<18} {state:<34} {}",
            field("name"),
            field("principal"),
            roles.collect::<Vec<_>>().join("; ")
        ));
    }
    print(&text)
}

fn change(args: &One, verb: &str, done: &str) -> Result<ExitCode, Failure> {
    let path = format!("/v1/users/{verb}");
    let changed = ask(&args.config, &path, &json!({ "name": args.name }))?;
    let ended = changed.get("sessions_ended").and_then(Value::as_u64);
    let sessions = match ended {
        Some(count) => format!(", {count} sessions ended"),
        None => String::new(),
    };
    let _ = writeln!(std::io::stderr(), "{done} {}{sessions}", args.name);
    Ok(ExitCode::SUCCESS)
}
