//! `webhook schemes|sign|verify`: the scheme engine on the command line.
//!
//! Owns the reading of files, headers and moments. Exit codes: 0 genuine, 1 refused with the reason
//! on stderr, 2 unusable input. Secret files are read as they are, less one final newline.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use control::{Clock as _, Secret, SystemClock, Timestamp, rng};
use hooks::window::{self, Judgement, Question, Unusable};

use super::{Format, moment};
use crate::failure::{Failure, io};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the schemes this build knows
    Schemes {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Print the page of the guides instead
        #[arg(long, hide = true)]
        page: bool,
    },
    /// Sign a body as its provider would, and print the target and headers to send
    Sign(Sign),
    /// Say whether a delivery is genuine: exit 0 genuine, 1 refused, 2 unusable input
    Verify(Verify),
    /// Explain why a captured delivery does not verify: exit 0 genuine, 1 refused, 2 unusable input
    Doctor(Doctor),
    /// Print what to configure for a provider, and what to do there
    Init(Init),
}

/// What `sign` and `verify` both need.
#[derive(clap::Args)]
struct Common {
    /// Name of the scheme, as `webhook schemes` lists it
    #[arg(long)]
    scheme: String,
    /// File with the secret, read as it is less one final newline; repeat it for rotation
    #[arg(long, required = true)]
    secret_file: Vec<PathBuf>,
    /// The URL the provider calls, query included
    #[arg(long)]
    url: Option<String>,
    /// Method
    #[arg(long, default_value = "POST")]
    method: String,
    /// A header, `Name: value`; repeat it
    #[arg(long = "header")]
    headers: Vec<String>,
    /// What was chosen at the provider, `name=value`; repeat it
    #[arg(long = "option")]
    options: Vec<String>,
    /// The moment to sign or judge at, RFC 3339; now when absent
    #[arg(long)]
    now: Option<String>,
    /// File with the body; `-` is standard input
    #[arg(long)]
    body_file: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Sign {
    #[command(flatten)]
    common: Common,
    /// Identity of the message, for schemes that sign one; random when absent
    #[arg(long)]
    id: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    common: Common,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct Init {
    /// Name of the scheme, as `webhook schemes` lists it
    provider: String,
    /// The deployment's public URL, without a path
    #[arg(long, default_value = "https://app.example")]
    public_url: String,
    /// Path of the route; /webhook/PROVIDER when absent
    #[arg(long)]
    path: Option<String>,
    /// Name of the app behind it
    #[arg(long, default_value = "app")]
    app: String,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Schemes { page: true, .. } => page(),
        Command::Schemes { format, .. } => schemes(*format),
        Command::Sign(args) => sign_delivery(args),
        Command::Verify(args) => verify(args),
        Command::Doctor(args) => doctor(args),
        Command::Init(args) => init(args),
    }
}

fn schemes(format: Format) -> Result<ExitCode, Failure> {
    let listed = window::schemes();
    let mut stdout = std::io::stdout().lock();
    let done = match format {
        Format::Json => {
            let value = serde_json::to_value(&listed)
                .map_err(|fault| Failure::new(fault.to_string(), "report this as a defect"))?;
            writeln!(stdout, "{value}")
        }
        Format::Text => listed.iter().try_for_each(|scheme| {
            writeln!(
                stdout,
                "{:<20} {:<30} {}{}",
                scheme.name,
                scheme.integrity,
                scheme.provider,
                if scheme.experimental {
                    ", experimental"
                } else {
                    ""
                }
            )
        }),
    };
    done.map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}

fn page() -> Result<ExitCode, Failure> {
    std::io::stdout()
        .lock()
        .write_all(hooks::providers::page().as_bytes())
        .map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}

fn sign_delivery(args: &Sign) -> Result<ExitCode, Failure> {
    let given = Given::read(&args.common)?;
    let id = match &args.id {
        Some(id) => id.clone(),
        None => fresh_id()?,
    };
    let signed = window::sign(&given.question(&args.common), &id).map_err(unusable)?;
    let mut stdout = std::io::stdout().lock();
    let done = match args.format {
        Format::Json => writeln!(
            stdout,
            "{}",
            serde_json::json!({
                "target": signed.target,
                "headers": signed.headers,
                "body": signed.body.as_deref().map(String::from_utf8_lossy),
            })
        ),
        Format::Text => std::iter::once(signed.target.clone())
            .chain(
                signed
                    .headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}")),
            )
            .chain(
                // Where the signature stands in the body, the body is another.
                signed
                    .body
                    .iter()
                    .map(|body| format!("\n{}", String::from_utf8_lossy(body))),
            )
            .try_for_each(|line| writeln!(stdout, "{line}")),
    };
    done.map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}

