//! `prove`: attacks the running deployment, one probe for each promise of its document.
//!
//! Owns arguments, renderings and exit codes: 1 something broken or a waiver expired, 2 could not
//! ask or a probe erred, 3 unproven under `--strict`, else 0. Resolves no secret.

use std::{
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use control::{Catalogue, Class, Clock as _, SystemClock, SystemRng};
use prove::{
    Document, PROBES, Plan,
    document::status,
    report,
    target::{Instance, Reach, Starter},
};

use crate::{
    admin,
    controls::controls,
    failure::{Failure, io},
    load::{self, Loaded},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration of the running gate
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// The document; SECURITY.md beside the configuration when absent
    #[arg(long)]
    document: Option<PathBuf>,
    /// The most a probe may do to the deployment
    #[arg(long, value_enum, default_value_t)]
    allow: Allow,
    /// Exit 3 when something promised stays unproven
    #[arg(long)]
    strict: bool,
    /// Ask whether the probes can fail: on children with one control taken away each
    #[arg(long)]
    self_test: bool,
    /// Renew the status block of the document
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "brief", require_equals = true)]
    write: Option<Write>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Rendering,
}

/// What probes may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Allow {
    /// Every attack is refused at the gate
    #[default]
    Refused,
    /// Canaries are written and removed again
    Writes,
    /// Others may be disturbed
    Disruptive,
}

/// How much the status block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Write {
    /// Date, counts and what is kept
    Brief,
    /// What is broken as well
    Full,
}

/// How a proof is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Rendering {
    /// A table for people
    #[default]
    Text,
    /// For programs
    Json,
    /// For pages
    Markdown,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let catalogue = Catalogue::built_in()
        .map_err(|fault| Failure::new(fault.to_string(), "this build is damaged: install again"))?;
    let path = args
        .document
        .clone()
        .unwrap_or_else(|| loaded.folder.join("SECURITY.md"));
    let document = Document::load(&path, &catalogue)
        .map_err(|faults| Failure::rendered(faults.to_string()))?;
    let clock = SystemClock::new();
    let controls = controls();
    let plan = Plan {
        document: &document,
        configuration: &loaded.tree,
        waivers: &loaded.settings.waivers,
        controls: &controls,
        catalogue: &catalogue,
        probes: PROBES,
        allow: match args.allow {
            Allow::Refused => Class::Refused,
            Allow::Writes => Class::Writes,
            Allow::Disruptive => Class::Disruptive,
        },
        now: clock.now(),
    };
    if args.self_test {
        return self_test(args, &plan);
    }
    let instance = Instance::open(reach(&loaded)?)
        .map_err(|fault| Failure::rendered(format!("error: {fault}")))?;
    let proof = prove::run(&plan, &instance, &instance);
    print(&match args.format {
        Rendering::Text => report::table(&proof, colour()),
        Rendering::Json => report::json(&proof).to_string(),
        Rendering::Markdown => report::markdown(&proof),
    })?;
    if let Some(write) = args.write {
        let detail = match write {
            Write::Brief => report::Detail::Kept,
            Write::Full => report::Detail::Full,
        };
        status::write(&path, &report::status(&proof, detail))
            .map_err(|fault| Failure::rendered(format!("error: {fault}")))?;
    }
    Ok(ExitCode::from(proof.exit_code(args.strict)))
}

fn reach(loaded: &Loaded) -> Result<Reach, Failure> {
    Ok(Reach {
        socket: admin::socket_path(&loaded.data_dir),
        configuration: loaded.tree.clone(),
        configuration_sha256: Some(loaded.digest.clone()),
        folder: loaded.folder.clone(),
        observers: loaded.settings.observers.clone(),
        executable: executable()?,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    })
}

fn executable() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(io("find this program", "install it again"))
}

fn self_test(args: &Args, plan: &Plan<'_>) -> Result<ExitCode, Failure> {
    let starter = Starter {
        folder: args.config.parent().unwrap_or(Path::new("")).to_owned(),
        executable: executable()?,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    };
    let tested = prove::self_test::run(plan, &starter)
        .map_err(|fault| Failure::new(fault.to_string(), "start the gate once to see why"))?;
    print(&match args.format {
        Rendering::Json => report::self_test_json(&tested).to_string(),
        Rendering::Text | Rendering::Markdown => report::self_test_table(&tested),
    })?;
    Ok(ExitCode::from(tested.exit_code()))
}

fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

fn print(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{}", text.trim_end())
        .map_err(io("print", "is standard output closed?"))
}
