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
    },
    /// Sign a body as its provider would, and print the target and headers to send
    Sign(Sign),
    /// Say whether a delivery is genuine: exit 0 genuine, 1 refused, 2 unusable input
    Verify(Verify),
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

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Schemes { format } => schemes(*format),
        Command::Sign(args) => sign_delivery(args),
        Command::Verify(args) => verify(args),
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
                "{:<20} {:<24} {}",
                scheme.name, scheme.provider, scheme.integrity
            )
        }),
    };
    done.map_err(io("print", "is standard output closed?"))?;
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
            serde_json::json!({ "target": signed.target, "headers": signed.headers })
        ),
        Format::Text => std::iter::once(signed.target.clone())
            .chain(
                signed
                    .headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}")),
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