fn verify(args: &Verify) -> Result<ExitCode, Failure> {
    let given = Given::read(&args.common)?;
    match window::verify(&given.question(&args.common)) {
        Judgement::Genuine => Ok(ExitCode::SUCCESS),
        Judgement::Refused(refusal) => {
            let _ = writeln!(std::io::stderr(), "refused: {refusal}");
            Ok(ExitCode::from(1))
        }
        Judgement::Unusable(why) => Err(unusable(why)),
    }
}

fn doctor(args: &Doctor) -> Result<ExitCode, Failure> {
    let given = Given::read(&args.common)?;
    let finding = window::examine(&given.question(&args.common)).map_err(unusable)?;
    let mut stdout = std::io::stdout().lock();
    let done = match args.format {
        Format::Json => writeln!(
            stdout,
            "{}",
            serde_json::json!({
                "genuine": finding.genuine,
                "refusal": finding.refusal.map(|refusal| refusal.to_string()),
                "notes": finding.notes,
            })
        ),
        Format::Text if finding.genuine => writeln!(stdout, "genuine"),
        Format::Text => finding
            .refusal
            .iter()
            .map(|refusal| format!("refused: {refusal}"))
            .chain(finding.notes.iter().map(|note| format!("- {note}")))
            .try_for_each(|line| writeln!(stdout, "{line}")),
    };
    done.map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::from(u8::from(!finding.genuine)))
}

fn init(args: &Init) -> Result<ExitCode, Failure> {
    let scheme = hooks::Scheme::find(&args.provider)
        .ok_or_else(|| unusable(Unusable::NoScheme(args.provider.clone())))?;
    let default = format!("/webhook/{}", args.provider);
    let place = hooks::setup::Place {
        public_url: &args.public_url,
        path: args.path.as_deref().unwrap_or(&default),
        app: &args.app,
    };
    std::io::stdout()
        .lock()
        .write_all(hooks::setup::configuration(scheme, &place).as_bytes())
        .map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}

fn unusable(why: Unusable) -> Failure {
    Failure::new(why.to_string(), why.hint())
}

/// The files and the moment behind the arguments.
struct Given {
    secrets: Vec<Secret>,
    body: Vec<u8>,
    now: Timestamp,
}

impl Given {
    fn read(common: &Common) -> Result<Self, Failure> {
        let secrets = common
            .secret_file
            .iter()
            .map(|path| read_limited(path).map(window::secret_of_file))
            .collect::<Result<_, _>>()?;
        let now = match &common.now {
            Some(text) => moment(text)?,
            None => SystemClock::new().now(),
        };
        Ok(Self {
            secrets,
            body: read_limited(&common.body_file)?,
            now,
        })
    }

    fn question<'a>(&'a self, common: &'a Common) -> Question<'a> {
        Question {
            scheme: &common.scheme,
            secrets: &self.secrets,
            url: common.url.as_deref(),
            method: &common.method,
            headers: &common.headers,
            body: &self.body,
            now: self.now,
            options: &common.options,
        }
    }
}

/// Bodies above this are refused: no provider sends more.
const BODY_LIMIT: u64 = 64 << 20;

fn read_limited(path: &Path) -> Result<Vec<u8>, Failure> {
    let hint = "name a file that can be read";
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .take(BODY_LIMIT + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(BODY_LIMIT + 1).read_to_end(&mut bytes))
    };
    read.map_err(io(format!("read {}", path.display()), hint))?;
    if bytes.len() as u64 > BODY_LIMIT {
        return Err(Failure::new(
            format!("{} is above 64 MiB", path.display()),
            "no provider sends that much",
        ));
    }
    Ok(bytes)
}

fn fresh_id() -> Result<String, Failure> {
    let bytes: [u8; 12] = rng::array(&control::SystemRng)
        .map_err(|fault| Failure::new(fault.to_string(), "give an --id"))?;
    Ok(format!("msg_{}", seal::encode::hex(&bytes)))
}
