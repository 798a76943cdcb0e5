//! `demo`: a whole protected system on this machine.
//!
//! Owns the order of events: start the app and the gate on free ports, send real traffic, attack
//! both doors, prove the document, stay up until Ctrl-C. With `--once` it ends with the proof's exit
//! code.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use control::Timestamp;

use super::Format;
use crate::{
    demo::{attacks, helpline, outreach, savings, stage::Stage, system::System, traffic},
    failure::{Failure, io},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which system
    #[arg(value_enum, default_value_t)]
    system: System,
    /// End after the proof, with its exit code
    #[arg(long)]
    once: bool,
    /// Where the login provider of a system whose people log in is installed, if not in the cache
    #[arg(long, value_name = "FOLDER")]
    provider: Option<PathBuf>,
    /// How to print the proof
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How many students the synthetic class has.
const CLASS: usize = 24;

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let say = |line: &str| {
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    let stage = Stage::set(args.system, args.provider.as_deref())?;
    say(&format!("the app, bare      http://{}", stage.app()));
    say(&format!("behind Vouchsafe   {}", stage.door()));
    say(&format!(
        "its configuration  {}",
        stage.configuration().display()
    ));

    let (sent, outcomes) = match args.system {
        System::StudentOutreach => outreach_shown(&stage)?,
        System::Helpline => helpline_shown(&stage)?,
        System::SavingsAnalysis => savings_shown(&stage)?,
    };
    say(&format!("\nreal traffic: {sent} went through"));
    say(&format!("\n{}", attacks::table(&outcomes)));

    let proof = stage.prove(args.format)?;
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(&proof.report)
        .map_err(io("print the proof", "is standard output closed?"))?;
    drop(stdout);
    let proven = ExitCode::from(proof.exit);
    let exit = match attacks::contradiction(&outcomes) {
        None => proven,
        Some(why) => {
            say(&format!(
                "\nthe table of attacks contradicts the proof: {why}"
            ));
            ExitCode::from(1)
        }
    };
    if args.once {
        return Ok(exit);
    }
    say(&format!(
        "\nstill up: {} (Ctrl-C ends it)\ntry: vouchsafe ledger tail --config {}",
        stage.door(),
        stage.configuration().display()
    ));
    super::up::wait_for_end()?;
    Ok(exit)
}

/// What went through, in words, and what became of the attacks.
type Shown = (String, Vec<attacks::Outcome>);

fn outreach_shown(stage: &Stage) -> Result<Shown, Failure> {
    let class = student_outreach::synthetic(CLASS);
    let sent = traffic::run(stage, &class)?;
    let words = format!(
        "{} registrations, {} messages, two people who signed in, and {} pages",
        sent.registrations, sent.messages, sent.pages
    );
    Ok((words, outreach::attack(stage, &class, &sent)?))
}

fn helpline_shown(stage: &Stage) -> Result<Shown, Failure> {
    let (worker, sent) = helpline::work(stage)?;
    let words = format!(
        "a key made by an admin, a token for it, an account that its case worker signed in with, {} \
         calls entered and {} looks at them",
        sent.calls, sent.reads
    );
    Ok((words, helpline::attack(stage, &worker)?))
}

fn savings_shown(stage: &Stage) -> Result<Shown, Failure> {
    let (known, sent) = savings::work(stage)?;
    let words = format!(
        "{} logins at a certified provider, {} pages, {} purchase histories, a logout",
        sent.logins, sent.pages, sent.uploads
    );
    Ok((words, savings::attack(stage, &known)?))
}

/// The day a demo's waivers end: 30 days after it starts.
pub(crate) fn waived_until(now: Timestamp) -> Timestamp {
    now.plus(std::time::Duration::from_secs(30 * 24 * 60 * 60))
}
