//! `token revoke|revocations`: over the admin socket of a running gate.
//!
//! Owns the reading of arguments and what is printed. Refuses to work without a running gate, which
//! knows whose tokens are believed and refuses a revoked one from the next request on.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use serde_json::{Value, json};

use super::{Format, moment, print};
use crate::{admin, failure::Failure, load};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Refuse a token that has not ended, or all that a subject was issued until now
    Revoke(Revoke),
    /// List the revocations of tokens that may not have ended
    Revocations(Revocations),
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Revoke {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// Who issued it: an issuer of the configuration, or the public_url
    #[arg(long)]
    issuer: String,
    /// The one token that is called so
    #[arg(long, group = "which")]
    jti: Option<String>,
    /// When that token ends, where you know, such as 2027-01-31T12:00:00Z
    #[arg(long, requires = "jti")]
    until: Option<String>,
    /// Every token issued until now to this subject; of tokens of our own, their key
    #[arg(long, group = "which")]
    subject: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Revocations {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Revoke(args) => revoke(args),
        Command::Revocations(args) => revocations(args),
    }
}

fn revoke(args: &Revoke) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let until = args.until.as_deref().map(moment).transpose()?;
    let which = json!({
        "issuer": args.issuer,
        "jti": args.jti,
        "subject": args.subject,
        "until": until.map(control::Timestamp::millis),
    });
    let revoked = admin::client(&loaded).post("/v1/tokens/revoke", &which);
    let revoked = revoked.map_err(admin::unanswered)?;
    let until = revoked.get("until").and_then(Value::as_str);
    let _ = writeln!(
        std::io::stderr(),
        "revoked until {}, when it would have ended by itself",
        until.unwrap_or_default()
    );
    Ok(ExitCode::SUCCESS)
}

fn revocations(args: &Revocations) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let listed = admin::client(&loaded).get("/v1/tokens/revoked");
    let listed = listed.map_err(admin::unanswered)?;
    if args.format == Format::Json {
        return print(&listed.to_string());
    }
    let rows = listed.get("revocations").and_then(Value::as_array);
    let mut text = format!(
        "{:<25} {:<25} {:<30} token or principal",
        "revoked", "until", "issuer"
    );
    for row in rows.into_iter().flatten() {
        let field = |name: &str| row.get(name).and_then(Value::as_str);
        text.push_str(&format!(
            "\n{:<25} {:<25} {:<30} {}",
            field("revoked").unwrap_or("-"),
            field("until").unwrap_or("-"),
            field("issuer").unwrap_or("-"),
            field("jti").or(field("principal")).unwrap_or("-"),
        ));
    }
    print(&text)
}
