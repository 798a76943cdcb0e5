//! The command line.
//!
//! Owns the names of the verbs and their order in `--help`, which follows a person's day: first
//! steps, running, proving, looking. Each verb's own flags live with its command.

use clap::{Parser, Subcommand};

use crate::commands;

/// Keeps the promises of a SECURITY.md, and proves it
///
/// Vouchsafe stands in front of an unmodified app, enforces what its SECURITY.md promises, and
/// attacks the running deployment to show which promises are kept.
#[derive(Parser)]
#[command(version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a whole protected system on this machine, attack it, and prove its document
    Demo(commands::demo::Args),
    /// Write a first configuration and document for an app
    Init(commands::init::Args),
    /// Say whether a configuration would start, without listening
    Check(commands::check::Args),
    /// Start the gate
    Up(commands::up::Args),
    /// Make the running gate read its configuration again
    Reload(commands::reload::Args),
    /// Say what each stage would do with a request, and which line of the configuration decides
    Explain(commands::explain::Args),
    /// Show what routes under observation would have refused
    Observed(commands::observed::Args),
    /// Attack the running deployment, one probe for each promise of its document
    Prove(commands::prove::Args),
    /// Create, list and revoke API keys
    #[command(subcommand)]
    Key(commands::key::Command),
    /// Make and change the accounts of people who have a password here
    #[command(subcommand)]
    User(commands::user::Command),
    /// Show who is logged in, and end sessions
    #[command(subcommand)]
    Session(commands::session::Command),
    /// Revoke tokens that have not ended, and list what is revoked
    #[command(subcommand)]
    Token(commands::token::Command),
    /// Read what monitoring systems send
    #[command(subcommand)]
    Alert(commands::alert::Command),
    /// List, set up, sign, verify and explain webhooks
    #[command(subcommand)]
    Webhook(commands::webhook::Command),
    /// Read, explain, export and verify the ledger
    #[command(subcommand)]
    Ledger(commands::ledger::Command),
    /// Say where connections to the outside may go
    #[command(subcommand)]
    Egress(commands::egress::Command),
    /// Show the effective configuration
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Ask a running gate whether it is well
    Healthcheck(commands::healthcheck::Args),
    /// Serve the app of a demo system
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    DemoApp(commands::demo_app::Args),
    /// Print the reference of every control
    #[command(hide = true)]
    Reference(commands::reference::Args),
}
