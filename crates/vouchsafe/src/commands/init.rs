//! `init`: a first configuration and document for an app.
//!
//! Owns two small files that a person then edits. Refuses to overwrite either. What it writes is
//! closed: every path asks for a key until somebody says otherwise, with a reason.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use control::{Asked, Catalogue};

use crate::failure::{Failure, io};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the app listens, such as http://127.0.0.1:3000
    #[arg(long)]
    upstream: String,
    /// The address people and providers use
    #[arg(long, default_value = "http://localhost:8080")]
    public_url: String,
    /// Name of the deployment
    #[arg(long, default_value = "app")]
    name: String,
    /// Serve every path without a credential, for this reason
    #[arg(long, value_name = "REASON")]
    open: Option<String>,
    /// Folder for both files
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

/// A promise and the values its anchor carries.
type First = (&'static str, &'static [(&'static str, &'static str)]);

/// What a deployment without any special feature promises from the first day: heading, then ids
/// with the values its first configuration gives them.
const FIRST_PROMISES: &[(&str, &[First])] = &[
    (
        "The front door",
        &[
            ("wire.framing", &[]),
            ("identity.headers-stripped", &[]),
            ("app.only-behind-gate", &[]),
            ("host.allow-list", &[]),
            ("proxy.trusted", &[("from", "none")]),
            ("headers.nosniff", &[]),
            ("headers.frame", &[]),
            ("headers.referrer", &[]),
            ("page.scripts", &[]),
        ],
    ),
    (
        "Who may see what",
        &[
            ("auth.default-on", &[]),
            ("webhook.documented-open", &[]),
            ("auth.enforced", &[("route", "/")]),
            ("auth.header-only", &[("route", "/")]),
            ("key.digest-only", &[]),
            ("key.prefix-entropy", &[("bits", "112")]),
            ("key.revocable", &[("within", "1s")]),
            ("key.random", &[]),
            ("key.scoped", &[]),
        ],
    ),
    (
        "Logs and audit",
        &[
            ("log.no-credentials", &[]),
            ("audit.every-request", &[]),
            ("audit.auth-events", &[]),
            ("audit.tamper-evident", &[]),
        ],
    ),
];

/// What can only be attacked where some route asks for a key.
const NEEDS_A_KEY: &[&str] = &[
    "auth.enforced",
    "auth.header-only",
    "key.digest-only",
    "key.prefix-entropy",
    "key.revocable",
    "key.random",
    "key.scoped",
    "log.no-credentials",
    "audit.auth-events",
];

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let configuration = configuration(args);
    let catalogue = Catalogue::built_in()
        .map_err(|fault| Failure::new(fault.to_string(), "this build is damaged: install again"))?;
    let document = document(&catalogue, args.open.is_none());
    // A configuration that would not start is a fault of the arguments: say so before writing.
    let file = args.dir.join("vouchsafe.toml");
    crate::load::check_text(&file, &configuration)?;
    write_new(&file, &configuration)?;
    write_new(&args.dir.join("SECURITY.md"), &document)?;
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(
        stderr,
        "wrote vouchsafe.toml and SECURITY.md in {}\n\nnext: vouchsafe up, then vouchsafe prove",
        args.dir.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let hint = "move the old file away, or choose another --dir";
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(io(format!("write {}", path.display()), hint))?;
    file.write_all(text.as_bytes())
        .map_err(io(format!("write {}", path.display()), hint))
}

/// A TOML basic string: what a person typed may hold quotes and backslashes.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn configuration(args: &Args) -> String {
    let guard = match &args.open {
        Some(reason) => format!("auth = \"none\"\nreason = {}", quoted(reason)),
        None => {
            "auth = [\"api-key\"]   # make one: vouchsafe key create --name me --scope 'GET,POST /'"
                .to_owned()
        }
    };
    format!(
        "version = 1\n\n\
         [deployment]\n\
         name = {name}\n\
         public_url = {public}\n\
         data_dir = \"data\"\n\n\
         [[listen]]\n\
         address = \"127.0.0.1:8080\"\n\n\
         # Scripts that stand in a page do not run. If your app needs them: scripts = \"off\", and a reason.\n\
         [headers]\n\
         scripts = \"same-origin\"\n\n\
         [[app]]\n\
         name = \"app\"\n\
         upstream = {upstream}\n\n\
         # A path and everything below it. A path nobody should reach without a key needs no more\n\
         # than this; one that is open says why: auth = \"none\", reason = \"public landing page\".\n\
         [[route]]\n\
         path = \"/\"\n\
         app = \"app\"\n\
         {guard}\n",
        name = quoted(&args.name),
        public = quoted(&args.public_url),
        upstream = quoted(&args.upstream),
    )
}

fn document(catalogue: &Catalogue, guarded: bool) -> String {
    let mut text = String::from(
        "# Security\n\nEach sentence below that carries an anchor is a promise of this deployment. \
         `vouchsafe prove` tries to\nbreak it. Write the sentences in your own words; keep the \
         anchors and their numbers.\n\n<!-- vouchsafe:status -->\nNot proved yet: run `vouchsafe \
         prove --write`.\n<!-- /vouchsafe:status -->\n",
    );
    for (heading, promises) in FIRST_PROMISES {
        text.push_str(&format!("\n## {heading}\n\n"));
        for (id, values) in *promises {
            let needs_guard = NEEDS_A_KEY.contains(id);
            let Some(promise) = catalogue.get(id).filter(|_| guarded || !needs_guard) else {
                continue;
            };
            let values: Vec<(String, String)> = values
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            let anchor: String = values.iter().map(|(k, v)| format!(" {k}={v}")).collect();
            let asked = Asked {
                promise: (*id).to_owned(),
                values: values.into_iter().collect(),
                line: 0,
                sentence: String::new(),
            };
            text.push_str(&format!(
                "- {} <!-- promise: {id}{anchor} -->\n",
                promise.sentence_for(&asked)
            ));
        }
    }
    text
}
