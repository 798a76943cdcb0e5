//! `explain`: what each stage would say of a request, and which line of the configuration makes it so.
//!
//! Owns the reading of who asks and the printing. Nothing is sent: the configuration is read as `up`
//! reads it, and a key is looked up by its public prefix.

use std::{fmt::Write as _, io::Write as _, path::PathBuf, process::ExitCode};

use control::{Clock as _, SystemClock};
use gate::explain::{HeldKey, Question, Step, Verdict, Who, explain};
use identity::Scopes;
use serde_json::{Value, json};

use super::{Format, key};
use crate::{
    failure::{Failure, io},
    load::{self, Loaded},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Method, such as GET
    method: String,
    /// Path, as a client would send it
    path: String,
    /// Who asks: nobody, role:NAME (several with commas), or key:ID with the public prefix of a key
    #[arg(long = "as", value_name = "WHO", default_value = "nobody")]
    who: String,
    /// Host that is asked for; the public one where none is named
    #[arg(long)]
    host: Option<String>,
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let loaded = load::resolved(&args.config)?;
    let who = who(&loaded, &args.who)?;
    let Some(site) = &loaded.site else {
        return Err(Failure::new(
            "the configuration was not understood",
            "run: vouchsafe check",
        ));
    };
    let method = args.method.to_ascii_uppercase();
    let question = Question {
        method: &method,
        path: &args.path,
        host: args.host.as_deref(),
        who: &who,
        now: SystemClock::new().now(),
    };
    let steps = explain(site, &question);
    let refused = steps.iter().find_map(|step| match step.verdict {
        Verdict::Refuse(status) => Some(status),
        Verdict::Pass | Verdict::Observe(_) | Verdict::Depends => None,
    });
    let text = match args.format {
        Format::Json => json!({
            "method": method,
            "path": args.path,
            "as": args.who,
            "refused": refused,
            "stages": steps.iter().map(told).collect::<Vec<_>>(),
        })
        .to_string(),
        Format::Text => drawn(&loaded, &steps, refused),
    };
    writeln!(std::io::stdout(), "{text}").map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::from(u8::from(refused.is_some())))
}

fn told(step: &Step) -> Value {
    let (verdict, status) = match step.verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Refuse(status) => ("refuse", Some(status)),
        Verdict::Observe(status) => ("observe", Some(status)),
        Verdict::Depends => ("depends", None),
    };
    json!({
        "stage": step.stage,
        "verdict": verdict,
        "status": status,
        "why": step.why,
        "line": step.line,
    })
}

fn drawn(loaded: &Loaded, steps: &[Step], refused: Option<u16>) -> String {
    let mut text = String::new();
    for step in steps {
        let verdict = match step.verdict {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Refuse(status) => format!("refuse {status}"),
            Verdict::Observe(status) => format!("observe {status}"),
            Verdict::Depends => "depends".to_owned(),
        };
        let _ = write!(text, "{:<13} {verdict:<11} {}", step.stage, step.why);
        if let Some(line) = step.line {
            let _ = write!(text, " ({}:{line})", loaded.path.display());
        }
        text.push('\n');
    }
    let depends = steps.iter().any(|step| step.verdict == Verdict::Depends);
    let observed = steps.iter().find_map(|step| match step.verdict {
        Verdict::Observe(status) => Some(status),
        Verdict::Pass | Verdict::Refuse(_) | Verdict::Depends => None,
    });
    text.push_str(&match (refused, observed, depends) {
        (Some(status), ..) => format!("refused with {status}"),
        (None, Some(status), _) => format!(
            "admitted as nobody, because its route is observed; it would be refused with {status}"
        ),
        (None, None, true) => "admitted, if what it depends on holds".to_owned(),
        (None, None, false) => "admitted".to_owned(),
    });
    text
}

/// Who is meant by `text`.
fn who(loaded: &Loaded, text: &str) -> Result<Who, Failure> {
    match text.split_once(':') {
        None if text == "nobody" => Ok(Who::Nobody),
        Some(("role", roles)) => {
            let roles: Vec<String> = roles
                .split(',')
                .map(|role| role.trim().to_owned())
                .collect();
            if let Some(unknown) = unknown_role(loaded, &roles) {
                return Err(unknown);
            }
            Ok(Who::Roles(roles))
        }
        Some(("key", id)) => held(loaded, id).map(Who::Key),
        _ => Err(Failure::new(
            "that says not who asks",
            "write --as nobody, --as role:NAME or --as key:ID",
        )),
    }
}

/// A role that a table of roles does not have is a spelling mistake.
fn unknown_role(loaded: &Loaded, roles: &[String]) -> Option<Failure> {
    let table = loaded.site.as_ref()?.roles()?;
    let unknown = roles.iter().find(|role| !table.knows(role))?;
    let known = table.roles();
    let hint = match config::nearest(unknown, known.iter().map(AsRef::as_ref)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the roles are {}", known.join(", ")),
    };
    Some(Failure::new(format!("[roles] has no role {unknown}"), hint))
}

/// The key with the public prefix `id`, as the running gate or the store lists it.
fn held(loaded: &Loaded, id: &str) -> Result<HeldKey, Failure> {
    let listed = key::listed(loaded)?;
    let rows = listed.get("keys").and_then(Value::as_array);
    let is = |row: &&Value| row.get("id").and_then(Value::as_str) == Some(id);
    let Some(row) = rows.into_iter().flatten().find(is) else {
        // What was given may be a whole key, pasted by mistake: it is not repeated.
        return Err(Failure::new(
            "no key has that id",
            "see: vouchsafe key list",
        ));
    };
    let texts = |name: &str| -> Vec<String> {
        let list = row.get(name).and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let scopes = texts("scopes");
    let scopes = match scopes.as_slice() {
        [all] if all == identity::scope::ALL => Scopes::All,
        listed => Scopes::parse(listed)
            .map_err(|fault| Failure::new(fault.to_string(), "report this as a defect"))?,
    };
    let has = |name: &str| row.get(name).is_some_and(|value| !value.is_null());
    let ended = if has("revoked") {
        Some("is revoked")
    } else if row
        .get("expires")
        .and_then(Value::as_str)
        .is_some_and(is_past)
    {
        Some("has expired")
    } else {
        None
    };
    Ok(HeldKey {
        scopes,
        roles: texts("roles"),
        ended,
    })
}

/// Whether a moment in RFC 3339 with milliseconds, as we print it, has passed.
fn is_past(moment: &str) -> bool {
    // Both are written alike, so that their letters compare as the moments do.
    moment <= SystemClock::new().now().to_string().as_str()
}
